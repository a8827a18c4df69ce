using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>An instance as the store lists it.</summary>
internal sealed record StoredInstance(
    long Key, string Hub, string Id, OrchestrationStatus Status, OrchestrationState Summary);

/// <summary>An unfinished instance as the engine recovers it.</summary>
internal sealed record RecoveredInstance(long Key, InstanceState State, long NextSequence);

/// <summary>Selects the instances to list.</summary>
internal sealed record InstanceFilter(
    string Hub,
    IReadOnlyCollection<OrchestrationStatus> Statuses,
    long? CreatedFrom,
    long? CreatedTo,
    long? CompletedFrom,
    long? CompletedTo,
    string? Prefix,
    string? AfterId,
    int Count);

/// <summary>An entity as the engine recovers it.</summary>
internal sealed record RecoveredEntity(
    long Key, string Hub, string Id, EntityRecord Record, IReadOnlyList<QueuedMessage> Messages);
