using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>One change of the store. Changes of one batch are committed together, in order.</summary>
internal abstract record StoreOperation
{
    /// <summary>Adds an instance.</summary>
    public sealed record Insert(
        long Key, string Hub, string Id, string? ParentId, long CreatedTicks,
        OrchestrationState Summary) : StoreOperation;

    /// <summary>Changes the columns of an instance that queries read.</summary>
    public sealed record Update(
        long Key, OrchestrationStatus Status, long? CompletedTicks, OrchestrationState? Summary) : StoreOperation;

    /// <summary>Adds a record to an instance's log.</summary>
    public sealed record Append(long Key, long Sequence, LogRecord Record) : StoreOperation;

    /// <summary>Empties an instance's log, for a new execution.</summary>
    public sealed record ClearLog(long Key) : StoreOperation;

    /// <summary>Removes an instance with its log.</summary>
    public sealed record Delete(long Key) : StoreOperation;

    /// <summary>Removes all data of a task hub.</summary>
    public sealed record DeleteHub(string Hub) : StoreOperation;

    /// <summary>Adds an entity, or replaces its data.</summary>
    public sealed record PutEntity(long Key, string Hub, string Id, EntityRecord Record) : StoreOperation;

    /// <summary>Removes an entity with its queue.</summary>
    public sealed record DeleteEntity(long Key) : StoreOperation;

    /// <summary>Adds an item to an entity's queue.</summary>
    public sealed record PutMessage(long Sequence, long Entity, EntityMessage Message) : StoreOperation;

    /// <summary>Removes an item from an entity's queue.</summary>
    public sealed record DeleteMessage(long Sequence) : StoreOperation;
}
