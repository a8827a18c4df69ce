using Workflows.Activities.Reporting;
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
        await RunEndpoints.KnownAsync(id, ledger, service, cancellation) is { } runId
            ? TypedResults.Ok(RunResources.Of(ledger, runId, clock.GetUtcNow()))
            : RunEndpoints.Unknown(id);
}
