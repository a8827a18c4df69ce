using System.Reflection;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.ModelFiles;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Lists accelerator types with their zones and prices, from the built-in catalog or a file of the same form.
/// Prices drift, spot prices most, so users may replace the file.
/// </summary>
public sealed class PriceCatalog
{
    /// <summary>The highest price of a chip-hour and rate of a chip that are read; chosen, far above any.</summary>
    private const int MostUsd = 1_000_000, MostRate = 1_000_000_000;

    private readonly Document _document;

    private PriceCatalog(Document document) => _document = document;

    /// <summary>Loads a catalog.</summary>
    /// <param name="path">A JSON file; null for the built-in one.</param>
    /// <returns>The catalog.</returns>
    /// <exception cref="ModelFileException">The file cannot be read, or does not have that form.</exception>
    public static PriceCatalog Load(string? path)
    {
        if (path is null)
        {
            using var stream = Assembly.GetExecutingAssembly()
                .GetManifestResourceStream("Workflows.Activities.catalog.json")!;
            return new PriceCatalog(JsonSerializer.Deserialize<Document>(stream, RunLedger.Json)!);
        }

        var document = JsonFile.Read(
            path, FileLimits.Configuration, root => root.Deserialize<Document>(RunLedger.Json)!);
        return FaultOf(document) is { } problem
            ? throw new ModelFileException(path, problem)
            : new PriceCatalog(document);
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

    /// <summary>Returns the bandwidth of the device memory of a whole slice.</summary>
    /// <param name="acceleratorType">Such as <c>v5litepod-8</c>.</param>
    /// <returns>GB/s; null if the catalog does not have it.</returns>
    public double? GigabytesPerSecond(string acceleratorType) => Find(acceleratorType) is { } generation
        ? generation.Types[acceleratorType] * generation.GigabytesPerSecond
        : null;

    /// <summary>Returns the chips of a slice.</summary>
    /// <param name="acceleratorType">A known type.</param>
    /// <returns>Their number, 1 or more.</returns>
    public int Chips(string acceleratorType) => Find(acceleratorType)!.Types[acceleratorType];

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

    /// <summary>Lists the accelerator types of a zone.</summary>
    /// <param name="zone">The zone.</param>
    /// <returns>The types; none for an unknown zone.</returns>
    public IReadOnlyList<string> TypesOf(string zone) =>
        [.. _document.Generations.Where(each => each.Zones.ContainsKey(zone)).SelectMany(each => each.Types.Keys)];

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

        // Flex-start has no price of its own in the catalog: it is counted at the one on demand.
        var mode = provisioning == ProvisioningMode.Spot ? 1 : 0;
        var perChipHour = price?[mode] ?? generation.Zones.Values.Max(each => each[mode]);
        var chips = generation.Types[type];
        return new Candidate(
            zone, type, provisioning, runtimeVersion ?? generation.RuntimeVersion, chips, perChipHour * chips);
    }

    /// <summary>Returns the first thing that a price could not be made of; null: none.</summary>
    private static string? FaultOf(Document document)
    {
        if (document.Generations is not { Count: > 0 })
        {
            return "it names no generations";
        }

        foreach (var each in document.Generations)
        {
            var problem = each switch
            {
                { Name.Length: > 0, RuntimeVersion.Length: > 0, Types.Count: > 0, Zones.Count: > 0 } =>
                    each.Types.Where(type => type.Value < 1)
                        .Select(type => $"type '{type.Key}' has {type.Value} chips, wanted 1 or more")
                        .Concat(each.Zones
                            .Where(zone => zone.Value is not [>= 0 and <= MostUsd, >= 0 and <= MostUsd])
                            .Select(zone => $"zone '{zone.Key}' has not two prices of 0 to {MostUsd} USD, on demand "
                                + "and spot"))
                        .Concat(each.TflopsPerChip is > 0 and <= MostRate ? []
                            : [$"tflopsPerChip is {each.TflopsPerChip}, wanted above 0: no time could be estimated"])
                        .Concat(each.GigabytesPerSecond is null or (> 0 and <= MostRate) ? []
                            : [$"gigabytesPerSecond is {each.GigabytesPerSecond}, wanted above 0, or none"])
                        .FirstOrDefault(),
                _ => "it lacks name, runtimeVersion, types or zones",
            };
            if (problem is not null)
            {
                return $"generation '{each?.Name}': {problem}";
            }
        }

        return document.Egress is null or { WithinContinent: >= 0, BetweenContinents: >= 0 }
            ? null
            : "egress: a price is below 0";
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
        double? HbmGibPerChip = null, double? GigabytesPerSecond = null);
}
