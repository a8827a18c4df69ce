using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>Lists the places that a run tries, in order, and checks whether its program fits there.</summary>
internal static class PlaceList
{
    /// <summary>The code of a model that fits on no place of the request.</summary>
    public const string TooLarge = "MODEL_TOO_LARGE";

    /// <summary>Lists the places of a request.</summary>
    /// <param name="catalog">The zones and prices.</param>
    /// <param name="spec">The run.</param>
    /// <returns>At least one.</returns>
    /// <exception cref="RunFaultException">A type is unknown, or has several hosts.</exception>
    public static IReadOnlyList<Candidate> Of(PriceCatalog catalog, RunSpec spec) =>
        Of(catalog, spec, spec.Tpu.Provisioning);

    /// <summary>Lists the places on demand to which a run goes over from spot.</summary>
    /// <param name="catalog">The zones and prices.</param>
    /// <param name="spec">The run.</param>
    /// <returns>Places within the request's price; none if the run does not go over.</returns>
    public static IReadOnlyList<Candidate> OnDemand(PriceCatalog catalog, RunSpec spec) =>
        spec.Tpu is { Provisioning: ProvisioningMode.Spot, Fallback: SpotFallback.OnDemand }
            ? [.. Of(catalog, spec, ProvisioningMode.OnDemand).Where(each => IsWithinPrice(each.UsdPerHour, spec))]
            : [];

    private static List<Candidate> Of(PriceCatalog catalog, RunSpec spec, ProvisioningMode mode)
    {
        var candidates = new List<Candidate>();
        foreach (var type in spec.Tpu.AcceleratorTypes)
        {
            if (!catalog.AcceleratorTypes.Contains(type))
            {
                throw new RunFaultException(
                    "UNKNOWN_ACCELERATOR", $"tpu.acceleratorTypes names '{type}', which is not in the price catalog.",
                    $"Use one of: {string.Join(", ", catalog.AcceleratorTypes)}.");
            }

            var zone = spec.Tpu.Zones is [var first, ..] ? first : "";
            var chips = catalog.At(type, zone, mode, null).Chips;
            if (!spec.IsRehearsal && chips > ChipsOfOneHost(type))
            {
                throw new RunFaultException(
                    "SEVERAL_HOSTS_UNSUPPORTED",
                    $"tpu.acceleratorTypes names '{type}', whose {chips} chips are on several hosts; a run uses one.",
                    "Use a type of one host, such as v5litepod-8 or v6e-8.");
            }

            candidates.AddRange(spec.Tpu.Zones.Count == 0
                ? catalog.Offers(type, mode, spec.Tpu.RuntimeVersion)
                : spec.Tpu.Zones.Select(each => catalog.At(type, each, mode, spec.Tpu.RuntimeVersion)));
        }

        return candidates;
    }

    /// <summary>Returns the most chips of one host: eight for v5e and v6e, four for the other generations.</summary>
    public static int ChipsOfOneHost(string type) =>
        type.StartsWith("v5litepod-", StringComparison.Ordinal) || type.StartsWith("v6e-", StringComparison.Ordinal)
            ? 8
            : 4;

    /// <summary>Leaves out the places above the request's price.</summary>
    /// <param name="places">The places.</param>
    /// <param name="spec">The run.</param>
    /// <returns>The remaining places, at least one.</returns>
    /// <exception cref="RunFaultException">None is left.</exception>
    public static IReadOnlyList<Candidate> WithinPrice(IReadOnlyList<Candidate> places, RunSpec spec)
    {
        List<Candidate> left = [.. places.Where(place => IsWithinPrice(place.UsdPerHour, spec))];
        return left.Count > 0 ? left : throw TooDear(places.Min(place => place.UsdPerHour), spec);
    }

    /// <summary>Returns whether a price is within the request's.</summary>
    public static bool IsWithinPrice(double usdPerHour, RunSpec spec) => !(usdPerHour > spec.Tpu.MaxUsdPerHour);

    /// <summary>Creates the fault for a request whose every place is above its price.</summary>
    public static RunFaultException TooDear(double cheapest, RunSpec spec) => new(
        "PRICE_ABOVE_LIMIT",
        string.Create(
            CultureInfo.InvariantCulture,
            $"The cheapest place costs {cheapest:0.00##} USD an hour, above tpu.maxUsdPerHour of "
            + $"{spec.Tpu.MaxUsdPerHour:0.00##}."),
        "Raise tpu.maxUsdPerHour, or name a smaller type, other zones or spot provisioning: 'workflows plan REQUEST' "
        + "lists the prices.");

    /// <summary>Leaves out the places whose chips cannot hold the program.</summary>
    /// <param name="places">The places.</param>
    /// <param name="memory">Returns the memory of a type's chips.</param>
    /// <returns>The remaining places, at least one.</returns>
    /// <exception cref="RunFaultException">None is left.</exception>
    public static IReadOnlyList<Candidate> ThatFit(
        IReadOnlyList<Candidate> places, Func<string, PlaceMemory> memory)
    {
        var byType = places.Select(each => each.AcceleratorType).Distinct(StringComparer.Ordinal)
            .ToDictionary(type => type, memory);
        List<Candidate> left = [.. places.Where(each => byType[each.AcceleratorType].Fits)];
        return left.Count > 0 ? left : throw Refusal(byType);
    }

    /// <summary>Creates the fault for a program that fits on no type.</summary>
    public static RunFaultException Refusal(IReadOnlyDictionary<string, PlaceMemory> byType) => new(
        TooLarge,
        "The run's programs do not fit: " + string.Join(", ", byType.Select(pair => $"{pair.Key} {pair.Value.Lack}"))
        + ".",
        "Name a type with more chips or more memory a chip in tpu.acceleratorTypes, set training.method to \"lora\", "
        + "or take a smaller model. 'workflows compile REQUEST' counts its programs.");
}

/// <summary>Memory of one chip, in GiB.</summary>
/// <param name="LeastGib">
/// Memory that the programs need: all of it by a compiler, otherwise the least; null if it was not counted.
/// </param>
/// <param name="HbmGib">Memory of the chip; null if the catalog does not have it.</param>
internal sealed record PlaceMemory(double? LeastGib, double? HbmGib)
{
    /// <summary>Bytes of a GiB.</summary>
    public const double Gibibyte = 1L << 30;

    /// <summary>Gets the source of the needed memory; null if it was not counted.</summary>
    public EstimateSource? Source { get; init; }

    /// <summary>Gets the compiler's refusal; null for none.</summary>
    public string? Refusal { get; init; }

    /// <summary>Gets the reason why no compiler counted it; null if one did, or was not wanted.</summary>
    public string? Why { get; init; }

    /// <summary>Gets a value indicating whether the programs may fit; false only if they certainly do not.</summary>
    public bool Fits => Refusal is null && !(LeastGib > HbmGib);

    /// <summary>Gets the words of a place that is too small, after its name.</summary>
    public string Lack => Refusal is { } refusal
        ? $"is refused by its compiler ({refusal})"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"needs {LeastGib:0.0} GiB a chip {(Source == EstimateSource.Compiled ? "as compiled" : "at the least")} "
            + $"and has {HbmGib:0.0}");
}
