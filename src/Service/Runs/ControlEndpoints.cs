using System.Security.Claims;
using Microsoft.OpenApi;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves the management of runs beyond start and cancellation: suspend, unsuspend, rerun, purge.</summary>
internal static class ControlEndpoints
{
    public static void MapControl(this IEndpointRouteBuilder runs)
    {
        runs.MapPost("/{id}/suspend", (
                string id, string? reason, RunSuspender suspender, ClaimsPrincipal caller, CancellationToken end) =>
            SuspendAsync(id, true, reason, suspender, caller, end))
            .Described(
                "suspendRun", "Stops a run's work and gives its TPU back until it is unsuspended.", 400, 404, 409, 410)
            .Produces<ControlledView>(StatusCodes.Status202Accepted);
        runs.MapPost("/{id}/unsuspend", (
                string id, string? reason, RunSuspender suspender, ClaimsPrincipal caller, CancellationToken end) =>
            SuspendAsync(id, false, reason, suspender, caller, end))
            .Described("unsuspendRun", "Continues a suspended run from its newest checkpoint.", 400, 404, 410)
            .Produces<ControlledView>(StatusCodes.Status202Accepted);
        runs.MapPost("/{id}/rerun", RerunAsync)
            .Described(
                "rerunRun", "Starts another run from a run's request, with the given changes, from the beginning or "
                    + "with the work of the stages before one (from: prepare, train, evaluate, report).",
                400, 404, 409, 413, 502)
            .HasParameter(ParameterLocation.Header, "Idempotency-Key", "The same key starts the same run once.")
            .HasBody<RunRequest>(isOptional: true).Produces<StartedView>(StatusCodes.Status202Accepted);
        runs.MapDelete("/{id}", PurgeAsync)
            .Described("purgeRun", "Deletes an ended run, and its artifacts if asked.", 400, 404, 409, 502)
            .Produces<PurgedView>().NeedsRole(AccessRole.Admin);
        runs.MapDelete("/", PurgeSomeAsync)
            .Described(
                "purgeRuns", "Deletes the ended runs of a filter, a page at a time, and tells those that are left.",
                400, 404)
            .HasFilters()
            .HasParameter(
                ParameterLocation.Query, "all", "true: all ended runs, in place of a filter.", JsonSchemaType.Boolean)
            .HasParameter(
                ParameterLocation.Query, "artifacts", "true: their checkpoints and tuned models, too (false).",
                JsonSchemaType.Boolean)
            .Produces<PurgedRunsView>().NeedsRole(AccessRole.Admin);
    }

    private static async Task<IResult> SuspendAsync(
        string id, bool suspends, string? reason, RunSuspender suspender, ClaimsPrincipal caller,
        CancellationToken cancellation)
    {
        if (!RunId.TryParse(id, out var runId))
        {
            return RunEndpoints.Unknown(id);
        }

        var refusal = await suspender.RequestAsync(
            runId, suspends, AccessPolicies.ReasonOf(caller, CallReason.Read(reason)), cancellation);
        return refusal is not null
            ? refusal.ToResult()
            : TypedResults.Accepted(
                $"/runs/{id}", new ControlledView(runId, suspends ? "suspending" : "unsuspending"));
    }

    private static async Task<IResult> RerunAsync(
        string id, string? from, string? reason, HttpRequest http, RunRerunner rerunner, ClaimsPrincipal caller,
        CancellationToken cancellation)
    {
        var key = RunEndpoints.KeyOf(http);
        var stage = RunRerunner.StageOf(from);
        var why = CallReason.Read(reason);
        var changes = await RunEndpoints.ReadAsync(http.Body, cancellation);
        if (!RunId.TryParse(id, out var runId))
        {
            return RunEndpoints.Unknown(id);
        }

        var (started, refusal) = await rerunner.RerunAsync(
            runId, changes, stage, key, new CallerNote(AccessPolicies.CallerOf(caller), why), cancellation);
        return refusal?.ToResult()
            ?? (started is var (made, wasThere)
                ? RunEndpoints.Started(http, made, wasThere) : RunEndpoints.Unknown(id));
    }

    private static async Task<IResult> PurgeAsync(
        string id, string? artifacts, string? reason, RunPurger purger, CancellationToken cancellation)
    {
        var withArtifacts = artifacts switch
        {
            null or "false" => false,
            "true" => true,
            _ => throw new RunRequestException([new FieldError(
                "artifacts", $"'{SafeText.Of(artifacts, 50)}' is neither true nor false.",
                "Use true to delete checkpoints and the tuned model, too, or leave it out.")]),
        };
        _ = CallReason.Read(reason);
        if (!RunId.TryParse(id, out var runId))
        {
            return RunEndpoints.Unknown(id);
        }

        try
        {
            var (view, refusal) = await purger.PurgeAsync(runId, withArtifacts, cancellation);
            return refusal?.ToResult() ?? TypedResults.Ok(view);
        }
        catch (ArtifactException exception)
        {
            return Problems.Of(
                StatusCodes.Status502BadGateway, exception.ErrorCode,
                $"{exception.Address}: {exception.Problem} {exception.Fix} The run is still there: purge it again.");
        }
    }

    private static async Task<IResult> PurgeSomeAsync(
        string? reason, HttpRequest http, RunsPurger purger, CancellationToken cancellation)
    {
        var errors = new List<FieldError>();
        var isAll = QueryFlags.Read(http.Query, "all", false, errors);
        var withArtifacts = QueryFlags.Read(http.Query, "artifacts", false, errors);
        if (errors.Count > 0)
        {
            throw new RunRequestException(errors);
        }

        _ = CallReason.Read(reason);
        var page = RunPage.Of(http.Query, http.Headers[RunPage.TokenHeader]);
        if (page.IsFiltered == isAll)
        {
            throw new RunRequestException([new FieldError(
                "all",
                isAll ? "It contradicts the filter beside it." : "There is no filter, so that all runs would go.",
                "Use filters such as status and to, or all=true alone.")]);
        }

        if (await purger.PurgeAsync(page, withArtifacts, cancellation) is not { } view)
        {
            return Problems.Of(
                StatusCodes.Status404NotFound, "RUNS_UNMATCHED", "No run is like that, so none was deleted.");
        }

        if (view.Next is { } next)
        {
            http.HttpContext.Response.Headers[RunPage.TokenHeader] = next;
        }

        return TypedResults.Ok(view);
    }
}

/// <summary>The answer to a request that changes a run under way.</summary>
/// <param name="Id">The run.</param>
/// <param name="Status">The change, which the run makes next: <c>suspending</c> or <c>unsuspending</c>.</param>
public sealed record ControlledView(RunId Id, string Status);
