using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves GET /runs/{id}/resources: the nodes and queued resources that a run has or had in the cloud.
/// </summary>
internal static class ResourcesEndpoint
{
    public static void MapResources(this IEndpointRouteBuilder runs) => runs.MapGet("/{id}/resources", ListAsync)
        .Described(
            "listResources", "Lists the nodes and queued resources of a run in the order of its requests, with their "
                + "cost, and the proof of their deletion.", 404)
        .Produces<IReadOnlyList<RunResource>>().AddEndpointFilter<EntityTags>();

    private static async Task<IResult> ListAsync(
        string id, RunService service, RunLedger ledger, TimeProvider clock, CancellationToken cancellation) =>
        // A run that has just been started has no ledger yet.
        RunId.TryParse(id, out var runId)
            && (ledger.Knows(runId) || await service.FindAsync(runId, cancellation) is not null)
            ? TypedResults.Ok(RunResources.Of(ledger, runId, clock.GetUtcNow()))
            : RunEndpoints.Unknown(id);
}
