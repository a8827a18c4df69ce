using Microsoft.DurableTask.Protobuf;
using ActionCase = Microsoft.DurableTask.Protobuf.OrchestratorAction.OrchestratorActionTypeOneofCase;

namespace Workflows.DurableTask.Sidecar.Core;

internal sealed partial class Episode
{
    private void Add(OrchestratorAction action, OrchestrationStatus? end)
    {
        switch (action.OrchestratorActionTypeCase)
        {
            // An ending instance starts no new work, since nothing would receive the result.
            case ActionCase.ScheduleTask when end is null:
                AddActivity(action);
                break;
            case ActionCase.CreateTimer when end is null:
                var timer = new TimerCreatedEvent
                {
                    FireAt = Moment.Checked(action.CreateTimer.FireAt, "time of a timer") ?? _now,
                };
                Record(action.Id, new HistoryEvent { TimerCreated = timer });
                break;
            case ActionCase.CreateSubOrchestration:
                AddChild(action, end);
                break;
            case ActionCase.SendEvent:
                AddEvent(action, end);
                break;
            case ActionCase.SendEntityMessage:
                AddEntityMessage(action, end);
                break;
            case ActionCase.TerminateOrchestration:
                TerminateOrchestrationAction terminate = action.TerminateOrchestration;
                _commands.Add(new Command.Deliver(
                    terminate.InstanceId, Messages.Terminated(terminate.Reason, terminate.Recurse, _now)));
                break;
        }
    }

    private void AddActivity(OrchestratorAction action)
    {
        ScheduleTaskAction task = action.ScheduleTask;
        var scheduled = new TaskScheduledEvent
        {
            Name = task.Name,
            Version = task.Version,
            Input = task.Input,
            ParentTraceContext = task.ParentTraceContext,
        };
        scheduled.Tags.Add(task.Tags);
        Record(action.Id, new HistoryEvent { TaskScheduled = scheduled });
    }

    private void AddChild(OrchestratorAction action, OrchestrationStatus? end)
    {
        CreateSubOrchestrationAction child = action.CreateSubOrchestration;
        bool isWanted = end is null or OrchestrationStatus.Completed or OrchestrationStatus.ContinuedAsNew
            || Messages.IsFireAndForget(child.Tags);
        if (!isWanted)
        {
            return;
        }

        string id = child.InstanceId.Length > 0 ? child.InstanceId : $"{_state.Id}:{_state.ExecutionId}:{action.Id}";
        var created = new SubOrchestrationInstanceCreatedEvent
        {
            InstanceId = id,
            Name = child.Name,
            Version = child.Version,
            Input = child.Input,
            ParentTraceContext = child.ParentTraceContext,
        };
        created.Tags.Add(child.Tags);
        Record(action.Id, new HistoryEvent { SubOrchestrationInstanceCreated = created });

        var started = new ExecutionStartedEvent
        {
            Name = child.Name,
            Version = child.Version,
            Input = child.Input,
            ParentTraceContext = child.ParentTraceContext,
            ParentInstance = new()
            {
                TaskScheduledId = action.Id,
                Name = _state.Started.Name,
                Version = _state.Started.Version,
                OrchestrationInstance = new() { InstanceId = _state.Id, ExecutionId = _state.ExecutionId },
            },
        };
        started.Tags.Add(_state.Started.Tags);
        foreach ((string key, string value) in child.Tags)
        {
            started.Tags[key] = value;
        }

        // A tag of the parent itself, not of its descendants.
        if (!Messages.IsFireAndForget(child.Tags))
        {
            started.Tags.Remove("FireAndForget");
        }

        _commands.Add(new Command.StartChild(action.Id, id, started));
    }

    private void AddEvent(OrchestratorAction action, OrchestrationStatus? end)
    {
        SendEventAction send = action.SendEvent;
        string target = send.Instance?.InstanceId ?? string.Empty;
        Record(action.Id, new HistoryEvent
        {
            EventSent = new() { InstanceId = target, Name = send.Name, Input = send.Data },
        });
        HistoryEvent message = Messages.Raised(send.Name, send.Data, _now);
        if (EntityId.IsEntity(target))
        {
            AddCommand(ClassicEntityMessage.Parse(target, send, _state.Id, _state.ExecutionId), end);
        }
        else if (target == _state.Id)
        {
            _toSelf.Add(message);
        }
        else
        {
            _commands.Add(new Command.Deliver(target, message));
        }
    }

    private void Record(int id, HistoryEvent item)
    {
        item.EventId = id;
        item.Timestamp = _now;
        _events.Add(item);
    }

    // The worker has made the history with which the orchestration continues; messages it has not seen follow it.
    private LogRecord TakeBack(RewindOrchestrationAction action)
    {
        HistoryEvent start = action.NewHistory.FirstOrDefault(item => item.ExecutionStarted is not null)
            ?? throw new InvalidOperationException("the history to go back to has no start event");
        var created = new CreatedRecord
        {
            ExecutionId = start.ExecutionStarted.OrchestrationInstance?.ExecutionId ?? _state.ExecutionId,
            Created = _state.Created,
            HasRun = true,
            Started = start,
            CustomStatus = _report.CustomStatus ?? _state.CustomStatus,
        };
        created.History.AddRange(action.NewHistory.Select(Dated));
        created.Carryover.Add(new HistoryEvent
        {
            EventId = -1,
            Timestamp = _now,
            ExecutionRewound = new() { InstanceId = _state.Id },
        });
        created.Carryover.AddRange(_state.Inbox.Skip(_report.Consumed).Where(BelongsToInstance));
        return new LogRecord { Created = created };
    }

    private HistoryEvent Dated(HistoryEvent item)
    {
        HistoryEvent copy = item.Clone();
        copy.Timestamp = Moment.Checked(copy.Timestamp, "time of an event") ?? _now;
        if (copy.TimerCreated is { } timer)
        {
            timer.FireAt = Moment.Checked(timer.FireAt, "time of a timer") ?? _now;
        }

        return copy;
    }
}
