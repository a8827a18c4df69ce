using System.Security.Claims;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves POST /runs/{id}/resume: continues a stopped run from its newest checkpoint.</summary>
internal static class ResumeEndpoint
{
    public static void MapResume(this IEndpointRouteBuilder runs) => runs.MapPost("/{id}/resume", ResumeAsync)
        .Described(
            "resumeRun", "Continues a stopped run from its newest checkpoint, with the given changes.", 400, 404, 409,
            413)
        .HasBody<RunRequest>(isOptional: true)
        .Produces<ResumedView>(StatusCodes.Status202Accepted);

    private static async Task<IResult> ResumeAsync(
        string id, string? reason, HttpRequest http, RunResumer resumer, ClaimsPrincipal caller,
        CancellationToken cancellation)
    {
        var why = CallReason.Read(reason);
        var changes = await RunEndpoints.ReadAsync(http.Body, cancellation);
        if (!RunId.TryParse(id, out var runId))
        {
            return Problems.Of(StatusCodes.Status404NotFound, Resumed.Unknown, $"There is no run '{SafeText.Of(id)}'.");
        }

        var resumed = await resumer.ResumeAsync(
            runId, changes, new CallerNote(AccessPolicies.CallerOf(caller), why), cancellation);
        return Answer(http.HttpContext.Response, runId, resumed);
    }

    /// <summary>Makes the answer to a resumption, or to its refusal.</summary>
    internal static IResult Answer(HttpResponse response, RunId runId, Resumed resumed)
    {
        if (resumed.Code is { } code)
        {
            return Problems.Of(
                code == Resumed.Unknown ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict, code,
                resumed.Detail);
        }

        response.Headers.RetryAfter = "5";
        return TypedResults.Accepted(
            $"/runs/{runId}",
            new ResumedView(
                runId, resumed.Part, resumed.Changes, $"/runs/{runId}", $"/runs/{runId}/cancel",
                $"/runs/{runId}/report"));
    }
}

/// <summary>The answer to a resumption.</summary>
/// <param name="Id">The run.</param>
/// <param name="Part">Number of the part that begins, 2 or more.</param>
/// <param name="Changes">The changed fields, with the values before and after.</param>
/// <param name="StatusUri">Shows the run.</param>
/// <param name="CancelUri">Stops it, with POST.</param>
/// <param name="ReportUri">Its report, once it has ended.</param>
public sealed record ResumedView(
    RunId Id, int Part, IReadOnlyList<FieldChange> Changes, string StatusUri, string CancelUri, string ReportUri);
