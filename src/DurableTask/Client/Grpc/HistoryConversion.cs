using System.Text.Json.Nodes;
using global::DurableTask.Core;
using global::DurableTask.Core.History;
using EventCase = Workflows.DurableTask.Protocol.HistoryEvent.EventTypeOneofCase;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Client.Grpc;

/// <summary>Turns recorded events into the classes of the Durable Task Framework. Messages to entities are events
/// there, with JSON texts.</summary>
internal static class HistoryConversion
{
    public static HistoryEvent ToHistoryEvent(this Proto.HistoryEvent item)
    {
        HistoryEvent converted = Convert(item);
        converted.Timestamp = item.Timestamp.ToDateTime();
        return converted;
    }

    private static HistoryEvent Convert(Proto.HistoryEvent item)
    {
        int id = item.EventId;
        return item.EventTypeCase switch
        {
            EventCase.ExecutionStarted => Started(id, item.ExecutionStarted),
            EventCase.ExecutionCompleted => new ExecutionCompletedEvent(id)
            {
                OrchestrationStatus = (OrchestrationStatus)(int)item.ExecutionCompleted.OrchestrationStatus,
                Result = item.ExecutionCompleted.Result,
                FailureDetails = Failure(item.ExecutionCompleted.FailureDetails),
            },
            EventCase.ExecutionTerminated =>
                new ExecutionTerminatedEvent(id) { Input = item.ExecutionTerminated.Input },
            EventCase.ExecutionSuspended =>
                new ExecutionSuspendedEvent(id) { Reason = item.ExecutionSuspended.Input },
            EventCase.ExecutionResumed => new ExecutionResumedEvent(id) { Reason = item.ExecutionResumed.Input },
            EventCase.ExecutionRewound => new ExecutionRewoundEvent(id) { Reason = item.ExecutionRewound.Reason },
            EventCase.TaskScheduled => new TaskScheduledEvent(id)
            {
                Name = item.TaskScheduled.Name,
                Version = item.TaskScheduled.Version,
                Input = item.TaskScheduled.Input,
                Tags = item.TaskScheduled.Tags,
            },
            EventCase.TaskCompleted => new TaskCompletedEvent(id)
            {
                TaskScheduledId = item.TaskCompleted.TaskScheduledId,
                Result = item.TaskCompleted.Result,
            },
            EventCase.TaskFailed => new TaskFailedEvent(id)
            {
                TaskScheduledId = item.TaskFailed.TaskScheduledId,
                FailureDetails = Failure(item.TaskFailed.FailureDetails),
            },
            EventCase.TimerCreated =>
                new TimerCreatedEvent(id) { FireAt = item.TimerCreated.FireAt.ToDateTime() },
            EventCase.TimerFired => new TimerFiredEvent(id)
            {
                TimerId = item.TimerFired.TimerId,
                FireAt = item.TimerFired.FireAt.ToDateTime(),
            },
            EventCase.OrchestratorStarted => new OrchestratorStartedEvent(id),
            EventCase.OrchestratorCompleted => new OrchestratorCompletedEvent(id),
            EventCase.EventSent => Sent(id, item.EventSent.InstanceId, item.EventSent.Name, item.EventSent.Input),
            EventCase.EventRaised => Raised(id, item.EventRaised.Name, item.EventRaised.Input),
            EventCase.ContinueAsNew => new ContinueAsNewEvent(id) { Input = item.ContinueAsNew.Input },
            EventCase.GenericEvent => new GenericEvent(id) { Data = item.GenericEvent.Data },
            _ => Child(item) ?? Entity(item)
                ?? throw new NotSupportedException($"The history holds a '{item.EventTypeCase}', which is unknown."),
        };
    }

    private static ExecutionStartedEvent Started(int id, Proto.ExecutionStartedEvent started) => new(id)
    {
        Name = started.Name,
        Version = started.Version,
        Input = started.Input,
        Tags = started.Tags,
        ScheduledStartTime = started.ScheduledStartTimestamp?.ToDateTime(),
        OrchestrationInstance = Instance(started.OrchestrationInstance),
        ParentInstance = started.ParentInstance is not { } parent ? null : new ParentInstance
        {
            Name = parent.Name,
            Version = parent.Version,
            OrchestrationInstance = Instance(parent.OrchestrationInstance),
            TaskScheduleId = parent.TaskScheduledId,
        },
    };

    private static HistoryEvent? Child(Proto.HistoryEvent item) => item.EventTypeCase switch
    {
        EventCase.SubOrchestrationInstanceCreated => new SubOrchestrationInstanceCreatedEvent(item.EventId)
        {
            Name = item.SubOrchestrationInstanceCreated.Name,
            Version = item.SubOrchestrationInstanceCreated.Version,
            InstanceId = item.SubOrchestrationInstanceCreated.InstanceId,
            Input = item.SubOrchestrationInstanceCreated.Input,
        },
        EventCase.SubOrchestrationInstanceCompleted => new SubOrchestrationInstanceCompletedEvent(item.EventId)
        {
            TaskScheduledId = item.SubOrchestrationInstanceCompleted.TaskScheduledId,
            Result = item.SubOrchestrationInstanceCompleted.Result,
        },
        EventCase.SubOrchestrationInstanceFailed => new SubOrchestrationInstanceFailedEvent(item.EventId)
        {
            TaskScheduledId = item.SubOrchestrationInstanceFailed.TaskScheduledId,
            FailureDetails = Failure(item.SubOrchestrationInstanceFailed.FailureDetails),
        },
        _ => null,
    };

    private static HistoryEvent? Entity(Proto.HistoryEvent item) => item.EventTypeCase switch
    {
        EventCase.EntityOperationCalled => Sent(
            item.EventId,
            item.EntityOperationCalled.TargetInstanceId,
            "op",
            Json(
                ("op", item.EntityOperationCalled.Operation),
                ("id", item.EntityOperationCalled.RequestId),
                ("input", item.EntityOperationCalled.Input))),
        EventCase.EntityOperationSignaled => Sent(
            item.EventId,
            item.EntityOperationSignaled.TargetInstanceId,
            "op",
            Json(
                ("op", item.EntityOperationSignaled.Operation),
                ("signal", true),
                ("id", item.EntityOperationSignaled.RequestId),
                ("input", item.EntityOperationSignaled.Input))),
        EventCase.EntityLockRequested => Sent(
            item.EventId,
            item.EntityLockRequested.LockSet[0],
            "op",
            Json(
                ("id", item.EntityLockRequested.CriticalSectionId),
                ("lockset", new JsonArray([.. item.EntityLockRequested.LockSet.Select(one => (JsonNode)one)])))),
        EventCase.EntityUnlockSent => Sent(
            item.EventId,
            item.EntityUnlockSent.TargetInstanceId,
            "release",
            Json(("id", item.EntityUnlockSent.CriticalSectionId))),
        EventCase.EntityLockGranted =>
            Raised(item.EventId, item.EntityLockGranted.CriticalSectionId, Json(("result", null))),
        EventCase.EntityOperationCompleted => Raised(
            item.EventId,
            item.EntityOperationCompleted.RequestId,
            Json(("result", item.EntityOperationCompleted.Output))),
        EventCase.EntityOperationFailed => Raised(
            item.EventId,
            item.EntityOperationFailed.RequestId,
            Json(
                ("exceptionType", item.EntityOperationFailed.FailureDetails?.ErrorType),
                ("result", item.EntityOperationFailed.FailureDetails?.ErrorMessage))),
        _ => null,
    };

    private static EventSentEvent Sent(int id, string target, string name, string? input) =>
        new(id) { InstanceId = target, Name = name, Input = input };

    private static EventRaisedEvent Raised(int id, string name, string? input) =>
        new(id) { Name = name, Input = input };

    private static string Json(params (string Key, JsonNode? Value)[] values) =>
        new JsonObject(values.Select(one => KeyValuePair.Create(one.Key, one.Value))).ToJsonString();

    private static OrchestrationInstance? Instance(Proto.OrchestrationInstance? instance) => instance is null
        ? null
        : new() { InstanceId = instance.InstanceId, ExecutionId = instance.ExecutionId };

    private static FailureDetails? Failure(Proto.TaskFailureDetails? failure) => failure is null
        ? null
        : new(
            failure.ErrorType, failure.ErrorMessage, failure.StackTrace, Failure(failure.InnerFailure),
            failure.IsNonRetriable);
}
