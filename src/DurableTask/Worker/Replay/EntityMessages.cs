using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Entities;
using MessageCase = Workflows.DurableTask.Protocol.SendEntityMessageAction.EntityMessageTypeOneofCase;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>
/// Messages from orchestrators to entities in both encodings. Classic: an event named "op", "op@TIME" or "release" with
/// a JSON text; the answer is an event named as the request's id. Azure-managed: actions and events of their own.
/// </summary>
internal static class EntityMessages
{
    private const string Operation = "op";
    private const string Release = "release";

    public static Proto.OrchestratorAction Call(
        EntityMode mode, EntityInstanceId entity, string operation, string? input, Guid request,
        Proto.OrchestrationInstance caller) => mode == EntityMode.AzureManaged
        ? Message(new()
        {
            EntityOperationCalled = new()
            {
                RequestId = request.ToString(),
                Operation = operation,
                Input = input,
                ParentInstanceId = caller.InstanceId,
                ParentExecutionId = caller.ExecutionId,
                TargetInstanceId = entity.ToString(),
            },
        })
        : Event(entity, Operation, new JsonObject
        {
            ["op"] = operation,
            ["id"] = request,
            ["input"] = input,
            ["parent"] = caller.InstanceId,
            ["parentExecution"] = caller.ExecutionId,
        });

    public static Proto.OrchestratorAction Signal(
        EntityMode mode, EntityInstanceId entity, string operation, string? input, Guid request,
        DateTimeOffset? due, DateTimeOffset? wake) => mode == EntityMode.AzureManaged
        ? Message(new()
        {
            EntityOperationSignaled = new()
            {
                RequestId = request.ToString(),
                Operation = operation,
                Input = input,
                ScheduledTime = due is { } moment ? Timestamp.FromDateTimeOffset(moment) : null,
                TargetInstanceId = entity.ToString(),
            },
        })
        : Event(
            entity,
            wake is null ? Operation : $"{Operation}@{Text(wake.Value)}",
            new JsonObject
            {
                ["op"] = operation,
                ["signal"] = true,
                ["id"] = request,
                ["input"] = input,
                ["due"] = due is null ? null : Text(due.Value),
            });

    public static Proto.OrchestratorAction Lock(
        EntityMode mode, EntityInstanceId[] set, Guid section, Proto.OrchestrationInstance caller)
    {
        if (mode == EntityMode.AzureManaged)
        {
            var request = new Proto.EntityLockRequestedEvent
            {
                CriticalSectionId = section.ToString(),
                ParentInstanceId = caller.InstanceId,
            };
            request.LockSet.AddRange(set.Select(entity => entity.ToString()));
            return Message(new() { EntityLockRequested = request });
        }

        return Event(set[0], Operation, new JsonObject
        {
            ["id"] = section,
            ["parent"] = caller.InstanceId,
            ["parentExecution"] = caller.ExecutionId,
            ["lockset"] = new JsonArray(
                [.. set.Select(entity => new JsonObject { ["name"] = entity.Name, ["key"] = entity.Key })]),
        });
    }

    public static Proto.OrchestratorAction Unlock(
        EntityMode mode, EntityInstanceId entity, Guid section, string holder) => mode == EntityMode.AzureManaged
        ? Message(new()
        {
            EntityUnlockSent = new()
            {
                CriticalSectionId = section.ToString(),
                ParentInstanceId = holder,
                TargetInstanceId = entity.ToString(),
            },
        })
        : Event(entity, Release, new JsonObject { ["parent"] = holder, ["id"] = section });

    public static EntityAnswer ReadAnswer(string? text)
    {
        JsonNode answer = JsonNode.Parse(text ?? "{}")!;
        string? result = (string?)answer["result"];
        return answer["failureDetails"] is { } failure ? new(result, Failure(failure))
            : (string?)answer["exceptionType"] is { } type ? new(result, new(type, result ?? type, null, null, null))
            : new(result, null);
    }

    // Both encodings of a message read alike here: a history stays replayable when the mode is switched.
    public static string? Describe(Proto.HistoryEvent recorded) => recorded.EventTypeCase switch
    {
        Proto.HistoryEvent.EventTypeOneofCase.EntityOperationCalled =>
            OfCall(recorded.EntityOperationCalled.TargetInstanceId),
        Proto.HistoryEvent.EventTypeOneofCase.EntityOperationSignaled =>
            OfSignal(recorded.EntityOperationSignaled.TargetInstanceId),
        Proto.HistoryEvent.EventTypeOneofCase.EntityLockRequested => OfLock(),
        Proto.HistoryEvent.EventTypeOneofCase.EntityUnlockSent => OfUnlock(recorded.EntityUnlockSent.TargetInstanceId),
        _ => null,
    };

    public static string Describe(Proto.SendEntityMessageAction message) => message.EntityMessageTypeCase switch
    {
        MessageCase.EntityOperationCalled => OfCall(message.EntityOperationCalled.TargetInstanceId),
        MessageCase.EntityOperationSignaled => OfSignal(message.EntityOperationSignaled.TargetInstanceId),
        MessageCase.EntityLockRequested => OfLock(),
        _ => OfUnlock(message.EntityUnlockSent.TargetInstanceId),
    };

    public static string? Describe(Proto.EventSentEvent sent) => Describe(sent.InstanceId, sent.Name, sent.Input);

    public static string? Describe(Proto.SendEventAction send) =>
        Describe(send.Instance.InstanceId, send.Name, send.Data);

    private static string? Describe(string target, string name, string? data)
    {
        if (target is not ['@', ..] || data is null)
        {
            return null;
        }

        if (name == Release)
        {
            return OfUnlock(target);
        }

        using JsonDocument message = JsonDocument.Parse(data);
        return message.RootElement.TryGetProperty("lockset", out JsonElement set) && set.ValueKind != JsonValueKind.Null
            ? OfLock()
            : message.RootElement.TryGetProperty("signal", out JsonElement signal)
                && signal.ValueKind == JsonValueKind.True
                ? OfSignal(target)
                : OfCall(target);
    }

    private static string OfCall(string target) => $"a call of entity '{target}'";

    private static string OfSignal(string target) => $"a signal to entity '{target}'";

    private static string OfLock() => "a request for locks";

    private static string OfUnlock(string target) => $"the release of entity '{target}'";

    private static string Text(DateTimeOffset moment) => moment.UtcDateTime.ToString("o", CultureInfo.InvariantCulture);

    private static Proto.OrchestratorAction Message(Proto.SendEntityMessageAction message) =>
        new() { SendEntityMessage = message };

    private static Proto.OrchestratorAction Event(EntityInstanceId entity, string name, JsonObject data) => new()
    {
        SendEvent = new()
        {
            Instance = new() { InstanceId = entity.ToString() },
            Name = name,
            Data = WithoutNulls(data).ToJsonString(),
        },
    };

    private static JsonObject WithoutNulls(JsonObject data)
    {
        foreach (string key in data.Where(entry => entry.Value is null).Select(entry => entry.Key).ToList())
        {
            data.Remove(key);
        }

        return data;
    }

    private static TaskFailureDetails Failure(JsonNode failure) => new(
        (string?)failure["ErrorType"] ?? "(unknown)",
        (string?)failure["ErrorMessage"] ?? string.Empty,
        (string?)failure["StackTrace"],
        failure["InnerFailure"] is { } inner ? Failure(inner) : null,
        null)
    {
        IsNonRetriable = (bool?)failure["IsNonRetriable"] ?? false,
    };
}
