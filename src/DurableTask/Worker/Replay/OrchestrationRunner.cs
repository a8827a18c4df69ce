using DurableTask.Core.Exceptions;
using Microsoft.DurableTask.Worker.Tracing;
using Proto = Workflows.DurableTask.Protocol;
using EventCase = Workflows.DurableTask.Protocol.HistoryEvent.EventTypeOneofCase;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>
/// Replays an orchestrator over its history on the calling thread and collects what it asks for.
/// Order: past events with IsReplaying set, then new events; after each event all continuations run; then, unless the
/// orchestration was terminated, its end is noticed once it has returned and no task is open.
/// </summary>
internal sealed class OrchestrationRunner
{
    private readonly WorkerServices _worker;
    private readonly OrchestratorScheduler _scheduler = new();
    private readonly ReplayContext _context;
    private readonly Queue<Proto.HistoryEvent> _whileSuspended = new();
    private readonly List<Proto.HistoryEvent> _carryover = [];
    private Task<object?>? _main;
    private bool _isSuspended;
    private Proto.OrchestratorAction? _end;

    private OrchestrationRunner(string instanceId, WorkerServices worker, OrchestrationSpan? span)
    {
        _worker = worker;
        _context = new ReplayContext(instanceId, worker, _scheduler) { Span = span };
    }

    public static Proto.OrchestratorResponse Run(
        string instanceId,
        IReadOnlyCollection<Proto.HistoryEvent> past,
        IReadOnlyCollection<Proto.HistoryEvent> fresh,
        WorkerServices worker,
        OrchestrationSpan? span = null)
    {
        SynchronizationContext? outer = SynchronizationContext.Current;
        var runner = new OrchestrationRunner(instanceId, worker, span);
        try
        {
            SynchronizationContext.SetSynchronizationContext(runner._scheduler);
            return runner.Run(instanceId, past, fresh);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

    private Proto.OrchestratorResponse Run(
        string instanceId,
        IReadOnlyCollection<Proto.HistoryEvent> past,
        IReadOnlyCollection<Proto.HistoryEvent> fresh)
    {
        var response = new Proto.OrchestratorResponse { InstanceId = instanceId };
        try
        {
            Feed(past, isReplaying: true);
            Feed(fresh, isReplaying: false);
        }
        catch (NonDeterministicOrchestrationException mismatch)
        {
            response.Actions.Add(Failed(mismatch));
            return response;
        }

        if (_end is null && _context.Execution is null)
        {
            response.Actions.Add(Failed(new InvalidOperationException(
                "The orchestration's history has no start event: it is incomplete.")));
            return response;
        }

        _context.AddPendingTo(response.Actions);
        if (_end is not null)
        {
            _end.CompleteOrchestration.CarryoverEvents.AddRange(_carryover);
            _context.AddUnlocksTo(response.Actions, _end.Id);
            response.Actions.Add(_end);
        }

        response.CustomStatus = _context.CustomStatus;
        return response;
    }

    private void Feed(IReadOnlyCollection<Proto.HistoryEvent> events, bool isReplaying)
    {
        _context.SetReplaying(isReplaying);
        foreach (Proto.HistoryEvent item in events)
        {
            if (_isSuspended && item.EventTypeCase is not (EventCase.ExecutionResumed or EventCase.ExecutionTerminated))
            {
                _whileSuspended.Enqueue(item);
                continue;
            }

            Process(item);
        }
    }

    private void Process(Proto.HistoryEvent item)
    {
        switch (item.EventTypeCase)
        {
            case EventCase.OrchestratorStarted:
                _context.SetTime(item.Timestamp.ToDateTime());
                break;
            case EventCase.ExecutionStarted:
                Start(item.ExecutionStarted);
                break;
            case EventCase.TaskScheduled or EventCase.TimerCreated or EventCase.EventSent
                or EventCase.SubOrchestrationInstanceCreated or EventCase.EntityOperationSignaled
                or EventCase.EntityOperationCalled or EventCase.EntityLockRequested or EventCase.EntityUnlockSent:
                _context.Confirm(item);
                break;
            case EventCase.TaskCompleted:
                _context.Complete(item.TaskCompleted.TaskScheduledId, item.TaskCompleted.Result);
                break;
            case EventCase.TaskFailed:
                _context.Fail(item.TaskFailed.TaskScheduledId, item.TaskFailed.FailureDetails);
                break;
            case EventCase.SubOrchestrationInstanceCompleted:
                _context.Complete(
                    item.SubOrchestrationInstanceCompleted.TaskScheduledId,
                    item.SubOrchestrationInstanceCompleted.Result);
                break;
            case EventCase.SubOrchestrationInstanceFailed:
                _context.Fail(
                    item.SubOrchestrationInstanceFailed.TaskScheduledId,
                    item.SubOrchestrationInstanceFailed.FailureDetails);
                break;
            case EventCase.TimerFired:
                _context.Complete(item.TimerFired.TimerId, null);
                break;
            case EventCase.EventRaised when _context.TryAnswerEntity(item.EventRaised):
                break;
            case EventCase.EventRaised:
                Raise(item);
                break;
            case EventCase.EntityOperationCompleted:
                _context.AnswerEntity(
                    item.EntityOperationCompleted.RequestId, new(item.EntityOperationCompleted.Output, null));
                break;
            case EventCase.EntityOperationFailed:
                _context.AnswerEntity(
                    item.EntityOperationFailed.RequestId,
                    new(null, FailureConversion.ToDetails(item.EntityOperationFailed.FailureDetails)));
                break;
            case EventCase.EntityLockGranted:
                _context.AnswerEntity(item.EntityLockGranted.CriticalSectionId, new(null, null));
                break;
            case EventCase.ExecutionSuspended:
                _isSuspended = true;
                _context.Suspend();
                break;
            case EventCase.ExecutionResumed:
                Resume();
                break;
            case EventCase.ExecutionTerminated when _end is null || IsContinuation(_end):
                _carryover.Clear();
                _end = End(Proto.OrchestrationStatus.Terminated, item.ExecutionTerminated.Input);
                break;
        }

        _scheduler.Drain();
        NoticeEnd();
    }

    private void Start(Proto.ExecutionStartedEvent started)
    {
        if (_main is not null)
        {
            _end = Failed(new InvalidOperationException("The orchestration's history has two start events."));
            return;
        }

        _context.Begin(started);
        _main = StartAsync(started);
    }

    private async Task<object?> StartAsync(Proto.ExecutionStartedEvent started)
    {
        ITaskOrchestrator orchestrator = _worker.Registry.FindOrchestrator(new TaskName(started.Name), started.Version)
            is { } factory
            ? factory()
            : throw new OrchestratorNotFoundException(started.Name);
        object? input = started.Input is null
            ? null
            : _worker.Converter.Deserialize(started.Input, orchestrator.InputType);
        try
        {
            return await orchestrator.RunAsync(_context, input);
        }
        finally
        {
            _context.Locks.Exit();
        }
    }

    private void Raise(Proto.HistoryEvent item)
    {
        if (_context.Continuation is not null)
        {
            // Nobody will await it in this generation.
            _carryover.Add(item);
        }
        else
        {
            _context.Raise(item.EventRaised.Name, item.EventRaised.Input);
        }
    }

    private void Resume()
    {
        _isSuspended = false;
        _context.Resume();
        while (!_isSuspended && _whileSuspended.TryDequeue(out Proto.HistoryEvent? held))
        {
            Process(held);
        }
    }

    private void NoticeEnd()
    {
        if (_end is not null || _main is not { IsCompleted: true } || _context.HasOpenTasks || _isSuspended)
        {
            return;
        }

        if (_main.IsFaulted || _main.IsCanceled)
        {
            Exception error = _main.Exception?.InnerException ?? new TaskCanceledException(_main);
            _end = Failed(error, _context.TakeId());
        }
        else if (_context.Continuation is { } continuation)
        {
            _end = End(
                Proto.OrchestrationStatus.ContinuedAsNew, _worker.Converter.Serialize(continuation.NewInput));
            _end.CompleteOrchestration.NewVersion = continuation.NewVersion;
        }
        else
        {
            _end = End(Proto.OrchestrationStatus.Completed, _worker.Converter.Serialize(_main.Result));
        }
    }

    private Proto.OrchestratorAction End(Proto.OrchestrationStatus status, string? result) => new()
    {
        Id = _context.TakeId(),
        CompleteOrchestration = new() { OrchestrationStatus = status, Result = result },
    };

    private Proto.OrchestratorAction Failed(Exception error, int id = 0)
    {
        Proto.TaskFailureDetails failure = FailureConversion.ToProto(error, _worker.ExceptionProperties);
        if (error is OrchestratorNotFoundException)
        {
            failure.ErrorType = "OrchestratorTaskNotFound";
            failure.IsNonRetriable = true;
        }

        return new()
        {
            Id = id,
            CompleteOrchestration = new()
            {
                OrchestrationStatus = Proto.OrchestrationStatus.Failed,
                Result = error.Message,
                FailureDetails = failure,
            },
        };
    }

    private static bool IsContinuation(Proto.OrchestratorAction action) =>
        action.CompleteOrchestration.OrchestrationStatus == Proto.OrchestrationStatus.ContinuedAsNew;

    private sealed class OrchestratorNotFoundException(string name)
        : Exception($"No orchestrator named '{name}' is registered in this worker.");
}
