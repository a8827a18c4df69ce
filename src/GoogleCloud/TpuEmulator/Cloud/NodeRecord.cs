using Google.Cloud.Tpu.V2;
using Google.LongRunning;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>A node and its scheduled events.</summary>
internal sealed class NodeRecord
{
    public required Node Node { get; init; }

    public required string Project { get; init; }

    public required string Zone { get; init; }

    /// <summary>Unguessable key under which the node's VM finds its metadata.</summary>
    public required string MetadataKey { get; init; }

    /// <summary>Time at which the create operation ends; null if it has ended.</summary>
    public DateTimeOffset? CreatedAt { get; set; }

    public string? CreateOperation { get; set; }

    /// <summary>The error in which the create operation ends instead of READY; null for none.</summary>
    public Google.Rpc.Status? CreateError { get; set; }

    /// <summary>Time after READY at which the create operation ends; null if it has ended, or READY comes
    /// first.</summary>
    public DateTimeOffset? OperationEndsAt { get; set; }

    /// <summary>true if it is preempted before it is READY.</summary>
    public bool IsPreemptedWhileCreating { get; set; }

    /// <summary>Time at which the node is gone; null if it was not deleted.</summary>
    public DateTimeOffset? GoneAt { get; set; }

    public string? DeleteOperation { get; set; }

    /// <summary>Time at which it is preempted; null for no preemption by time.</summary>
    public DateTimeOffset? PreemptAt { get; set; }

    /// <summary>Guest attribute that preempts it when it reaches a number.</summary>
    public string? PreemptAttribute { get; set; }

    public double PreemptAtLeast { get; set; }

    /// <summary>Time between the notice of a preemption and the preemption.</summary>
    public TimeSpan PreemptNotice { get; set; }

    /// <summary>Time at which the VM is told of its preemption; null for no notice.</summary>
    public DateTimeOffset? NoticeAt { get; set; }

    /// <summary>Time at which its host's maintenance is announced; null for no notice.</summary>
    public DateTimeOffset? MaintainNoticeAt { get; set; }

    /// <summary>The value of <c>instance/preempted</c> before the node is PREEMPTED.</summary>
    public bool IsPreemptionTold { get; set; }

    /// <summary>Time at which its host's maintenance begins; null for none.</summary>
    public DateTimeOffset? MaintainAt { get; set; }

    /// <summary>Time at which it leaves STOPPING, STARTING or REPAIRING; null in other states.</summary>
    public DateTimeOffset? SwitchAt { get; set; }

    /// <summary>The operation that ends with that; null for maintenance.</summary>
    public string? SwitchOperation { get; set; }

    /// <summary>Time after READY at which the cloud deletes it, for flex-start; null for others.</summary>
    public TimeSpan? MaxRun { get; set; }

    /// <summary>Time at which the cloud deletes it; null for never.</summary>
    public DateTimeOffset? EndAt { get; set; }

    public Dictionary<string, string> GuestAttributes { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The VM: process id and start time of the worker; 0 for none.</summary>
    public int WorkerPid { get; set; }

    public DateTimeOffset WorkerStartedAt { get; set; }

    /// <summary>The folder that is the VM's disk; null before the first boot.</summary>
    public string? Disk { get; set; }

    public bool IsSpot => Node.SchedulingConfig is { Spot: true } or { Preemptible: true };

    /// <summary>Gets a value indicating whether it counts against the limits for spot.</summary>
    public bool DrawsSpotQuota => IsSpot || MaxRun is not null;

    /// <summary>Cancels all events of a READY node: it is no longer READY.</summary>
    public void Forget()
    {
        PreemptAt = null;
        PreemptAttribute = null;
        NoticeAt = null;
        EndAt = null;
        ForgetMaintenance();
        SwitchAt = null;
    }

    /// <summary>Cancels a planned maintenance of its host.</summary>
    public void ForgetMaintenance()
    {
        MaintainAt = null;
        MaintainNoticeAt = null;
    }

    /// <summary>Gets the time of the next scheduled event.</summary>
    public DateTimeOffset? NextDue =>
        new[]
        {
            CreatedAt, OperationEndsAt, GoneAt, NoticeAt, PreemptAt, MaintainNoticeAt, MaintainAt, SwitchAt, EndAt,
        }.Where(due => due is not null).Min();
}

/// <summary>A project.</summary>
internal sealed class ProjectRecord
{
    public required string ScenarioJson { get; set; }

    public required Scenario Scenario { get; set; }

    public Dictionary<string, NodeRecord> Nodes { get; init; } = new(StringComparer.Ordinal);

    public Dictionary<string, QueuedRecord> Queued { get; init; } = new(StringComparer.Ordinal);

    public Dictionary<string, Operation> Operations { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Create calls admitted or answered UNAVAILABLE, by zone.</summary>
    public Dictionary<string, int> Creates { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Empty lists of accelerator types returned, by zone.</summary>
    public Dictionary<string, int> EmptyLists { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Nodes that the scenario has preempted or will preempt, by zone.</summary>
    public Dictionary<string, int> Preemptions { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Nodes that the scenario has maintained or will maintain, by zone.</summary>
    public Dictionary<string, int> Maintenances { get; init; } = new(StringComparer.Ordinal);
}
