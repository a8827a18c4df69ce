using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using ActionCase = Microsoft.DurableTask.Protobuf.OrchestratorAction.OrchestratorActionTypeOneofCase;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>A worker's report of one episode.</summary>
/// <param name="Consumed">Number of inbox messages that the worker was given.</param>
/// <param name="StartedAt">The time at which it was given them.</param>
/// <param name="Actions">The orchestrator's actions, in order.</param>
/// <param name="CustomStatus">The new status; null leaves the status as it is.</param>
/// <param name="Trace">Returned with the next work item.</param>
internal sealed record EpisodeReport(
    int Consumed,
    Timestamp StartedAt,
    IReadOnlyList<OrchestratorAction> Actions,
    string? CustomStatus,
    OrchestrationTraceContext? Trace);

/// <summary>The changes of an episode, all of them in one transaction.</summary>
/// <param name="Record">The record for the instance's log.</param>
/// <param name="Commands">Changes of other instances, in order.</param>
internal sealed record EpisodeOutcome(LogRecord Record, IReadOnlyList<Command> Commands);

/// <summary>Turns a worker's report into records and commands: a pure function of state and report.</summary>
internal sealed partial class Episode
{
    private readonly InstanceState _state;
    private readonly EpisodeReport _report;
    private readonly Timestamp _now;
    private readonly List<HistoryEvent> _events = [];
    private readonly List<Command> _commands = [];
    private readonly List<HistoryEvent> _toSelf = [];

    private Episode(InstanceState state, EpisodeReport report, Timestamp now)
    {
        _state = state;
        _report = report;
        _now = now;
    }

    /// <param name="state">The instance before the episode.</param>
    /// <param name="report">The worker's report.</param>
    /// <param name="newExecutionId">The id of the next execution, if the orchestration starts over.</param>
    /// <param name="now">The time of the commit.</param>
    public static EpisodeOutcome Decide(
        InstanceState state, EpisodeReport report, string newExecutionId, Timestamp now) =>
        new Episode(state, report, now).Decide(newExecutionId);

    /// <summary>Replaces the report of an orchestrator whose result is too large by a failure that gives the
    /// reason.</summary>
    public static EpisodeReport TooLarge(EpisodeReport report, string what, int mostBytes) => report with
    {
        CustomStatus = null,
        Actions =
        [
            new OrchestratorAction
            {
                // No orchestrator requested it, and any other id would be that of another action.
                Id = -1,
                CompleteOrchestration = new()
                {
                    OrchestrationStatus = OrchestrationStatus.Failed,
                    FailureDetails = Messages.Failure(
                        "PayloadTooLarge",
                        $"The orchestrator's {what} is larger than {mostBytes} bytes. Pass a reference to the data "
                        + "instead."),
                },
            },
        ],
    };

    /// <summary>Ends an orchestration that never ran, without a worker.</summary>
    public static EpisodeOutcome TerminatePending(InstanceState state, string? reason, Timestamp now)
    {
        var report = new EpisodeReport(
            state.Inbox.Count,
            now,
            [
                new OrchestratorAction
                {
                    // No orchestrator requested it, and any other id would be that of another action.
                    Id = -1,
                    CompleteOrchestration = new()
                    {
                        OrchestrationStatus = OrchestrationStatus.Terminated,
                        Result = reason,
                    },
                },
            ],
            null,
            null);
        return Decide(state, report, string.Empty, now);
    }

    private EpisodeOutcome Decide(string newExecutionId)
    {
        IReadOnlyList<OrchestratorAction> actions = _report.Actions;
        if (actions.FirstOrDefault(action => action.RewindOrchestration is not null) is { } rewind)
        {
            return new EpisodeOutcome(TakeBack(rewind.RewindOrchestration), []);
        }

        OrchestratorAction? end = Ending(actions);
        OrchestrationStatus? status = end?.CompleteOrchestration.OrchestrationStatus;
        foreach (OrchestratorAction action in actions)
        {
            Add(action, status);
        }

        if (status == OrchestrationStatus.ContinuedAsNew)
        {
            return new EpisodeOutcome(ContinueAsNew(end!.CompleteOrchestration, newExecutionId), _commands);
        }

        if (end is not null)
        {
            Complete(end);
        }
        else
        {
            // Events to the instance itself are delivered like all others if the instance lives on.
            _commands.AddRange(_toSelf.Select(message => new Command.Deliver(_state.Id, message)));
        }

        var record = new EpisodeRecord
        {
            Consumed = _report.Consumed,
            StartedAt = _report.StartedAt,
            EndedAt = _now,
            CustomStatus = _report.CustomStatus,
            Trace = _report.Trace,
        };
        record.Events.AddRange(_events);
        return new EpisodeOutcome(new LogRecord { Episode = record }, _commands);
    }

    // A response may have two endings, for example if a termination came after continue-as-new: a final one wins.
    private static OrchestratorAction? Ending(IReadOnlyList<OrchestratorAction> actions)
    {
        OrchestratorAction? continuation = null;
        foreach (OrchestratorAction action in actions)
        {
            if (action.OrchestratorActionTypeCase != ActionCase.CompleteOrchestration)
            {
                continue;
            }

            OrchestrationStatus status = action.CompleteOrchestration.OrchestrationStatus;
            if (status is OrchestrationStatus.Completed or OrchestrationStatus.Failed
                or OrchestrationStatus.Terminated or OrchestrationStatus.Canceled)
            {
                return action;
            }

            if (status != OrchestrationStatus.ContinuedAsNew)
            {
                throw new FormatException($"An orchestration cannot end as {status}.");
            }

            continuation ??= action;
        }

        return continuation;
    }

    private void Complete(OrchestratorAction end)
    {
        CompleteOrchestrationAction action = end.CompleteOrchestration;
        var completed = new ExecutionCompletedEvent
        {
            OrchestrationStatus = action.OrchestrationStatus,
            Result = action.Result,
            FailureDetails = action.FailureDetails,
        };
        if (action.OrchestrationStatus == OrchestrationStatus.Failed && completed.FailureDetails is null)
        {
            string message = action.Result ?? action.Details ?? "The orchestration failed without details.";
            completed.FailureDetails = new() { ErrorType = "(unknown)", ErrorMessage = message };
        }

        _events.Add(new HistoryEvent { EventId = end.Id, Timestamp = _now, ExecutionCompleted = completed });
        if (_state.Started.ParentInstance is { OrchestrationInstance: not null } parent
            && !Messages.IsFireAndForget(_state.Started.Tags))
        {
            _commands.Add(new Command.TellParent(
                parent, Messages.ChildEnded(parent.TaskScheduledId, completed, _now)));
        }

        if (_state.Inbox.Take(_report.Consumed).LastOrDefault(
            message => message.ExecutionTerminated is { Recurse: true }) is { } terminated)
        {
            _commands.AddRange(_state.OpenChildren.Values.Select(
                child => new Command.TerminateChild(child, terminated.ExecutionTerminated.Input)));
        }
    }

    private LogRecord ContinueAsNew(CompleteOrchestrationAction action, string newExecutionId)
    {
        ExecutionStartedEvent started = _state.Started.Clone();
        started.Input = action.Result;
        started.Version = action.NewVersion ?? started.Version;
        started.ScheduledStartTimestamp = null;
        started.OrchestrationInstance = new() { InstanceId = _state.Id, ExecutionId = newExecutionId };
        foreach ((string key, string value) in action.Tags)
        {
            started.Tags[key] = value;
        }

        var created = new CreatedRecord
        {
            ExecutionId = newExecutionId,
            Created = _state.Created,
            HasRun = true,
            Started = Messages.Started(started, _now),
            CustomStatus = _report.CustomStatus is null ? _state.CustomStatus
                : _report.CustomStatus.Length == 0 ? null : _report.CustomStatus,
        };
        if (Suspension() is { } suspension)
        {
            created.Carryover.Add(suspension);
        }

        // In order of arrival: buffered in the old generation, left in its last batch, and not yet seen.
        created.Carryover.AddRange(_toSelf);
        created.Carryover.AddRange(action.CarryoverEvents.Select(Stamped));
        created.Carryover.AddRange(_state.Inbox.Skip(_report.Consumed).Where(BelongsToInstance));
        return new LogRecord { Created = created };
    }

    // An operator's suspension applies to the instance, not to one of its generations.
    private HistoryEvent? Suspension()
    {
        HistoryEvent? last = _state.History.Concat(_state.Inbox.Take(_report.Consumed)).LastOrDefault(
            item => item.ExecutionSuspended is not null || item.ExecutionResumed is not null);
        return last?.ExecutionSuspended is null ? null : last;
    }

    private HistoryEvent Stamped(HistoryEvent message)
    {
        HistoryEvent copy = message.Clone();
        copy.EventId = -1;
        copy.Timestamp = Moment.Checked(copy.Timestamp, "time of an event") ?? _now;
        return copy;
    }

    // Answers to tasks, timers, children and calls belong to one execution: in the next one their ids mean something
    // else.
    private bool BelongsToInstance(HistoryEvent message) => message.EventRaised is { } raised
        ? !IsAnswer(raised.Name)
        : message.EventTypeCase is HistoryEvent.EventTypeOneofCase.ExecutionTerminated
        or HistoryEvent.EventTypeOneofCase.ExecutionSuspended
        or HistoryEvent.EventTypeOneofCase.ExecutionResumed;

    // In the older encoding an entity's answer is an event named by the request's id. Two generations that begin at the
    // same moment may create the same id.
    private bool IsAnswer(string name) => Guid.TryParse(name, out _) && _state.History.Concat(_events).Any(
        item => item.EventSent is { } sent && EntityId.IsEntity(sent.InstanceId)
            && sent.Input?.Contains(name, StringComparison.OrdinalIgnoreCase) == true);
}
