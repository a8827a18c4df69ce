using DurableTask.Core;
using DurableTask.Core.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Entities;
using Microsoft.DurableTask.Worker;
using Workflows.DurableTask.Tests.Entities;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>Histories as the client reads them.</summary>
public sealed class HistoryTests : EndToEndTest
{
    [Fact]
    public async Task History_OfEveryKindOfStep_IsReadInOrder()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks =>
        {
            tasks.AddActivityFunc<int, int>("fail", (_, value) => Fail($"no {value}"));
            tasks.AddOrchestratorFunc<int, int>("child", (_, value) => Task.FromResult(value));
            tasks.AddOrchestratorFunc<int, string>("test", async (context, input) =>
            {
                await Assert.ThrowsAsync<TaskFailedException>(() => context.CallActivityAsync<int>("fail", input));
                int value = await context.CallSubOrchestratorAsync<int>("child", 4);
                await context.CreateTimer(TimeSpan.FromMilliseconds(10), CancellationToken.None);
                context.SendEvent("nobody", "hello", 1);
                return await context.WaitForExternalEvent<string>("go");
            });
        });
        string id = await client.ScheduleNewOrchestrationInstanceAsync(
            "test", 3, new StartOrchestrationOptions { Tags = new Dictionary<string, string> { ["a"] = "b" } }, Soon);
        await client.RaiseEventAsync(id, "go", "done", Soon);
        await client.WaitForInstanceCompletionAsync(id, Soon);

        IList<HistoryEvent> history = await client.GetOrchestrationHistoryAsync(id, Soon);

        ExecutionStartedEvent started = Assert.Single(history.OfType<ExecutionStartedEvent>());
        Assert.Equal(("test", "3", id), (started.Name, started.Input, started.OrchestrationInstance!.InstanceId));
        Assert.Equal("b", started.Tags!["a"]);
        TaskScheduledEvent called = Assert.Single(history.OfType<TaskScheduledEvent>());
        TaskFailedEvent failed = Assert.Single(history.OfType<TaskFailedEvent>());
        Assert.Equal(called.EventId, failed.TaskScheduledId);
        Assert.Equal("no 3", failed.FailureDetails!.ErrorMessage);
        SubOrchestrationInstanceCreatedEvent child =
            Assert.Single(history.OfType<SubOrchestrationInstanceCreatedEvent>());
        SubOrchestrationInstanceCompletedEvent answer =
            Assert.Single(history.OfType<SubOrchestrationInstanceCompletedEvent>());
        Assert.Equal((child.EventId, "4"), (answer.TaskScheduledId, answer.Result));
        Assert.Equal(
            Assert.Single(history.OfType<TimerCreatedEvent>()).EventId,
            Assert.Single(history.OfType<TimerFiredEvent>()).TimerId);
        Assert.Equal("hello", Assert.Single(history.OfType<EventSentEvent>()).Name);
        Assert.Equal("\"done\"", Assert.Single(history.OfType<EventRaisedEvent>()).Input);
        ExecutionCompletedEvent ended = Assert.IsType<ExecutionCompletedEvent>(history[^1]);
        Assert.Equal((OrchestrationStatus.Completed, "\"done\""), (ended.OrchestrationStatus, ended.Result));
        Assert.Equal(EventType.OrchestratorStarted, history[0].EventType);
        Assert.All(history, one => Assert.Equal(DateTimeKind.Utc, one.Timestamp.Kind));
        IList<HistoryEvent> childHistory = await client.GetOrchestrationHistoryAsync(child.InstanceId, Soon);
        ParentInstance parent = childHistory.OfType<ExecutionStartedEvent>().Single().ParentInstance!;
        Assert.Equal(id, parent.OrchestrationInstance!.InstanceId);
    }

    [Fact]
    public async Task History_WithEntities_ShowsMessagesAsEvents()
    {
        var id = new EntityInstanceId(nameof(Account), "a");
        await Sidecar.AddWorkerAsync(
            tasks =>
            {
                tasks.AddEntity<Account>();
                tasks.AddOrchestratorFunc<int>("test", context => context.Entities.CallEntityAsync<int>(id, "add", 2));
            },
            worker => worker.Configure(options => options.EnableEntitySupport = true));
        DurableTaskClient client = Sidecar.CreateClient();
        OrchestrationMetadata state = await RunAsync(client, "test");

        IList<HistoryEvent> history = await client.GetOrchestrationHistoryAsync(state.InstanceId, Soon);

        EventSentEvent sent = Assert.Single(history.OfType<EventSentEvent>());
        Assert.Equal((id.ToString(), "op"), (sent.InstanceId, sent.Name));
        EventRaisedEvent answer = Assert.Single(history.OfType<EventRaisedEvent>());
        Assert.Contains("\"result\":\"2\"", answer.Input, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_OfAnUnknownOrchestration_IsAnArgumentError()
    {
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(
            () => Sidecar.CreateClient().GetOrchestrationHistoryAsync("nobody", Soon));

        Assert.Contains("nobody", error.Message, StringComparison.Ordinal);
    }

    private static int Fail(string message) => throw new InvalidOperationException(message);
}
