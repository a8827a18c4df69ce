using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>An instance in memory: its durable state, and state that ends with the process.</summary>
internal sealed class InstanceSlot(long key, InstanceState state, long nextSequence)
{
    public long Key { get; } = key;

    public InstanceState State { get; } = state;

    /// <summary>The sequence number of the next log record.</summary>
    public long NextSequence { get; set; } = nextSequence;

    /// <summary>The episode that a worker has.</summary>
    public Work? Episode { get; set; }

    /// <summary>The activities that workers have, by task id.</summary>
    public Dictionary<int, Work> Activities { get; } = [];

    /// <summary>Gets or sets a value indicating whether an episode waits for a worker.</summary>
    public bool IsQueued { get; set; }

    /// <summary>
    /// Gets or sets a value indicating whether the instance was removed, or replaced by another with its id.
    /// </summary>
    public bool IsGone { get; set; }

    /// <summary>The history in the form for workers of other processes; null until it is first sent.</summary>
    public EncodedHistory? Encoded { get; set; }

    /// <summary>The number of times in a row that an episode was handed out without a result.</summary>
    public int FailedEpisodes { get; set; }

    /// <summary>Entities whose locks this execution holds or waits for.</summary>
    public HashSet<string> Locks { get; } = [];

    public List<Waiter> Waiters { get; } = [];
}

/// <summary>A client's wait for a status.</summary>
internal sealed record Waiter(
    bool ForCompletion, bool WithData, TaskCompletionSource<GetInstanceResponse> Result);
