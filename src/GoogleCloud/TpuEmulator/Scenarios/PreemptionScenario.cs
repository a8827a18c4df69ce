using System.Text.Json.Serialization;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>When spot nodes are taken away.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record PreemptionScenario
{
    /// <summary>Gets how many nodes are taken; further ones stay.</summary>
    public int Nodes { get; init; } = 1;

    /// <summary>Gets a value indicating whether the node is taken before it is READY.</summary>
    public bool WhileCreating { get; init; }

    /// <summary>Gets the time since READY, in seconds; null: not by time.</summary>
    public double? AfterSeconds { get; init; }

    /// <summary>Gets a guest attribute, <c>namespace/key</c>, that takes the node away when its number is
    /// reached.</summary>
    public string? GuestAttribute { get; init; }

    /// <summary>Gets the number.</summary>
    public double AtLeast { get; init; }
}
