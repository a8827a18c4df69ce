using System.Reflection;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Lists accelerator types with their zones and prices, from the built-in catalog or a file of the same form.
/// Prices drift, spot prices most, so users may replace the file.
/// </summary>
public sealed class PriceCatalog
{
    private readonly Document _document;

    private PriceCatalog(Document document) => _document = document;

    /// <summary>Loads a catalog.</summary>
    /// <param name="path">A JSON file; null for the built-in one.</param>
    /// <returns>The catalog.</returns>
    /// <exception cref="InvalidDataException">The file does not have that form.</exception>
    public static PriceCatalog Load(string? path)
    {
        using Stream stream = path is null
            ? Assembly.GetExecutingAssembly().GetManifestResourceStream("Workflows.Activities.catalog.json")!
            : File.OpenRead(path);
        try
        {
            var document = JsonSerializer.Deserialize<Document>(stream, RunLedger.Json);
            return document is { Generations.Count: > 0 }
                ? new PriceCatalog(document)
                : throw new InvalidDataException($"Price catalog '{path}' names no generations.");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"Price catalog '{path}': {exception.Message}", exception);
        }
    }

    /// <summary>Gets every accelerator type that the catalog knows.</summary>
    public IEnumerable<string> AcceleratorTypes =>
        _document.Generations.SelectMany(generation => generation.Types.Keys);

    /// <summary>Gets every zone that the catalog knows, in alphabetical order.</summary>
    public IReadOnlyList<string> Zones =>
        [.. _document.Generations.SelectMany(generation => generation.Zones.Keys)
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>Returns the peak bf16 rate of a whole slice.</summary>
    /// <param name="acceleratorType">Such as <c>v5litepod-8</c>.</param>
    /// <returns>TFLOP/s; 0 for an unknown type.</returns>
    public double PeakTflops(string acceleratorType) =>
        Find(acceleratorType) is { } generation ? generation.Types[acceleratorType] * generation.TflopsPerChip : 0;

    /// <summary>Returns the memory of one chip.</summary>
    /// <param name="acceleratorType">Such as <c>v5litepod-8</c>.</param>
    /// <returns>GiB that a program can use; null if the catalog does not have it.</returns>
    public double? HbmGibPerChip(string acceleratorType) => Find(acceleratorType)?.HbmGibPerChip;

    /// <summary>Lists the places that offer a type, cheapest first.</summary>
    /// <param name="acceleratorType">Such as <c>v5litepod-8</c>.</param>
    /// <param name="provisioning">The provisioning mode.</param>
    /// <param name="runtimeVersion">Runtime image; null for the generation's default.</param>
    /// <returns>The places; none for an unknown type.</returns>
    public IReadOnlyList<Candidate> Offers(
        string acceleratorType, ProvisioningMode provisioning, string? runtimeVersion) =>
        Find(acceleratorType) is not { } generation
            ? []
            : [.. generation.Zones.Keys
                .Select(zone => Offer(generation, acceleratorType, zone, provisioning, runtimeVersion))
                .OrderBy(candidate => candidate.UsdPerHour)
                .ThenBy(candidate => candidate.Zone, StringComparer.Ordinal)];

    /// <summary>
    /// Prices a place, whether or not the catalog has the zone. A zone without a price is counted at the generation's
    /// highest price of the mode; the cloud decides whether the zone exists.
    /// </summary>
    /// <param name="acceleratorType">A known type.</param>
    /// <param name="zone">Any zone.</param>
    /// <param name="provisioning">The provisioning mode.</param>
    /// <param name="runtimeVersion">Runtime image; null for the generation's default.</param>
    /// <returns>The candidate.</returns>
    public Candidate At(string acceleratorType, string zone, ProvisioningMode provisioning, string? runtimeVersion) =>
        Offer(Find(acceleratorType)!, acceleratorType, zone, provisioning, runtimeVersion);

    /// <summary>Prices the transfer of bytes from one location of Google's to another.</summary>
    /// <param name="from">A region, or a larger location such as <c>eu</c>.</param>
    /// <param name="to">A region, or a larger location.</param>
    /// <returns>US dollars for 1 GiB; 0 inside a region.</returns>
    public double EgressUsdPerGiB(string from, string to)
    {
        var prices = _document.Egress ?? new Egress(0.02, 0.08);
        return from.Equals(to, StringComparison.OrdinalIgnoreCase) ? 0
            : ContinentOf(from) == ContinentOf(to) ? prices.WithinContinent
            : prices.BetweenContinents;
    }

    private static string ContinentOf(string place) => place.ToUpperInvariant().Split('-')[0] switch
    {
        "EU" or "EUR4" => "EUROPE",
        "NORTHAMERICA" or "NAM4" => "US",
        "ASIA1" => "ASIA",
        var name => name,
    };

    private static Candidate Offer(
        Generation generation, string type, string zone, ProvisioningMode provisioning, string? runtimeVersion)
    {
        var price = generation.Zones.TryGetValue(zone, out var known)
            ? known
            : null;
        var mode = provisioning == ProvisioningMode.Spot ? 1 : 0;
        var perChipHour = price?[mode] ?? generation.Zones.Values.Max(each => each[mode]);
        var chips = generation.Types[type];
        return new Candidate(
            zone, type, provisioning, runtimeVersion ?? generation.RuntimeVersion, chips, perChipHour * chips);
    }

    private Generation? Find(string acceleratorType) =>
        _document.Generations.FirstOrDefault(generation => generation.Types.ContainsKey(acceleratorType));

    private sealed record Document(string Note, IReadOnlyList<Generation> Generations, Egress? Egress = null);

    /// <summary>US dollars for 1 GiB from one region to another.</summary>
    private sealed record Egress(double WithinContinent, double BetweenContinents);

    /// <summary>Types map to chips; zones to [on-demand, spot] in US dollars per chip-hour.</summary>
    private sealed record Generation(
        string Name, string RuntimeVersion, double TflopsPerChip,
        IReadOnlyDictionary<string, int> Types, IReadOnlyDictionary<string, double[]> Zones,
        double? HbmGibPerChip = null);
}
