using Microsoft.AspNetCore.Http.HttpResults;
using Workflows.Activities.Capacity;
using Workflows.Service.Access;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves what is remembered of places over HTTP, to read and to forget it: refusals, waits, lives.</summary>
internal static class ZoneEndpoints
{
    public static void MapZones(this IEndpointRouteBuilder routes)
    {
        var zones = routes.MapGroup("/zones");
        zones.MapGet("/", (CapacityMemory memory) => TypedResults.Ok(memory.All()))
            .Described("listZones", "Lists the refusals that are remembered.");
        zones.MapGet("/seen", (CapacityMemory memory) => TypedResults.Ok(memory.Seen()))
            .Described("listSeen", "Lists the waits for nodes and the lives of lost ones that are remembered.");
        zones.MapDelete("/", (CapacityMemory memory) => Forgotten(memory.Forget(null)))
            .Described("forgetZones", "Forgets all refusals.").NeedsRole(AccessRole.Admin);
        zones.MapDelete("/{place}", Forget)
            .Described("forgetZone", "Forgets the refusals of one place.", 404).Produces<ForgottenView>()
            .NeedsRole(AccessRole.Admin);
    }

    private static IResult Forget(string place, CapacityMemory memory) => memory.Forget(place) is > 0 and var count
        ? Forgotten(count)
        : Problems.Of(
            StatusCodes.Status404NotFound, "ZONE_NOT_REMEMBERED",
            $"Nothing is remembered of '{SafeText.Of(place)}'; GET /zones and /zones/seen, or \"workflows zones\" with "
            + "and without --seen, list the places.");

    private static Ok<ForgottenView> Forgotten(int count) => TypedResults.Ok(new ForgottenView(count));
}

/// <summary>The answer to a request to forget places.</summary>
/// <param name="Forgotten">Number of places of which something was remembered, each with its type, mode and
/// project.</param>
internal sealed record ForgottenView(int Forgotten);
