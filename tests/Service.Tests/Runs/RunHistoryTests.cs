using DurableTask.Core;
using DurableTask.Core.History;
using Workflows.Service.Runs;

namespace Workflows.Service.Tests.Runs;

/// <summary>The engine's history as the API shows it.</summary>
public sealed class RunHistoryTests
{
    private static readonly DateTime Start = new(2026, 11, 29, 8, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void History_OfEndsAndOpenWork_MergesTheEndsWithTheirSchedules()
    {
        HistoryEvent[] history =
        [
            new OrchestratorStartedEvent(-1),
            new TaskScheduledEvent(1, "Plan", null, "\"in\"") { Timestamp = Start },
            new TimerCreatedEvent(2, Start.AddMinutes(5)) { Timestamp = Start },
            new SubOrchestrationInstanceCreatedEvent(3)
            {
                Name = "TpuWork",
                InstanceId = "run-1:train",
                Timestamp = Start,
            },
            new OrchestratorCompletedEvent(-1),
            new TaskCompletedEvent(-1, 1, "{\"a\":1}") { Timestamp = Start.AddSeconds(9) },
            new TimerFiredEvent(-1) { TimerId = 2, FireAt = Start.AddMinutes(5), Timestamp = Start.AddMinutes(5) },

            // An end without its schedule, which a history that was cut may have.
            new TaskCompletedEvent(-1, 99, "no json {") { Timestamp = Start.AddMinutes(6) },
        ];

        var views = RunHistory.Of(history, withOutput: true);

        Assert.Equal(
            ["SubOrchestrationInstanceCreated", "TaskCompleted", "TimerFired", "TaskCompleted"],
            views.Select(view => view.EventType));
        Assert.Equal("run-1:train", views[0].InstanceId);
        Assert.Equal(
            ("Plan", Start, Start.AddSeconds(9), "in", "{\"a\":1}"),
            (views[1].Name, views[1].ScheduledTime?.UtcDateTime, views[1].Timestamp.UtcDateTime,
                views[1].Input?.GetString(), $"{views[1].Result}"));
        Assert.Equal((Start.AddMinutes(5), Start), (
            views[2].FireAt?.UtcDateTime, views[2].ScheduledTime?.UtcDateTime));
        Assert.Equal("no json {", views[3].Result?.GetString());
        Assert.All(RunHistory.Of(history, withOutput: false), view => Assert.Null(view.Input ?? view.Result));
    }

    [Theory]
    [InlineData("\"wfk_000000000000_00000000000000000000\"")]
    [InlineData("{\"token\": \"hf_abcdefghijklmnop\"}")]
    [InlineData("Bearer abcdefghijkl")]
    public void History_WithACredential_ShowsNone(string secret)
    {
        HistoryEvent[] history =
        [
            new EventRaisedEvent(-1, secret) { Name = "cancel" },
            new ExecutionCompletedEvent(-1, secret, OrchestrationStatus.Failed, new FailureDetails(
                "T", secret, null, null, false)),
        ];

        var views = RunHistory.Of(history, withOutput: true);

        Assert.All(
            [$"{views[0].Input}", $"{views[1].Result}", views[1].Reason!],
            text => Assert.Contains("[secret]", text, StringComparison.Ordinal));
        Assert.Equal("Failed", views[1].OrchestrationStatus);
    }
}
