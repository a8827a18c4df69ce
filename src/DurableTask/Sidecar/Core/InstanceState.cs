using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using EventCase = Microsoft.DurableTask.Protobuf.HistoryEvent.EventTypeOneofCase;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>
/// The state of one orchestration, folded from its log. The same fold runs while the engine works and when it restarts,
/// so a restart cannot arrive at another state. No I/O, no clock.
/// </summary>
/// <remarks>Invariant: a task, timer or child is open from the record that creates it to the message that ends
/// it.</remarks>
internal sealed class InstanceState(string hub, string id)
{
    public string Hub { get; } = hub;

    public string Id { get; } = id;

    public string ExecutionId { get; private set; } = string.Empty;

    public ExecutionStartedEvent Started { get; private set; } = new();

    public OrchestrationStatus Status { get; private set; } = OrchestrationStatus.Pending;

    public Timestamp Created { get; private set; } = new();

    public Timestamp Updated { get; private set; } = new();

    public Timestamp? Completed { get; private set; }

    public Timestamp? StartAt { get; private set; }

    public string? Output { get; private set; }

    public string? CustomStatus { get; private set; }

    public TaskFailureDetails? Failure { get; private set; }

    public OrchestrationTraceContext? Trace { get; private set; }

    /// <summary>The events that the orchestrator has seen and made in this execution.</summary>
    public List<HistoryEvent> History { get; } = [];

    public long HistoryBytes { get; private set; }

    /// <summary>Messages that no episode has consumed yet, in order of arrival; a start is first.</summary>
    public List<HistoryEvent> Inbox { get; } = [];

    public Dictionary<int, HistoryEvent> OpenActivities { get; } = [];

    public Dictionary<int, Timestamp> OpenTimers { get; } = [];

    public Dictionary<int, string> OpenChildren { get; } = [];

    /// <summary>The reason why no work of this instance is handed out; null if work is handed out.</summary>
    public ParkedRecord? Parked { get; private set; }

    /// <summary>Gets a value indicating whether the history began as that of an earlier execution.</summary>
    public bool IsRewound { get; private set; }

    /// <summary>The status that clients see.</summary>
    public OrchestrationStatus VisibleStatus => Parked is null ? Status : OrchestrationStatus.Suspended;

    public bool IsTerminal => IsEnd(Status);

    public static bool IsEnd(OrchestrationStatus status) => status is OrchestrationStatus.Completed
        or OrchestrationStatus.Failed or OrchestrationStatus.Terminated or OrchestrationStatus.Canceled;

    /// <summary>Gets a value indicating whether no episode has run yet in this execution.</summary>
    public bool IsPending => Status == OrchestrationStatus.Pending;

    public void Apply(LogRecord record)
    {
        switch (record.KindCase)
        {
            case LogRecord.KindOneofCase.Created:
                Begin(record.Created);
                break;
            case LogRecord.KindOneofCase.Message:
                Receive(record.Message);
                break;
            case LogRecord.KindOneofCase.Episode:
                Advance(record.Episode);
                break;
            case LogRecord.KindOneofCase.Parked:
                Parked = record.Parked;
                Touch(record.Parked.At);
                break;
            case LogRecord.KindOneofCase.Unparked:
                Parked = null;
                Touch(record.Unparked);
                break;
        }
    }

    /// <summary>Returns the state that clients see.</summary>
    public OrchestrationState Snapshot(bool withData)
    {
        var state = new OrchestrationState
        {
            InstanceId = Id,
            Name = Started.Name,
            Version = Started.Version,
            OrchestrationStatus = VisibleStatus,
            ScheduledStartTimestamp = StartAt,
            CreatedTimestamp = Created,
            LastUpdatedTimestamp = Updated,
            CompletedTimestamp = Completed,
            ExecutionId = ExecutionId,
            // The reason why it is parked is always shown, since it concerns operators; other failures are data, like
            // results.
            FailureDetails = Parked is not null ? Messages.Failure(Messages.PoisonError, Parked.Reason)
                : withData ? Failure
                : null,
            ParentInstanceId = Started.ParentInstance?.OrchestrationInstance?.InstanceId,
        };
        state.Tags.Add(Started.Tags);
        if (withData)
        {
            state.Input = Started.Input;
            state.Output = Output;
            state.CustomStatus = CustomStatus;
        }

        return state;
    }

    private void Begin(CreatedRecord created)
    {
        ExecutionId = created.ExecutionId;
        Started = created.Started.ExecutionStarted;
        Created = created.Created;
        Touch(created.Started.Timestamp);
        StartAt = created.StartAt;
        CustomStatus = created.CustomStatus;
        Output = null;
        Failure = null;
        Completed = null;
        Parked = null;
        IsRewound = created.History.Count > 0;
        Status = created.HasRun ? OrchestrationStatus.Running : OrchestrationStatus.Pending;
        History.Clear();
        HistoryBytes = 0;
        Inbox.Clear();
        OpenActivities.Clear();
        OpenTimers.Clear();
        OpenChildren.Clear();
        if (created.History.Count > 0)
        {
            foreach (HistoryEvent item in created.History)
            {
                Remember(item);
                Open(item);
                Close(item);
            }
        }
        else
        {
            Inbox.Add(created.Started);
        }

        Inbox.AddRange(created.Carryover);
    }

    private void Receive(HistoryEvent message)
    {
        Inbox.Add(message);
        Touch(message.Timestamp);
        Close(message);
    }

    private void Advance(EpisodeRecord episode)
    {
        Status = Status == OrchestrationStatus.Pending ? OrchestrationStatus.Running : Status;
        Remember(new HistoryEvent { EventId = -1, Timestamp = episode.StartedAt, OrchestratorStarted = new() });
        foreach (HistoryEvent consumed in Inbox.Take(episode.Consumed))
        {
            Remember(consumed);
            Status = consumed.EventTypeCase switch
            {
                EventCase.ExecutionSuspended => OrchestrationStatus.Suspended,
                EventCase.ExecutionResumed => OrchestrationStatus.Running,
                _ => Status,
            };
        }

        Inbox.RemoveRange(0, Math.Min(episode.Consumed, Inbox.Count));
        foreach (HistoryEvent item in episode.Events)
        {
            Remember(item);
            Open(item);
            if (item.EventTypeCase == EventCase.ExecutionCompleted)
            {
                End(item.ExecutionCompleted, episode.EndedAt);
            }
        }

        Remember(new HistoryEvent { EventId = -1, Timestamp = episode.EndedAt, OrchestratorCompleted = new() });
        Touch(episode.EndedAt);
        Trace = episode.Trace ?? Trace;
        if (episode.CustomStatus is not null)
        {
            // Workers clear the status with an empty text.
            CustomStatus = episode.CustomStatus.Length == 0 ? null : episode.CustomStatus;
        }
    }

    private void End(ExecutionCompletedEvent completed, Timestamp at)
    {
        Status = completed.OrchestrationStatus;
        Output = completed.Result;
        Failure = completed.FailureDetails;
        Completed = at;
        Parked = null;
        Inbox.Clear();
        OpenActivities.Clear();
        OpenTimers.Clear();
    }

    // An orchestrator takes its time from here, which must not run backwards when the clock is set back.
    private void Touch(Timestamp at) => Updated = at > Updated ? at : Updated;

    private void Remember(HistoryEvent item)
    {
        History.Add(item);
        HistoryBytes += item.CalculateSize() + 4;
    }

    private void Open(HistoryEvent item)
    {
        switch (item.EventTypeCase)
        {
            case EventCase.TaskScheduled:
                OpenActivities[item.EventId] = item;
                break;
            case EventCase.TimerCreated:
                OpenTimers[item.EventId] = item.TimerCreated.FireAt;
                break;
            case EventCase.SubOrchestrationInstanceCreated:
                OpenChildren[item.EventId] = item.SubOrchestrationInstanceCreated.InstanceId;
                break;
        }
    }

    private void Close(HistoryEvent item)
    {
        switch (item.EventTypeCase)
        {
            case EventCase.TaskCompleted:
                OpenActivities.Remove(item.TaskCompleted.TaskScheduledId);
                break;
            case EventCase.TaskFailed:
                OpenActivities.Remove(item.TaskFailed.TaskScheduledId);
                break;
            case EventCase.TimerFired:
                OpenTimers.Remove(item.TimerFired.TimerId);
                break;
            case EventCase.SubOrchestrationInstanceCompleted:
                OpenChildren.Remove(item.SubOrchestrationInstanceCompleted.TaskScheduledId);
                break;
            case EventCase.SubOrchestrationInstanceFailed:
                OpenChildren.Remove(item.SubOrchestrationInstanceFailed.TaskScheduledId);
                break;
        }
    }
}
