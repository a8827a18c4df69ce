using System.Text.Json.Serialization;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>Preemptions of spot nodes.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record PreemptionScenario
{
    /// <summary>Gets the number of nodes that are preempted; further ones stay.</summary>
    public int Nodes { get; init; } = 1;

    /// <summary>Gets a value indicating whether the node is preempted before it is READY.</summary>
    public bool WhileCreating { get; init; }

    /// <summary>Gets the time since READY, in seconds; null for no preemption by time.</summary>
    public double? AfterSeconds { get; init; }

    /// <summary>Gets the time of the notice before a preemption after READY, in seconds: the VM's metadata says so, and
    /// its command gets SIGTERM, as at a shutdown.</summary>
    public double NoticeSeconds { get; init; }

    /// <summary>Gets a guest attribute, <c>namespace/key</c>, that preempts the node when its number is
    /// reached.</summary>
    public string? GuestAttribute { get; init; }

    /// <summary>Gets the number that the attribute must reach.</summary>
    public double AtLeast { get; init; }
}
