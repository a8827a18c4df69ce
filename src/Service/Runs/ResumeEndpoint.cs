using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>Serves POST /runs/{id}/resume: continues a stopped run from its newest checkpoint.</summary>
internal static class ResumeEndpoint
{
    public static void MapResume(this IEndpointRouteBuilder runs) => runs.MapPost("/{id}/resume", ResumeAsync);

    private static async Task<IResult> ResumeAsync(
        string id, HttpRequest http, RunResumer resumer, CancellationToken cancellation)
    {
        var changes = await RunEndpoints.ReadAsync(http.Body, cancellation);
        if (!RunId.TryParse(id, out var runId))
        {
            return Problems.Of(StatusCodes.Status404NotFound, Resumed.Unknown, $"There is no run '{SafeText.Of(id)}'.");
        }

        var resumed = await resumer.ResumeAsync(runId, changes, cancellation);
        if (resumed.Code is { } code)
        {
            return Problems.Of(
                code == Resumed.Unknown ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict, code,
                resumed.Detail);
        }

        http.HttpContext.Response.Headers.RetryAfter = "5";
        return TypedResults.Accepted($"/runs/{id}", new
        {
            id,
            part = resumed.Part,
            changes = resumed.Changes,
            statusUri = $"/runs/{id}",
            cancelUri = $"/runs/{id}/cancel",
            reportUri = $"/runs/{id}/report",
        });
    }
}
