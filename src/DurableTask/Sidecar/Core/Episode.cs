using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using ActionCase = Microsoft.DurableTask.Protobuf.OrchestratorAction.OrchestratorActionTypeOneofCase;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>A worker's report of one episode.</summary>
/// <param name="Consumed">How many inbox messages the worker was given.</param>
/// <param name="StartedAt">The time it was given them.</param>
/// <param name="Actions">What the orchestrator asks for, in order.</param>
/// <param name="CustomStatus">Null leaves the status as it is.</param>
/// <param name="Trace">Given back with the next work item.</param>
internal sealed record EpisodeReport(
    int Consumed,
    Timestamp StartedAt,
    IReadOnlyList<OrchestratorAction> Actions,
    string? CustomStatus,
    OrchestrationTraceContext? Trace);

/// <summary>The changes of an episode, all of them in one transaction.</summary>
/// <param name="Record">The record for the instance's log.</param>
/// <param name="Commands">What other instances get, in order.</param>
internal sealed record EpisodeOutcome(LogRecord Record, IReadOnlyList<Command> Commands);

/// <summary>Turns a worker's report into records and commands: state and report in, outcome out, nothing
/// touched.</summary>
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
    /// <param name="newExecutionId">Used if the orchestration starts over.</param>
    /// <param name="now">The time of the commit.</param>
    public static EpisodeOutcome Decide(
        InstanceState state, EpisodeReport report, string newExecutionId, Timestamp now) =>
        new Episode(state, report, now).Decide(newExecutionId);

    /// <summary>The report of an orchestrator whose result cannot be carried: it fails at once, and says why.</summary>
    public static EpisodeReport TooLarge(EpisodeReport report, string what, int mostBytes) => report with
    {
        CustomStatus = null,
        Actions =
        [
            new OrchestratorAction
            {
                // No orchestrator asked for it: an id of its own would be that of another action.
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
                    // No orchestrator asked for it: an id of its own would be that of another action.
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
            // Events to oneself take the way of all others once the instance lives on.
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

    // A response may hold two endings, for example of a termination that came after continue-as-new: a final one wins.
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

        // The order of arrival: buffered in the old generation, left in its last batch, and not yet seen.
        created.Carryover.AddRange(_toSelf);
        created.Carryover.AddRange(action.CarryoverEvents.Select(Stamped));
        created.Carryover.AddRange(_state.Inbox.Skip(_report.Consumed).Where(BelongsToInstance));
        return new LogRecord { Created = created };
    }

    // An operator's suspension is of the instance, not of one of its generations.
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

    // In the older encoding an entity's answer is an event of the request's id. Two generations that begin in the same
    // moment may make the same id.
    private bool IsAnswer(string name) => Guid.TryParse(name, out _) && _state.History.Concat(_events).Any(
        item => item.EventSent is { } sent && EntityId.IsEntity(sent.InstanceId)
            && sent.Input?.Contains(name, StringComparison.OrdinalIgnoreCase) == true);
}
