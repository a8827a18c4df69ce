using Microsoft.AspNetCore.Http.HttpResults;
using Workflows.Activities.Capacity;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves the remembered refusals over HTTP, to read and to forget them.</summary>
internal static class ZoneEndpoints
{
    public static void MapZones(this IEndpointRouteBuilder routes)
    {
        var zones = routes.MapGroup("/zones");
        zones.MapGet("/", (CapacityMemory memory) => TypedResults.Ok(memory.All()))
            .Described("listZones", "Lists the refusals that are remembered.");
        zones.MapDelete("/", (CapacityMemory memory) => Forgotten(memory.Forget(null)))
            .Described("forgetZones", "Forgets all refusals.");
        zones.MapDelete("/{place}", Forget)
            .Described("forgetZone", "Forgets the refusals of one place.", 404).Produces<ForgottenView>();
    }

    private static IResult Forget(string place, CapacityMemory memory) => memory.Forget(place) is > 0 and var count
        ? Forgotten(count)
        : Problems.Of(
            StatusCodes.Status404NotFound, "ZONE_NOT_REMEMBERED",
            $"No refusal of '{SafeText.Of(place)}' is remembered; GET /zones, or \"workflows zones\", lists the places "
            + "that are.");

    private static Ok<ForgottenView> Forgotten(int count) => TypedResults.Ok(new ForgottenView(count));
}

/// <summary>The answer to a request to forget refusals.</summary>
/// <param name="Forgotten">Number of refusals that held until then.</param>
internal sealed record ForgottenView(int Forgotten);
