using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>Reads and writes the older encoding of entity messages: events with JSON instead of typed
/// messages.</summary>
internal static class ClassicEntityMessage
{
    private const string Release = "release";

    /// <summary>Parses the request in an event to an entity; null if it is no entity message.</summary>
    /// <exception cref="FormatException">The text is damaged.</exception>
    public static Command? Parse(string target, SendEventAction send, string instanceId, string executionId)
    {
        bool isOperation = send.Name == "op" || send.Name.StartsWith("op@", StringComparison.Ordinal);
        if (!isOperation && send.Name != Release)
        {
            return null;
        }

        try
        {
            JsonNode data = JsonNode.Parse(send.Data ?? string.Empty)!;
            string id = (string?)data["id"] ?? throw new FormatException("An entity message has no id.");
            var caller = new EntityHolder { InstanceId = instanceId, ExecutionId = executionId, SectionId = id };
            if (!isOperation)
            {
                return new Command.UnlockEntity(target, id);
            }

            if (data["lockset"] is JsonArray locks)
            {
                var request = new EntityMessage { RequestId = id, Caller = caller, Classic = true };
                request.LockSet.Add(locks.Select(item => $"@{(string?)item!["name"]}@{(string?)item["key"]}"));
                return new Command.LockEntities(request);
            }

            bool isSignal = (bool?)data["signal"] ?? false;
            return new Command.SendToEntity(target, new EntityMessage
            {
                RequestId = id,
                Operation = (string?)data["op"] ?? string.Empty,
                Input = (string?)data["input"],
                Caller = isSignal ? null : caller,
                Classic = true,
                Due = (string?)data["due"] is { } due
                    ? Timestamp.FromDateTimeOffset(DateTimeOffset.Parse(
                        due, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal))
                    : null,
            });
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new FormatException($"The message to entity '{target}' cannot be read: {error.Message}", error);
        }
    }

    public static HistoryEvent Answer(string requestId, string? result, Timestamp now) =>
        Messages.Raised(requestId, new JsonObject { ["result"] = result }.ToJsonString(), now);

    public static HistoryEvent Failed(string requestId, TaskFailureDetails failure, Timestamp now) => Messages.Raised(
        requestId,
        new JsonObject
        {
            ["result"] = null,
            ["exceptionType"] = failure.ErrorType,
            ["failureDetails"] = Details(failure),
        }.ToJsonString(),
        now);

    private static JsonObject Details(TaskFailureDetails failure) => new()
    {
        ["ErrorType"] = failure.ErrorType,
        ["ErrorMessage"] = failure.ErrorMessage,
        ["StackTrace"] = failure.StackTrace,
        ["InnerFailure"] = failure.InnerFailure is { } inner ? Details(inner) : null,
        ["IsNonRetriable"] = failure.IsNonRetriable,
        ["Properties"] = null,
    };
}
