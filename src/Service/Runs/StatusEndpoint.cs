using Microsoft.DurableTask.Client;
using Microsoft.OpenApi;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves GET /runs/{id}, with the parameters that it has in Durable Functions, and a wait.</summary>
internal static class StatusEndpoint
{
    /// <summary>Seconds after which a caller asks again.</summary>
    private const string AskAgain = "5";

    private const string ShowInput = "showInput", ShowHistory = "showHistory",
        ShowHistoryOutput = "showHistoryOutput";

    /// <summary>Asks for a failed run with the status 500.</summary>
    private const string ErrorOnFailure = "returnInternalServerErrorOnFailure";

    public static void MapStatus(this IEndpointRouteBuilder runs) => runs.MapGet("/{id}", ShowAsync)
        .Described("showRun", "Shows a run: 202 while it is under way, 200 when it has ended.", 400, 404, 429, 503)
        .HasParameter(ParameterLocation.Header, "If-None-Match", "The ETag of the answer that the caller has.")
        .HasParameter(
            ParameterLocation.Query, ShowInput, "false: leaves out the request (true).", JsonSchemaType.Boolean)
        .HasParameter(
            ParameterLocation.Query, ShowHistory, "true: the engine's history of the orchestration, too (false).",
            JsonSchemaType.Boolean)
        .HasParameter(
            ParameterLocation.Query, ShowHistoryOutput, "true: with showHistory, inputs and results, too (false).",
            JsonSchemaType.Boolean)
        .HasParameter(
            ParameterLocation.Query, ErrorOnFailure, "true: a run that failed is answered with 500 (false).",
            JsonSchemaType.Boolean)
        .HasWait()
        .Produces<RunView>().Produces<RunView>(StatusCodes.Status202Accepted)
        .Produces(StatusCodes.Status304NotModified).Produces<RunView>(StatusCodes.Status500InternalServerError)
        .AddEndpointFilter<EntityTags>();

    /// <summary>Describes the parameters of a wait.</summary>
    internal static RouteHandlerBuilder HasWait(this RouteHandlerBuilder endpoint) => endpoint
        .HasParameter(
            ParameterLocation.Query, RunWait.TimeoutName,
            "Waits for the end of the run for this many seconds, 1 to 600, and answers as without if it has not ended.",
            JsonSchemaType.Number)
        .HasParameter(
            ParameterLocation.Query, RunWait.IntervalName, "Seconds between two looks of a wait, 1 to 60 (1).",
            JsonSchemaType.Number);

    private static async Task<IResult> ShowAsync(
        string id, HttpRequest http, RunService service, RunWaiter waiter, DurableTaskClient client,
        StreamPlaces places, IHostApplicationLifetime lifetime, CancellationToken cancellation)
    {
        var errors = new List<FieldError>();
        var withInput = QueryFlags.Read(http.Query, ShowInput, true, errors);
        var withHistory = QueryFlags.Read(http.Query, ShowHistory, false, errors);
        var withOutput = QueryFlags.Read(http.Query, ShowHistoryOutput, false, errors);
        var asError = QueryFlags.Read(http.Query, ErrorOnFailure, false, errors);
        var wait = RunWait.Of(http.Query, errors);
        if (errors.Count > 0)
        {
            throw new RunRequestException(errors);
        }

        if (!RunId.TryParse(id, out var runId))
        {
            return RunEndpoints.Unknown(id);
        }

        if (wait is not null)
        {
            if (places.Refuse(http.HttpContext) is { } refusal)
            {
                return refusal;
            }

            using var end = CancellationTokenSource.CreateLinkedTokenSource(
                cancellation, lifetime.ApplicationStopping);
            await waiter.WaitAsync(runId, wait, end.Token);
        }

        if (await service.FindAsync(runId, cancellation, withInput) is not { } run)
        {
            return RunEndpoints.Unknown(id);
        }

        if (withHistory)
        {
            run = await RunHistory.AddAsync(run, client, withOutput, cancellation);
        }

        if (run.HasEnded)
        {
            return asError && run.Status == RunStatus.Failed
                ? TypedResults.Json(run, statusCode: StatusCodes.Status500InternalServerError) : TypedResults.Ok(run);
        }

        http.HttpContext.Response.Headers.RetryAfter = AskAgain;
        return TypedResults.Accepted($"/runs/{id}", run);
    }
}
