using Google.Cloud.Tpu.V2;
using Google.LongRunning;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>A node and what is going to happen to it.</summary>
internal sealed class NodeRecord
{
    public required Node Node { get; init; }

    public required string Project { get; init; }

    public required string Zone { get; init; }

    /// <summary>Unguessable name under which the node's VM finds its metadata.</summary>
    public required string MetadataKey { get; init; }

    /// <summary>When the create operation ends; null: it has.</summary>
    public DateTimeOffset? CreatedAt { get; set; }

    public string? CreateOperation { get; set; }

    /// <summary>The create operation ends in this error instead of READY.</summary>
    public Google.Rpc.Status? CreateError { get; set; }

    /// <summary>When the create operation ends after READY; null: it has, or READY comes first.</summary>
    public DateTimeOffset? OperationEndsAt { get; set; }

    /// <summary>It is taken away before it is READY.</summary>
    public bool IsPreemptedWhileCreating { get; set; }

    /// <summary>When the node is gone; null: nobody deleted it.</summary>
    public DateTimeOffset? GoneAt { get; set; }

    public string? DeleteOperation { get; set; }

    /// <summary>When it is preempted; null: not by time.</summary>
    public DateTimeOffset? PreemptAt { get; set; }

    /// <summary>Guest attribute that preempts it at a number.</summary>
    public string? PreemptAttribute { get; set; }

    public double PreemptAtLeast { get; set; }

    public Dictionary<string, string> GuestAttributes { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The VM: process id and start of the worker; 0: none.</summary>
    public int WorkerPid { get; set; }

    public DateTimeOffset WorkerStartedAt { get; set; }

    public bool IsSpot => Node.SchedulingConfig is { Spot: true } or { Preemptible: true };

    /// <summary>Gets the earliest moment at which something happens by itself.</summary>
    public DateTimeOffset? NextDue =>
        new[] { CreatedAt, OperationEndsAt, GoneAt, PreemptAt }.Where(due => due is not null).Min();
}

/// <summary>A project.</summary>
internal sealed class ProjectRecord
{
    public required string ScenarioJson { get; set; }

    public required Scenario Scenario { get; set; }

    public Dictionary<string, NodeRecord> Nodes { get; init; } = new(StringComparer.Ordinal);

    public Dictionary<string, QueuedRecord> Queued { get; init; } = new(StringComparer.Ordinal);

    public Dictionary<string, Operation> Operations { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Create calls let through or answered UNAVAILABLE, by zone.</summary>
    public Dictionary<string, int> Creates { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Empty lists of accelerator types given out, by zone.</summary>
    public Dictionary<string, int> EmptyLists { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Nodes that the scenario has taken or will take, by zone.</summary>
    public Dictionary<string, int> Preemptions { get; init; } = new(StringComparer.Ordinal);
}
