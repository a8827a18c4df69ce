using Google.Cloud.Tpu.V2;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>A queued resource and its scheduled events.</summary>
internal sealed class QueuedRecord
{
    public required QueuedResource Resource { get; init; }

    public required string Project { get; init; }

    public required string Zone { get; init; }

    /// <summary>Earliest time of provisioning.</summary>
    public DateTimeOffset TryAt { get; set; }

    /// <summary>Time at which the wait fails; null for never.</summary>
    public DateTimeOffset? FailAt { get; init; }

    /// <summary>Time after READY at which its nodes are deleted, for flex-start; null for others.</summary>
    public TimeSpan? MaxRun { get; init; }

    /// <summary>Gets a value indicating whether its nodes count against the limits for spot, as those of flex-start
    /// do.</summary>
    public bool DrawsSpotQuota =>
        MaxRun is not null || Spec.Node.SchedulingConfig is { Spot: true } or { Preemptible: true };

    /// <summary>Time at which it is gone; null if it was not deleted.</summary>
    public DateTimeOffset? GoneAt { get; set; }

    public string? DeleteOperation { get; set; }

    public bool IsWaiting => Resource.State.State == QueuedResourceState.Types.State.WaitingForResources;

    public QueuedResource.Types.Tpu.Types.NodeSpec Spec => Resource.Tpu.NodeSpec[0];

    /// <summary>Gets the full names of its nodes.</summary>
    public IReadOnlyList<string> NodeNames
    {
        get
        {
            var parent = $"projects/{Project}/locations/{Zone}/nodes/";
            if (Spec.MultisliceParams is not { } several)
            {
                return [parent + Spec.NodeId];
            }

            var prefix = several.NodeIdPrefix.Length > 0
                ? several.NodeIdPrefix
                : Resource.Name[(Resource.Name.LastIndexOf('/') + 1)..];
            return [.. Enumerable.Range(0, several.NodeCount).Select(index => $"{parent}{prefix}-{index}")];
        }
    }

    /// <summary>Returns the time of the next scheduled event.</summary>
    public DateTimeOffset? NextDue(DateTimeOffset now) => GoneAt is not null ? GoneAt
        : !IsWaiting ? null
        : TryAt > now && !(FailAt < TryAt) ? TryAt
        : FailAt;

    public void Enter(
        QueuedResourceState.Types.State state,
        QueuedResourceState.Types.StateInitiator initiator = QueuedResourceState.Types.StateInitiator.Service,
        Google.Rpc.Status? error = null)
    {
        var next = new QueuedResourceState { State = state, StateInitiator = initiator };
        switch (state)
        {
            case QueuedResourceState.Types.State.Provisioning:
                next.ProvisioningData = new();
                break;
            case QueuedResourceState.Types.State.Failed:
                next.FailedData = new() { Error = error };
                break;
            case QueuedResourceState.Types.State.Deleting:
                next.DeletingData = new();
                break;
            case QueuedResourceState.Types.State.Active:
                next.ActiveData = new();
                break;
            case QueuedResourceState.Types.State.Suspending:
                next.SuspendingData = new();
                break;
            case QueuedResourceState.Types.State.Suspended:
                next.SuspendedData = new();
                break;
            default:
                break;
        }

        Resource.State = next;
    }
}
