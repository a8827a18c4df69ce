using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>Creates inbox messages. Their id is -1, since workers drop a second message with the same id of 0 or
/// more.</summary>
internal static class Messages
{
    public const string FireAndForgetTag = "FireAndForget";

    /// <summary>The failure type of a work item that is no longer retried.</summary>
    public const string PoisonError = "PoisonWorkItem";

    public static bool IsFireAndForget(IDictionary<string, string> tags) => tags.ContainsKey(FireAndForgetTag);

    public static HistoryEvent Terminated(string? reason, bool recurse, Timestamp now) => new()
    {
        EventId = -1,
        Timestamp = now,
        ExecutionTerminated = new() { Input = reason, Recurse = recurse },
    };

    public static HistoryEvent Raised(string name, string? input, Timestamp now) => new()
    {
        EventId = -1,
        Timestamp = now,
        EventRaised = new() { Name = name, Input = input },
    };

    public static HistoryEvent TimerFired(int timerId, Timestamp fireAt, Timestamp now) => new()
    {
        EventId = -1,
        Timestamp = now,
        TimerFired = new() { TimerId = timerId, FireAt = fireAt },
    };

    public static HistoryEvent Started(ExecutionStartedEvent started, Timestamp now) => new()
    {
        EventId = -1,
        Timestamp = now,
        ExecutionStarted = started,
    };

    public static HistoryEvent ChildFailed(int taskId, TaskFailureDetails failure, Timestamp now) => new()
    {
        EventId = -1,
        Timestamp = now,
        SubOrchestrationInstanceFailed = new() { TaskScheduledId = taskId, FailureDetails = failure },
    };

    public static HistoryEvent ActivityFailed(int taskId, TaskFailureDetails failure, Timestamp now) => new()
    {
        EventId = -1,
        Timestamp = now,
        TaskFailed = new() { TaskScheduledId = taskId, FailureDetails = failure },
    };

    public static TaskFailureDetails Failure(string errorType, string message) => new()
    {
        ErrorType = errorType,
        ErrorMessage = message,
        IsNonRetriable = true,
    };

    /// <summary>Creates the message that reports a child's end to its parent.</summary>
    public static HistoryEvent ChildEnded(int taskId, ExecutionCompletedEvent end, Timestamp now) =>
        end.OrchestrationStatus == OrchestrationStatus.Completed
            ? new HistoryEvent
            {
                EventId = -1,
                Timestamp = now,
                SubOrchestrationInstanceCompleted = new() { TaskScheduledId = taskId, Result = end.Result },
            }
            : ChildFailed(
                taskId,
                end.FailureDetails ?? Failure(
                    "OrchestrationTerminated",
                    $"The sub-orchestration ended as {end.OrchestrationStatus}: {end.Result ?? "no reason given"}"),
                now);
}
