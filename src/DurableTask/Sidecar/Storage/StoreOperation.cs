using Workflows.DurableTask.Protocol;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>One change of the store. Changes of one batch are committed together, in order.</summary>
internal abstract record StoreOperation
{
    /// <summary>Adds an instance.</summary>
    public sealed record Insert(
        long Key, string Hub, string Id, string? ParentId, long CreatedTicks,
        OrchestrationState Summary) : StoreOperation;

    /// <summary>Changes what queries see of an instance.</summary>
    public sealed record Update(
        long Key, OrchestrationStatus Status, long? CompletedTicks, OrchestrationState? Summary) : StoreOperation;

    /// <summary>Adds a record to an instance's log.</summary>
    public sealed record Append(long Key, long Sequence, LogRecord Record) : StoreOperation;

    /// <summary>Empties an instance's log, for a new execution.</summary>
    public sealed record ClearLog(long Key) : StoreOperation;

    /// <summary>Removes an instance with its log.</summary>
    public sealed record Delete(long Key) : StoreOperation;
}
