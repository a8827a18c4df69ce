using Microsoft.AspNetCore.Http.HttpResults;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
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
        zones.MapGet("/prices", (PriceCatalog catalog) => TypedResults.Ok(PriceView.Of(catalog)))
            .Described("listPrices", "Lists the prices of slices, cheapest spot price first by type.");
        zones.MapDelete("/", Forgotten)
            .Described(
                "forgetZones", "Forgets the refusals, waits and lives of all places, or of one type, mode or project.",
                400)
            .NeedsRole(AccessRole.Admin);
        zones.MapDelete("/{place}", Forget)
            .Described(
                "forgetZone",
                "Forgets the refusals, waits and lives of a zone or region, or of one type, mode or project there.",
                400, 404).Produces<ForgottenView>()
            .NeedsRole(AccessRole.Admin);
    }

    private static IResult Forget(
        string place, string? type, string? mode, string? project, string? reason, CapacityMemory memory)
    {
        // The service's log has it, with the caller.
        _ = CallReason.Read(reason);
        return memory.Forget(new ForgottenPlace(place, type, ModeOf(mode), project)) is > 0 and var count
            ? TypedResults.Ok(new ForgottenView(count))
            : Problems.Of(
                StatusCodes.Status404NotFound, "ZONE_NOT_REMEMBERED",
                $"Nothing is remembered of '{SafeText.Of(place)}'; GET /zones and /zones/seen, or \"workflows zones\" "
                + "with and without --seen, list the places.");
    }

    private static Ok<ForgottenView> Forgotten(
        string? type, string? mode, string? project, CapacityMemory memory, string? reason)
    {
        _ = CallReason.Read(reason);
        return TypedResults.Ok(new ForgottenView(
            memory.Forget(new ForgottenPlace(null, type, ModeOf(mode), project))));
    }

    /// <summary>Reads a mode: a misspelt one would forget nothing, and a wrong one something else.</summary>
    private static string? ModeOf(string? mode) => mode is null || WireName.TryParse<ProvisioningMode>(mode, out _)
        ? mode
        : throw new RunRequestException([new FieldError(
            "mode", $"'{SafeText.Of(mode, 100)}' is no mode.",
            $"Use {string.Join(", ", WireName.All<ProvisioningMode>())}, or leave it out for all.")]);
}

/// <summary>The list prices of a slice in a zone.</summary>
/// <param name="AcceleratorType">The slice, such as <c>v5litepod-8</c>.</param>
/// <param name="Zone">The zone.</param>
/// <param name="Chips">Chips of the slice, 1 or more.</param>
/// <param name="SpotUsdPerHour">US dollars for an hour of the whole slice as a spot node.</param>
/// <param name="OnDemandUsdPerHour">US dollars for an hour of the whole slice on demand.</param>
public sealed record PriceView(
    string AcceleratorType, string Zone, int Chips, double SpotUsdPerHour, double OnDemandUsdPerHour)
{
    internal static IReadOnlyList<PriceView> Of(PriceCatalog catalog) =>
    [
        .. from type in catalog.AcceleratorTypes
           from spot in catalog.Offers(type, ProvisioningMode.Spot, runtimeVersion: null)
           let regular = catalog.At(type, spot.Zone, ProvisioningMode.OnDemand, runtimeVersion: null)
           select new PriceView(type, spot.Zone, catalog.Chips(type), spot.UsdPerHour, regular.UsdPerHour),
    ];
}

/// <summary>The answer to a request to forget places.</summary>
/// <param name="Forgotten">Number of places of which something was remembered, each with its type, mode and
/// project.</param>
internal sealed record ForgottenView(int Forgotten);
