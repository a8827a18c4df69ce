using System.Text.Json.Serialization;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>A maintenance of the hosts of nodes: their VMs end, and boot again when it is over.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record MaintenanceScenario
{
    /// <summary>Gets the number of nodes that are maintained, once each; further ones stay.</summary>
    public int Nodes { get; init; } = 1;

    /// <summary>Gets the time since READY, in seconds.</summary>
    public double AfterSeconds { get; init; }

    /// <summary>Gets the time of the notice before it, in seconds.</summary>
    public double NoticeSeconds { get; init; }

    /// <summary>Gets the time that it takes, in seconds.</summary>
    public double ForSeconds { get; init; } = 60;
}
