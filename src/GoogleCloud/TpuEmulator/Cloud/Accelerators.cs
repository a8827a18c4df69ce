using System.Globalization;
using Google.Cloud.Tpu.V2;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>The accelerator types, each with chips, topology, hosts, image and quota family.</summary>
internal static class Accelerators
{
    private static readonly (string Prefix, AcceleratorConfig.Types.Type Type, string Runtime, int CoresPerChip,
        string Quota, (int Size, string Topology)[] Sizes)[] Families =
    [
        ("v2-", AcceleratorConfig.Types.Type.V2, "tpu-ubuntu2204-base", 2, "TPUV2s{0}Pod", [(8, "2x2"), (32, "4x4")]),
        ("v3-", AcceleratorConfig.Types.Type.V3, "tpu-ubuntu2204-base", 2, "TPUV3s{0}Pod", [(8, "2x2"), (32, "4x4")]),
        ("v4-", AcceleratorConfig.Types.Type.V4, "tpu-ubuntu2204-base", 2, "TPUV4s{0}Pod",
            [(8, "2x2x1"), (16, "2x2x2"), (32, "2x2x4"), (64, "2x4x4")]),
        ("v5litepod-", AcceleratorConfig.Types.Type.V5LitePod, "v2-alpha-tpuv5-lite", 1, "TPUV5s{0}Litepod",
            [(1, "1x1"), (4, "2x2"), (8, "2x4"), (16, "4x4"), (32, "4x8"), (64, "8x8"), (128, "8x16"), (256, "16x16")]),
        ("v5p-", AcceleratorConfig.Types.Type.V5P, "v2-alpha-tpuv5", 2, "TPUV5P{0}",
            [(8, "2x2x1"), (16, "2x2x2"), (32, "2x2x4"), (64, "2x4x4"), (128, "4x4x4")]),
        ("v6e-", AcceleratorConfig.Types.Type.V6E, "v2-alpha-tpuv6e", 1, "TPUV6E{0}",
            [(1, "1x1"), (4, "2x2"), (8, "2x4"), (16, "4x4"), (32, "4x8"), (64, "8x8"), (128, "8x16"), (256, "16x16")]),
    ];

    /// <summary>Gets every type.</summary>
    public static IReadOnlyList<Accelerator> All { get; } = [.. Families.SelectMany(family =>
        family.Sizes.Select(size => new Accelerator(
            family.Prefix + size.Size.ToString(CultureInfo.InvariantCulture), family.Type, size.Topology,
            size.Size / family.CoresPerChip, size.Size, family.Runtime, family.Quota)))];

    /// <summary>Gets every quota against which some type counts.</summary>
    public static IReadOnlyList<string> QuotaNames { get; } = [.. All
        .SelectMany(each => new[] { each.QuotaName(isSpot: false), each.QuotaName(isSpot: true) }).Distinct()];

    /// <summary>Gets the same quotas over the zones of a region.</summary>
    public static IReadOnlyList<string> RegionQuotaNames { get; } = [.. QuotaNames.Select(OfRegion)];

    /// <summary>Returns the region's quota beside a zone's.</summary>
    public static string OfRegion(string quota) => quota.Replace("PerZone", "PerRegion", StringComparison.Ordinal);

    /// <summary>Returns the spot quota beside an on-demand one; a spot quota itself.</summary>
    public static string OfSpot(string quota) => All
        .Where(each => quota == each.QuotaName(isSpot: false) || quota == OfRegion(each.QuotaName(isSpot: false)))
        .Select(each => quota == each.QuotaName(isSpot: false)
            ? each.QuotaName(isSpot: true) : OfRegion(each.QuotaName(isSpot: true)))
        .FirstOrDefault(quota);

    public static Accelerator? Find(string type) => All.FirstOrDefault(
        each => string.Equals(each.Name, type, StringComparison.OrdinalIgnoreCase));

    /// <summary>Gets every image that some generation needs.</summary>
    public static IReadOnlyList<string> Runtimes { get; } = [.. All.Select(each => each.Runtime).Distinct()];
}

/// <summary>An accelerator type. Quota is counted in the unit of the type's name: chips, or TensorCores for v2 to
/// v5p.</summary>
internal sealed record Accelerator(
    string Name, AcceleratorConfig.Types.Type Type, string Topology, int Chips, int QuotaUnits, string Runtime,
    string QuotaPattern)
{
    /// <summary>Gets the number of worker VMs: one for each four chips, one for all slices of up to eight.</summary>
    public int Hosts => Chips <= 8 ? 1 : Chips / 4;

    /// <summary>Returns the quota against which a slice counts. Small v5e slices count against the one for
    /// serving.</summary>
    public string QuotaName(bool isSpot)
    {
        var family = string.Format(CultureInfo.InvariantCulture, QuotaPattern, isSpot ? "Preemptible" : "");
        var serving = Type == AcceleratorConfig.Types.Type.V5LitePod && Chips <= 8 ? "Serving" : "";
        return $"{family}{serving}PerProjectPerZoneForTPUAPI";
    }
}
