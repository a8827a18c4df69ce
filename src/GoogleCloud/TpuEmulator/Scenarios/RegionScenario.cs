using System.Text.Json.Serialization;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>The rules of one region.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RegionScenario
{
    /// <summary>Gets the limits over all zones of the region by quota name, in the units of a zone's limits. The names
    /// say PerRegion where those of zones say PerZone.</summary>
    public IReadOnlyDictionary<string, int> Quota { get; init; } = new Dictionary<string, int>();
}
