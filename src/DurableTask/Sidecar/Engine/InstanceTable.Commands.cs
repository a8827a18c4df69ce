using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Carries out the commands of an episode.</summary>
internal sealed partial class InstanceTable
{
    /// <summary>Applies an episode's outcome to its instance and to all other instances, in one batch.</summary>
    public void Apply(InstanceSlot slot, EpisodeOutcome outcome)
    {
        string executionId = slot.State.ExecutionId;
        Append(slot, outcome.Record);
        if (outcome.Record.Episode is { } episode)
        {
            StartTasks(slot, episode);
        }
        else if (outcome.Record.Created is { History.Count: > 0 })
        {
            GoOn(slot);
        }

        foreach (Command command in outcome.Commands)
        {
            Do(slot, executionId, command);
        }

        if (slot.State.IsTerminal || slot.State.ExecutionId != executionId)
        {
            _entities.ReleaseLocks(slot, executionId);
        }

        if (!slot.State.IsTerminal && slot.State.Inbox.Count > 0)
        {
            dispatcher.QueueEpisode(slot, attempt: 0);
        }
    }

    private void StartTasks(InstanceSlot slot, EpisodeRecord episode)
    {
        if (slot.State.IsTerminal)
        {
            return;
        }

        List<int>? activities = null;
        foreach (HistoryEvent item in episode.Events)
        {
            if (item.TaskScheduled is not null)
            {
                (activities ??= []).Add(item.EventId);
            }
            else if (item.TimerCreated is not null)
            {
                Arm(slot, item.EventId, item.TimerCreated.FireAt);
            }
        }

        if (activities is not null)
        {
            string executionId = slot.State.ExecutionId;
            AfterCommit(() =>
            {
                if (slot.State.ExecutionId == executionId)
                {
                    activities.ForEach(id => dispatcher.QueueActivity(slot, id, attempt: 0));
                }
            });
        }
    }

    private void Do(InstanceSlot source, string executionId, Command command)
    {
        string hub = source.State.Hub;
        switch (command)
        {
            case Command.Deliver deliver:
                Deliver(hub, deliver.InstanceId, deliver.Message);
                break;
            case Command.TerminateChild child:
                Deliver(hub, child.InstanceId, Messages.Terminated(child.Reason, recurse: true, Now()));
                break;
            case Command.TellParent tell:
                TellParent(hub, source.State.Id, tell);
                break;
            case Command.StartChild child:
                StartChild(source, child);
                break;
            case Command.SendToEntity send:
                _entities.Send(hub, send.EntityId, send.Message);
                break;
            case Command.LockEntities request:
                _entities.RequestLocks(source, request.Request);
                break;
            case Command.UnlockEntity unlock:
                _entities.Unlock(source, executionId, unlock.EntityId, unlock.SectionId);
                break;
        }
    }

    private void TellParent(string hub, string childId, Command.TellParent tell)
    {
        InstanceSlot? parent = FindRunning(hub, tell.Parent.OrchestrationInstance.InstanceId);
        if (parent is not null
            && parent.State.OpenChildren.TryGetValue(tell.Parent.TaskScheduledId, out string? open)
            && (parent.State.ExecutionId == tell.Parent.OrchestrationInstance.ExecutionId
                || (parent.State.IsRewound && open == childId)))
        {
            int taskId = tell.Parent.TaskScheduledId;
            Deliver(hub, parent.State.Id, tell.Message.CalculateSize() <= Options.MaxPayloadBytes + FrameBytes
                ? tell.Message
                : Messages.ChildFailed(
                    taskId,
                    Messages.Failure("PayloadTooLarge", "The sub-orchestration's result is too large to be carried."),
                    Now()));
        }
    }

    private void StartChild(InstanceSlot parent, Command.StartChild child)
    {
        string hub = parent.State.Hub;
        string? refusal = EntityId.IsEntity(child.InstanceId) ? "ids that start with '@' belong to entities"
            : FindRunning(hub, child.InstanceId) is not null ? "an unfinished orchestration has this id"
            : child.Started.CalculateSize() > Options.MaxPayloadBytes + FrameBytes ? "its input is too large"
            : null;
        if (refusal is not null)
        {
            // No parent waits for a child of an execution that has ended.
            if (!parent.State.OpenChildren.ContainsKey(child.TaskId))
            {
                return;
            }

            string message = $"Sub-orchestration '{child.InstanceId}' could not be started: {refusal}.";
            TaskFailureDetails failure = Messages.Failure(
                "DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException", message);
            Deliver(hub, parent.State.Id, Messages.ChildFailed(child.TaskId, failure, Now()));
            return;
        }

        Remove(hub, child.InstanceId);
        Create(hub, child.InstanceId, NewExecution(child.InstanceId, child.Started, startAt: null));
    }
}
