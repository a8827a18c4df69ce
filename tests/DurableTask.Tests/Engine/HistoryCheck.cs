using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>What holds for the history of every ended orchestration.</summary>
internal static class HistoryCheck
{
    public static void Check(IReadOnlyList<HistoryEvent> history)
    {
        Assert.NotNull(history[0].OrchestratorStarted);
        Assert.NotNull(history[1].ExecutionStarted);
        Assert.Single(history, item => item.ExecutionStarted is not null);
        Assert.Single(history, item => item.ExecutionCompleted is not null);
        Assert.All(history, item => Assert.NotNull(item.Timestamp));
        int[] ids = [.. history.Where(item => item.EventId >= 0).Select(item => item.EventId)];
        Assert.Equal(ids.Distinct(), ids);
        AnswersOnce(
            history, item => item.TaskScheduled is null ? null : $"{item.EventId}",
            item => Text(item.TaskCompleted?.TaskScheduledId ?? item.TaskFailed?.TaskScheduledId));
        AnswersOnce(
            history, item => item.TimerCreated is null ? null : $"{item.EventId}",
            item => Text(item.TimerFired?.TimerId));
        AnswersOnce(
            history, item => item.SubOrchestrationInstanceCreated is null ? null : $"{item.EventId}",
            item => Text(item.SubOrchestrationInstanceCompleted?.TaskScheduledId
                ?? item.SubOrchestrationInstanceFailed?.TaskScheduledId));
        AnswersOnce(
            history, item => item.EntityOperationCalled?.RequestId,
            item => item.EntityOperationCompleted?.RequestId ?? item.EntityOperationFailed?.RequestId);
        AnswersOnce(
            history, item => item.EntityLockRequested?.CriticalSectionId,
            item => item.EntityLockGranted?.CriticalSectionId);
    }

    /// <summary>Each answer belongs to a question before it, and no question has two.</summary>
    private static void AnswersOnce(
        IReadOnlyList<HistoryEvent> history, Func<HistoryEvent, string?> question, Func<HistoryEvent, string?> answer)
    {
        var open = new HashSet<string>(StringComparer.Ordinal);
        foreach (HistoryEvent item in history)
        {
            if (question(item) is { } asked)
            {
                Assert.True(open.Add(asked), $"'{asked}' was asked twice: {item}");
            }
            else if (answer(item) is { } answered)
            {
                Assert.Equal(-1, item.EventId);
                Assert.True(
                    open.Remove(answered), $"'{answered}' is answered and was not asked, or was before: {item}");
            }
        }
    }

    private static string? Text(int? id) => id is null ? null : $"{id}";
}
