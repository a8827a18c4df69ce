using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Microsoft.DurableTask.Entities;

namespace Microsoft.DurableTask.Client.Entities;

/// <summary>A snapshot of an entity.</summary>
/// <typeparam name="TState">The type of its state.</typeparam>
[JsonConverter(typeof(EntityMetadataJson))]
public class EntityMetadata<TState>
{
    private readonly TState? _state;

    /// <summary>Makes a snapshot without state.</summary>
    /// <param name="id">The entity.</param>
    /// <exception cref="ArgumentException">The id is the default value.</exception>
    public EntityMetadata(EntityInstanceId id)
    {
        if (id == default)
        {
            throw new ArgumentException("The id of an entity must not be the default value.", nameof(id));
        }

        Id = id;
    }

    /// <summary>Makes a snapshot.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="state">Its state; null when there is none or it was not asked for.</param>
    public EntityMetadata(EntityInstanceId id, TState? state)
        : this(id)
    {
        _state = state;
        IncludesState = state is not null;
    }

    /// <summary>The entity.</summary>
    public EntityInstanceId Id { get; }

    /// <summary>When a batch of its operations last ended.</summary>
    public DateTimeOffset LastModifiedTime { get; init; }

    /// <summary>How many operations wait in its queue.</summary>
    public int BacklogQueueSize { get; init; }

    /// <summary>The orchestration that holds its lock.</summary>
    /// <value>Null when it is not locked.</value>
    public string? LockedBy { get; init; }

    /// <summary>Whether the snapshot holds the state.</summary>
    [MemberNotNullWhen(true, nameof(State), nameof(_state))]
    public bool IncludesState { get; }

    /// <summary>The state.</summary>
    /// <exception cref="InvalidOperationException">The snapshot holds no state.</exception>
    public TState State => IncludesState
        ? _state
        : throw new InvalidOperationException(
            $"The snapshot of entity '{Id}' holds no state: it was not asked for, or there is none.");
}
