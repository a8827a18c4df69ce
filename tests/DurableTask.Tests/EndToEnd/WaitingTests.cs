using DurableTask.Core.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;

namespace Workflows.DurableTask.Tests.EndToEnd;

public sealed class WaitingTests : EndToEndTest
{
    [Fact]
    public async Task Timer_OfAQuarterSecond_FiresNoSooner()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks => tasks.AddOrchestratorFunc<double>(
            "timer", async context =>
            {
                DateTime before = context.CurrentUtcDateTime;
                await context.CreateTimer(TimeSpan.FromMilliseconds(250), CancellationToken.None);
                return (context.CurrentUtcDateTime - before).TotalMilliseconds;
            }));

        OrchestrationMetadata result = await RunAsync(client, "timer");

        Assert.True(result.ReadOutputAs<double>() >= 250, "The timer fired early.");
    }

    [Fact]
    public async Task Timer_Cancelled_DoesNotHoldUpTheEnd()
    {
        OrchestrationMetadata result = await RunAsync(
            tasks => tasks.AddOrchestratorFunc<string>("cancels", async context =>
            {
                using var cancellation = new CancellationTokenSource();
                Task timer = context.CreateTimer(TimeSpan.FromHours(1), cancellation.Token);
                cancellation.Cancel();
                try
                {
                    await timer;
                    return "fired";
                }
                catch (TaskCanceledException)
                {
                    return "cancelled";
                }
            }),
            "cancels");

        Assert.Equal("cancelled", result.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Timer_LongerThanTheInterval_IsSplit()
    {
        await Sidecar.AddWorkerAsync(
            tasks => tasks.AddOrchestratorFunc<bool>("long", async context =>
            {
                DateTime before = context.CurrentUtcDateTime;
                await context.CreateTimer(TimeSpan.FromMilliseconds(130), CancellationToken.None);
                return context.CurrentUtcDateTime - before >= TimeSpan.FromMilliseconds(130);
            }),
            worker => worker.Configure(options => options.MaximumTimerInterval = TimeSpan.FromMilliseconds(50)));

        OrchestrationMetadata result = await RunAsync(Sidecar.CreateClient(), "long");

        Assert.True(result.ReadOutputAs<bool>());
    }

    [Fact]
    public async Task Event_RaisedBeforeTheWait_IsKept()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks => tasks.AddOrchestratorFunc<string>(
            "waits", async context =>
            {
                await context.CreateTimer(TimeSpan.FromMilliseconds(100), CancellationToken.None);
                string first = await context.WaitForExternalEvent<string>("GO");
                return first + await context.WaitForExternalEvent<string>("go");
            }));
        string id = await client.ScheduleNewOrchestrationInstanceAsync("waits", Soon);
        await client.RaiseEventAsync(id, "go", "1", Soon);
        await client.RaiseEventAsync(id, "Go", "2", Soon);

        OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.Equal("12", result.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Event_TwoWaits_NewestIsServedFirst()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks => tasks.AddOrchestratorFunc<string>(
            "waits", async context =>
            {
                Task<string> older = context.WaitForExternalEvent<string>("go");
                Task<string> newer = context.WaitForExternalEvent<string>("go");
                await Task.WhenAll(older, newer);
                return $"{await older}{await newer}";
            }));
        string id = await client.ScheduleNewOrchestrationInstanceAsync("waits", Soon);
        await client.WaitForInstanceStartAsync(id, Soon);
        await client.RaiseEventAsync(id, "go", "a", Soon);
        await client.RaiseEventAsync(id, "go", "b", Soon);

        OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.Equal("ba", result.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Event_TimesOut_ThenALaterOneIsNotSwallowed()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks => tasks.AddOrchestratorFunc<string>(
            "waits", async context =>
            {
                try
                {
                    return await context.WaitForExternalEvent<string>("go", TimeSpan.FromMilliseconds(50));
                }
                catch (TaskCanceledException)
                {
                    context.SetCustomStatus("late");
                    return "late " + await context.WaitForExternalEvent<string>("go");
                }
            }));
        string id = await client.ScheduleNewOrchestrationInstanceAsync("waits", Soon);
        await WaitForAsync(client, id, state => state.SerializedCustomStatus == "\"late\"");
        await client.RaiseEventAsync(id, "go", "event", Soon);

        OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.Equal("late event", result.ReadOutputAs<string>());
    }

    [Fact]
    public async Task SendEvent_BetweenOrchestrations_Arrives()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks =>
        {
            tasks.AddOrchestratorFunc<int>("receiver", context => context.WaitForExternalEvent<int>("number"));
            tasks.AddOrchestratorFunc<string, int>("sender", (context, target) =>
            {
                context.SendEvent(target, "number", 42);
                return Task.FromResult(1);
            });
        });
        string receiver = await client.ScheduleNewOrchestrationInstanceAsync("receiver", Soon);
        await RunAsync(client, "sender", receiver);

        OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(receiver, true, Soon);

        Assert.Equal(42, result.ReadOutputAs<int>());
    }

    [Fact]
    public async Task ContinueAsNew_DuringABurst_LosesNoEvent()
    {
        const int Count = 300;
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks =>
        {
            tasks.AddOrchestratorFunc<int[], int[]>("collect", async (context, seen) =>
            {
                // Leaves events unread on purpose, and starts over while others arrive.
                List<int> all = [.. seen, await context.WaitForExternalEvent<int>("item")];
                if (all.Count % 7 == 0)
                {
                    await context.CallActivityAsync("nothing");
                }

                if (all.Count < Count)
                {
                    context.ContinueAsNew(all.ToArray());
                }

                return [.. all];
            });
            tasks.AddActivityFunc("nothing", (TaskActivityContext _) => { });
        });
        string id = await client.ScheduleNewOrchestrationInstanceAsync("collect", Array.Empty<int>(), Soon);
        await Task.WhenAll(Enumerable.Range(0, Count).Select(item => client.RaiseEventAsync(id, "item", item, Soon)));

        OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.Equal(Enumerable.Range(0, Count), result.ReadOutputAs<int[]>()!.Order());
    }

    [Fact]
    public async Task CustomStatus_WhileRunning_IsVisible()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks => tasks.AddOrchestratorFunc<int>(
            "status", async context =>
            {
                context.SetCustomStatus(new { Step = 1 });
                int value = await context.WaitForExternalEvent<int>("go");
                context.SetCustomStatus("done");
                return value;
            }));
        string id = await client.ScheduleNewOrchestrationInstanceAsync("status", Soon);
        OrchestrationMetadata running = await client.WaitForInstanceStartAsync(id, true, Soon);
        await client.RaiseEventAsync(id, "go", 5, Soon);
        OrchestrationMetadata ended = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.Equal("{\"Step\":1}", running.SerializedCustomStatus);
        Assert.Equal(OrchestrationRuntimeStatus.Running, running.RuntimeStatus);
        Assert.Equal("done", ended.ReadCustomStatusAs<string>());
    }

    [Fact]
    public async Task Suspend_ThenResume_HoldsBackTheEventBetween()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks =>
        {
            tasks.AddOrchestratorFunc<string>("pauses", async context =>
            {
                string first = await context.WaitForExternalEvent<string>("go");
                return await context.CallActivityAsync<string>("echo", first);
            });
            tasks.AddActivityFunc<string, string>("echo", (_, text) => text);
        });
        string id = await client.ScheduleNewOrchestrationInstanceAsync("pauses", Soon);
        await client.WaitForInstanceStartAsync(id, Soon);
        await client.SuspendInstanceAsync(id, "wait", Soon);
        await WaitForAsync(client, id, state => state.RuntimeStatus == OrchestrationRuntimeStatus.Suspended);
        await client.RaiseEventAsync(id, "go", "late", Soon);
        // The worker has seen the event: had the orchestrator got it, it would have called the activity.
        IList<HistoryEvent> paused = [];
        while (!paused.Any(past => past is EventRaisedEvent))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), Soon);
            paused = await client.GetOrchestrationHistoryAsync(id, Soon);
        }

        OrchestrationMetadata? held = await client.GetInstanceAsync(id, Soon);
        await client.ResumeInstanceAsync(id, "go on", Soon);
        OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.DoesNotContain(paused, past => past is TaskScheduledEvent);
        Assert.Equal(OrchestrationRuntimeStatus.Suspended, held!.RuntimeStatus);
        Assert.Equal("late", result.ReadOutputAs<string>());
    }
}
