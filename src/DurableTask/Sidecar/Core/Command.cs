using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>A change that an episode makes to another orchestration or an entity, in the same transaction.</summary>
internal abstract record Command
{
    /// <summary>Start a child; if that is impossible, the parent receives a failure of the task.</summary>
    public sealed record StartChild(int TaskId, string InstanceId, ExecutionStartedEvent Started) : Command;

    /// <summary>Put a message into the inbox of an orchestration; an unknown or ended one drops it.</summary>
    public sealed record Deliver(string InstanceId, HistoryEvent Message) : Command;

    /// <summary>Notify the parent of its child's end, if it still waits.</summary>
    public sealed record TellParent(ParentInstanceInfo Parent, HistoryEvent Message) : Command;

    /// <summary>Terminate a child and, with it, its children.</summary>
    public sealed record TerminateChild(string InstanceId, string? Reason) : Command;

    /// <summary>Queue an operation of an entity.</summary>
    public sealed record SendToEntity(string EntityId, EntityMessage Message) : Command;

    /// <summary>Queue a request for the locks of all entities of its set.</summary>
    public sealed record LockEntities(EntityMessage Request) : Command;

    /// <summary>Release an entity's lock, or cancel the wait for it.</summary>
    public sealed record UnlockEntity(string EntityId, string SectionId) : Command;
}
