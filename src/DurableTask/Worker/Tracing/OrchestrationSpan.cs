using System.Diagnostics;
using Google.Protobuf.WellKnownTypes;
using EventCase = Workflows.DurableTask.Protocol.HistoryEvent.EventTypeOneofCase;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Tracing;

/// <summary>
/// The span of one execution of an orchestration. It lasts over many episodes, perhaps in many processes: its id goes
/// with the work items, and it is written when the execution ends. What an orchestrator waits for is a span below it.
/// </summary>
internal sealed class OrchestrationSpan
{
    private readonly Proto.ExecutionStartedEvent _started;
    private readonly ActivityContext _parent;
    private readonly ActivityContext _own;
    private readonly Timestamp _start;

    private OrchestrationSpan(
        Proto.ExecutionStartedEvent started, ActivityContext parent, ActivitySpanId id, Timestamp start)
    {
        _started = started;
        _parent = parent;
        _own = new ActivityContext(parent.TraceId, id, parent.TraceFlags, parent.TraceState);
        _start = start;
    }

    /// <summary>Null when nobody listens, or the orchestration belongs to no trace.</summary>
    public static OrchestrationSpan? Find(
        Proto.OrchestratorRequest request, IEnumerable<Proto.HistoryEvent> past)
    {
        if (!TaskSpans.IsWatched)
        {
            return null;
        }

        Proto.HistoryEvent? fresh = request.NewEvents.FirstOrDefault(item => item.ExecutionStarted is not null);
        Proto.HistoryEvent? begun = fresh ?? past.FirstOrDefault(item => item.ExecutionStarted is not null);
        if (begun is null || TaskSpans.Context(begun.ExecutionStarted.ParentTraceContext) is not { } parent)
        {
            return null;
        }

        Proto.OrchestrationTraceContext? known = fresh is null ? request.OrchestrationTraceContext : null;
        ActivitySpanId id = known?.SpanID is { Length: 16 } text
            ? ActivitySpanId.CreateFromString(text)
            : ActivitySpanId.CreateRandom();
        return new OrchestrationSpan(begun.ExecutionStarted, parent, id, known?.SpanStartTime ?? begun.Timestamp);
    }

    /// <summary>The context for something that the orchestrator starts.</summary>
    public Proto.TraceContext Child() => new()
    {
        TraceParent = $"00-{_own.TraceId}-{ActivitySpanId.CreateRandom()}-{(int)_own.TraceFlags:x2}",
        TraceState = _own.TraceState,
    };

    /// <summary>Writes what this episode ended, and sends the span's id along.</summary>
    public void Finish(
        Proto.OrchestratorResponse response,
        IEnumerable<Proto.HistoryEvent> past,
        IEnumerable<Proto.HistoryEvent> fresh)
    {
        response.OrchestrationTraceContext = new() { SpanID = _own.SpanId.ToHexString(), SpanStartTime = _start };
        Dictionary<int, Proto.HistoryEvent>? begun = null;
        foreach (Proto.HistoryEvent item in fresh)
        {
            if (TaskIdOf(item) is { } taskId)
            {
                begun ??= past.Where(past => past.EventId >= 0).GroupBy(past => past.EventId)
                    .ToDictionary(group => group.Key, group => group.Last());
                Write(begun.GetValueOrDefault(taskId), item, response.InstanceId);
            }
        }

        if (response.Actions.FirstOrDefault(action => action.CompleteOrchestration is not null) is { } end)
        {
            WriteEnd(end.CompleteOrchestration, response.InstanceId);
        }
    }

    private static int? TaskIdOf(Proto.HistoryEvent item) => item.EventTypeCase switch
    {
        EventCase.TaskCompleted => item.TaskCompleted.TaskScheduledId,
        EventCase.TaskFailed => item.TaskFailed.TaskScheduledId,
        EventCase.SubOrchestrationInstanceCompleted => item.SubOrchestrationInstanceCompleted.TaskScheduledId,
        EventCase.SubOrchestrationInstanceFailed => item.SubOrchestrationInstanceFailed.TaskScheduledId,
        EventCase.TimerFired => item.TimerFired.TimerId,
        _ => null,
    };

    private void Write(Proto.HistoryEvent? begun, Proto.HistoryEvent ended, string instanceId)
    {
        string? failure = (ended.TaskFailed?.FailureDetails ?? ended.SubOrchestrationInstanceFailed?.FailureDetails)
            ?.ErrorMessage;
        switch (begun?.EventTypeCase)
        {
            case EventCase.TaskScheduled:
                Proto.TaskScheduledEvent task = begun.TaskScheduled;
                WriteTask("activity", task.Name, task.Version, task.ParentTraceContext, begun, instanceId, failure);
                break;
            case EventCase.SubOrchestrationInstanceCreated:
                Proto.SubOrchestrationInstanceCreatedEvent child = begun.SubOrchestrationInstanceCreated;
                WriteTask(
                    "orchestration", child.Name, child.Version, child.ParentTraceContext, begun, instanceId, failure);
                break;
            case EventCase.TimerCreated:
                TaskSpans.Record(
                    $"orchestration:{_started.Name}:timer",
                    ActivityKind.Internal,
                    _own,
                    ActivitySpanId.CreateRandom(),
                    begun.Timestamp,
                    span =>
                    {
                        TaskSpans.Tag(span, "timer", _started.Name, null, instanceId);
                        span.SetTag("durabletask.fire_at", begun.TimerCreated.FireAt.ToDateTime().ToString("o"));
                        span.SetTag("durabletask.task.task_id", begun.EventId);
                    });
                break;
        }
    }

    private void WriteTask(
        string kind,
        string name,
        string? version,
        Proto.TraceContext? given,
        Proto.HistoryEvent begun,
        string instanceId,
        string? failure)
    {
        if (TaskSpans.Context(given) is not { } context)
        {
            return;
        }

        TaskSpans.Record(
            TaskSpans.Named(kind, name, version),
            ActivityKind.Client,
            _own,
            context.SpanId,
            begun.Timestamp,
            span =>
            {
                TaskSpans.Tag(span, kind, name, version, instanceId);
                span.SetTag("durabletask.task.task_id", begun.EventId);
                if (failure is not null)
                {
                    TaskSpans.Fail(span, failure);
                }
            });
    }

    private void WriteEnd(Proto.CompleteOrchestrationAction end, string instanceId) => TaskSpans.Record(
        TaskSpans.Named("orchestration", _started.Name, _started.Version),
        ActivityKind.Server,
        _parent,
        _own.SpanId,
        _start,
        span =>
        {
            TaskSpans.Tag(span, "orchestration", _started.Name, _started.Version, instanceId);
            span.SetTag("durabletask.task.status", end.OrchestrationStatus.ToString());
            if (end.OrchestrationStatus == Proto.OrchestrationStatus.Failed)
            {
                TaskSpans.Fail(span, end.FailureDetails?.ErrorMessage ?? end.Result ?? string.Empty);
            }
        });
}
