using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>Creates an entity's messages for workers, and its answers to callers.</summary>
internal static class EntityAnswers
{
    /// <summary>Converts an operation for a worker. Official workers fail on ids that are no GUIDs.</summary>
    public static HistoryEvent ForWorker(EntityMessage message, Timestamp now)
    {
        string id = Guid.TryParse(message.RequestId, out _) ? message.RequestId : Guid.NewGuid().ToString();
        var item = new HistoryEvent { EventId = -1, Timestamp = now };
        if (message.Caller is { } caller)
        {
            item.EntityOperationCalled = new()
            {
                RequestId = id,
                Operation = message.Operation,
                Input = message.Input,
                ParentInstanceId = caller.InstanceId,
                ParentExecutionId = caller.ExecutionId,
            };
        }
        else
        {
            item.EntityOperationSignaled = new()
            {
                RequestId = id,
                Operation = message.Operation,
                Input = message.Input,
            };
        }

        return item;
    }

    public static HistoryEvent Completed(EntityMessage call, string? result, Timestamp now) => call.Classic
        ? ClassicEntityMessage.Answer(call.RequestId, result, now)
        : new HistoryEvent
        {
            EventId = -1,
            Timestamp = now,
            EntityOperationCompleted = new() { RequestId = call.RequestId, Output = result },
        };

    public static HistoryEvent Failed(EntityMessage call, TaskFailureDetails failure, Timestamp now) => call.Classic
        ? ClassicEntityMessage.Failed(call.RequestId, failure, now)
        : new HistoryEvent
        {
            EventId = -1,
            Timestamp = now,
            EntityOperationFailed = new() { RequestId = call.RequestId, FailureDetails = failure },
        };

    public static HistoryEvent Granted(EntityMessage request, Timestamp now) => request.Classic
        ? ClassicEntityMessage.Answer(request.RequestId, "Lock Acquisition Completed", now)
        : new HistoryEvent
        {
            EventId = -1,
            Timestamp = now,
            EntityLockGranted = new() { CriticalSectionId = request.RequestId },
        };
}
