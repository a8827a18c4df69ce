using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>A work item that a worker has. Its token is valid in this process and for this hand-out only.</summary>
internal sealed class Work(string token, InstanceSlot slot, int? taskId, WorkerSession session, int attempt)
{
    public string Token { get; } = token;

    public InstanceSlot Slot { get; } = slot;

    /// <summary>The activity's task id; null for an episode.</summary>
    public int? TaskId { get; } = taskId;

    public WorkerSession Session { get; } = session;

    /// <summary>The number of times in a row that this item was handed out.</summary>
    public int Attempt { get; } = attempt;

    /// <summary>Connections that returned this item before.</summary>
    public WorkerSession[] Refusers { get; init; } = [];

    public string ExecutionId { get; } = slot.State.ExecutionId;

    /// <summary>A timestamp, not a time of day, so that setting the clock does not end a lease.</summary>
    public long HandedOutAt { get; init; }

    /// <summary>The number of inbox messages in the episode.</summary>
    public int Consumed { get; init; }

    public Timestamp StartedAt { get; init; } = new();

    /// <summary>Parts of a result that is sent in several messages.</summary>
    public List<OrchestratorResponse> Parts { get; } = [];

    /// <summary>The instance has changed since: the result is not wanted, but the worker is still busy with
    /// it.</summary>
    public bool IsStale { get; set; }
}
