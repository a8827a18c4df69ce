using DurableTask.Core.Exceptions;
using Google.Protobuf.Collections;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>What the runner does to the context, event by event.</summary>
internal sealed partial class ReplayContext
{
    public bool HasOpenTasks => _open.Count > 0;

    public Proto.ExecutionStartedEvent? Execution => _started;

    public void SetReplaying(bool isReplaying) => _isReplaying = isReplaying;

    public void Begin(Proto.ExecutionStartedEvent started) => _started = started;

    public void SetTime(DateTime now) => _now = now;

    public int TakeId() => _nextId++;

    public void AddPendingTo(RepeatedField<Proto.OrchestratorAction> actions) => actions.AddRange(_pending.Values);

    /// <summary>Keeps what was asked for just before a suspension until the orchestration is resumed.</summary>
    public void Suspend()
    {
        if (_pending.Count > 0)
        {
            _withheld ??= [];
            foreach ((int id, Proto.OrchestratorAction action) in _pending)
            {
                _withheld[id] = action;
            }

            _pending.Clear();
        }
    }

    public void Resume()
    {
        foreach ((int id, Proto.OrchestratorAction action) in _withheld ?? [])
        {
            _pending[id] = action;
        }

        _withheld = null;
    }

    /// <summary>Takes the action that a history event records, or fails the replay when there is no such
    /// action.</summary>
    public void Confirm(Proto.HistoryEvent recorded)
    {
        string expected = Describe(recorded);
        string? actual = _pending.TryGetValue(recorded.EventId, out Proto.OrchestratorAction? action)
            ? Describe(action)
            : null;
        if (actual is null || !string.Equals(expected, actual, StringComparison.OrdinalIgnoreCase))
        {
            throw new NonDeterministicOrchestrationException(recorded.EventId, expected, actual);
        }

        _pending.Remove(recorded.EventId);
    }

    public void Complete(int taskId, string? result)
    {
        // A completion of a task that is not open is a duplicate, or belongs to a timer that was cancelled.
        if (_open.Remove(taskId, out OpenTask? open))
        {
            open.Source.TrySetResult(result);
        }
    }

    public void Fail(int taskId, Proto.TaskFailureDetails? failure)
    {
        if (_open.Remove(taskId, out OpenTask? open))
        {
            open.Source.TrySetException(
                new TaskFailedException(open.Name, taskId, FailureConversion.ToDetails(failure)));
        }
    }

    public void Raise(string name, string? payload) => _events.Raise(name, payload);

    private static string Describe(Proto.HistoryEvent recorded) => recorded.EventTypeCase switch
    {
        Proto.HistoryEvent.EventTypeOneofCase.TaskScheduled => $"activity '{recorded.TaskScheduled.Name}'",
        Proto.HistoryEvent.EventTypeOneofCase.SubOrchestrationInstanceCreated =>
            $"sub-orchestration '{recorded.SubOrchestrationInstanceCreated.Name}'",
        Proto.HistoryEvent.EventTypeOneofCase.EventSent => EntityMessages.Describe(recorded.EventSent)
            ?? $"event '{recorded.EventSent.Name}'",
        Proto.HistoryEvent.EventTypeOneofCase.TimerCreated => "a timer",
        _ => EntityMessages.Describe(recorded) ?? recorded.EventTypeCase.ToString(),
    };

    private static string Describe(Proto.OrchestratorAction action) => action.OrchestratorActionTypeCase switch
    {
        Proto.OrchestratorAction.OrchestratorActionTypeOneofCase.ScheduleTask =>
            $"activity '{action.ScheduleTask.Name}'",
        Proto.OrchestratorAction.OrchestratorActionTypeOneofCase.CreateSubOrchestration =>
            $"sub-orchestration '{action.CreateSubOrchestration.Name}'",
        Proto.OrchestratorAction.OrchestratorActionTypeOneofCase.SendEvent =>
            EntityMessages.Describe(action.SendEvent) ?? $"event '{action.SendEvent.Name}'",
        Proto.OrchestratorAction.OrchestratorActionTypeOneofCase.SendEntityMessage =>
            EntityMessages.Describe(action.SendEntityMessage),
        Proto.OrchestratorAction.OrchestratorActionTypeOneofCase.CreateTimer => "a timer",
        _ => action.OrchestratorActionTypeCase.ToString(),
    };
}
