using System.Text.Json;
using DurableTask.Core.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Sdk;

/// <summary>What orchestrators do with activities, timers and children.</summary>
public sealed class OrchestrationTests(SharedSidecar sidecar) : OfficialTest(sidecar)
{
    [Fact]
    public async Task Sequence_OfActivities_PassesEachResultOn()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<int, string>("sequence", async (context, value) =>
            {
                value = await context.CallActivityAsync<int>("double", value);
                value = await context.CallActivityAsync<int>("double", value);
                context.SetCustomStatus(new { Half = value / 2 });
                return $"{value}";
            })
            .AddActivityFunc<int, int>("double", (_, value) => value * 2));

        OrchestrationMetadata state = await RunAsync("sequence", 3);

        Completed(state);
        Assert.Equal("12", state.ReadOutputAs<string>());
        Assert.Equal(3, state.ReadInputAs<int>());
        Assert.Equal("""{"Half":6}""", state.SerializedCustomStatus);
        Assert.Equal("sequence", state.Name);
        Assert.InRange(state.LastUpdatedAt, state.CreatedAt, DateTimeOffset.UtcNow.AddSeconds(1));
    }

    [Fact]
    public async Task FanOut_WithFailures_GivesEachTaskItsOwnOutcome()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<int, string>("fan-out", async (context, width) =>
            {
                Task<int>[] calls = [.. Enumerable.Range(0, width).Select(
                    item => context.CallActivityAsync<int>("odd fails", item))];
                try
                {
                    await Task.WhenAll(calls);
                }
                catch (TaskFailedException)
                {
                    // Each is looked at below.
                }

                return string.Join(' ', calls.Select(call => call.IsFaulted
                    ? ((TaskFailedException)call.Exception!.InnerException!).FailureDetails.ErrorMessage
                    : $"{call.Result}"));
            })
            .AddActivityFunc<int, int>("odd fails", (_, item) =>
                item % 2 == 0 ? item : throw new InvalidOperationException($"no{item}")));

        OrchestrationMetadata state = await RunAsync("fan-out", 40);

        Completed(state);
        string expected = string.Join(
            ' ', Enumerable.Range(0, 40).Select(item => item % 2 == 0 ? $"{item}" : $"no{item}"));
        Assert.Equal(expected, state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Timers_FireInOrderAndNeverEarly()
    {
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<string>("timers", async context =>
        {
            DateTime began = context.CurrentUtcDateTime;
            Task late = context.CreateTimer(TimeSpan.FromMilliseconds(300), CancellationToken.None);
            Task soon = context.CreateTimer(TimeSpan.FromMilliseconds(100), CancellationToken.None);
            Task past = context.CreateTimer(began.AddHours(-1), CancellationToken.None);
            await past;
            Task first = await Task.WhenAny(late, soon);
            await late;
            return $"{first == soon} {context.CurrentUtcDateTime - began >= TimeSpan.FromMilliseconds(300)}";
        }));

        OrchestrationMetadata state = await RunAsync("timers");

        Completed(state);
        Assert.Equal("True True", state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Timer_LongerThanTheWorkersLimit_FiresOnceAfterAllOfItsParts()
    {
        await WorkAsync(
            tasks => tasks.AddOrchestratorFunc<bool>("long timer", async context =>
            {
                DateTime due = context.CurrentUtcDateTime.AddSeconds(3);
                await context.CreateTimer(due, CancellationToken.None);
                return context.CurrentUtcDateTime >= due;
            }),
            worker => worker.Configure(options => options.MaximumTimerInterval = TimeSpan.FromMilliseconds(300)));

        OrchestrationMetadata state = await RunAsync("long timer");

        Completed(state);
        Assert.True(state.ReadOutputAs<bool>());
        // Late parts make the rest shorter, so on a busy machine there are fewer.
        Assert.InRange(
            (await Client.GetOrchestrationHistoryAsync(state.InstanceId, Soon)).Count(past => past is TimerFiredEvent),
            2, 11);
    }

    [Fact]
    public async Task Children_WithAndWithoutIds_AnswerTheirParent()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<string>("parent", async context =>
            {
                string named = await context.CallSubOrchestratorAsync<string>(
                    "child", 1, new SubOrchestrationOptions(instanceId: $"{context.InstanceId}-named"));
                string unnamed = await context.CallSubOrchestratorAsync<string>("child", 2);
                return $"{named} {unnamed}";
            })
            .AddOrchestratorFunc<int, string>("child", (context, value) => Task.FromResult(
                $"{value}:{context.InstanceId}:{context.Parent!.Name}:{context.Parent.InstanceId}")));

        OrchestrationMetadata state = await RunAsync("parent");

        Completed(state);
        string[] children = state.ReadOutputAs<string>()!.Split(' ');
        Assert.Equal($"1:{state.InstanceId}-named:parent:{state.InstanceId}", children[0]);
        string unnamed = children[1].Split(':')[1];
        Assert.Equal($"2:{unnamed}:parent:{state.InstanceId}", children[1]);
        Completed((await Client.GetInstanceAsync(unnamed, Soon))!);
    }

    [Fact]
    public async Task Child_WithTheIdOfAnUnfinishedInstance_FailsTheCallOnly()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<string, string>("parent", async (context, id) =>
            {
                try
                {
                    await context.CallSubOrchestratorAsync(
                        "waits", null, new SubOrchestrationOptions(instanceId: id));
                    return "ran";
                }
                catch (TaskFailedException failure)
                {
                    return failure.FailureDetails.ErrorMessage;
                }
            })
            .AddOrchestratorFunc<int>("waits", context => context.WaitForExternalEvent<int>("go")));
        string taken = await StartAsync("waits");

        OrchestrationMetadata state = await RunAsync("parent", taken);

        Completed(state);
        Assert.Contains(taken, state.ReadOutputAs<string>(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("\"\"")]
    [InlineData("false")]
    [InlineData("null")]
    [InlineData("[]")]
    public async Task FalsyValues_ThroughEveryStep_StayWhatTheyAre(string json)
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<JsonElement, object?>("falsy", async (context, input) =>
            {
                object? value = await context.CallActivityAsync<JsonElement?>("same", input);
                value = await context.CallSubOrchestratorAsync<JsonElement?>("same", value);
                context.SetCustomStatus(value);
                object? raised = await context.WaitForExternalEvent<JsonElement?>("value");
                return new[] { value, raised };
            })
            .AddOrchestratorFunc<JsonElement?, object?>(
                "same", (_, value) => Task.FromResult<object?>(value))
            .AddActivityFunc<JsonElement?, object?>("same", (_, value) => value));
        object input = JsonSerializer.Deserialize<JsonElement>(json);

        string id = await StartAsync("falsy", input);
        await Client.RaiseEventAsync(id, "value", input, Soon);
        OrchestrationMetadata state = await EndAsync(id);

        Completed(state);
        Assert.Equal(json, state.SerializedInput);
        Assert.Equal($"[{json},{json}]", state.SerializedOutput);
    }

    [Fact]
    public async Task StartAt_InTheFuture_IsPendingUntilThen()
    {
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<DateTime>(
            "when", context => Task.FromResult(context.CurrentUtcDateTime)));

        string id = await StartAsync(
            "when", null, new StartOrchestrationOptions(StartAt: DateTimeOffset.UtcNow.AddHours(1)));
        // The worker has done what came later.
        Completed(await RunAsync("when"));
        OrchestrationMetadata state = (await Client.GetInstanceAsync(id, Soon))!;

        Assert.Equal(OrchestrationRuntimeStatus.Pending, state.RuntimeStatus);
    }

    [Fact]
    public async Task StartAt_InTheFuture_RunsNoSooner()
    {
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<DateTime>(
            "when", context => Task.FromResult(context.CurrentUtcDateTime)));
        DateTimeOffset due = DateTimeOffset.UtcNow.AddMilliseconds(500);

        OrchestrationMetadata state = await EndAsync(
            await StartAsync("when", null, new StartOrchestrationOptions(StartAt: due)));

        Completed(state);
        Assert.True(state.ReadOutputAs<DateTime>() >= due.UtcDateTime);
    }

    [Fact]
    public async Task Tags_OfAStartAndOfACall_AreKept()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc("tagged", async context =>
            {
                await context.CallActivityAsync(
                    "nothing", new TaskOptions(tags: new Dictionary<string, string> { ["of"] = "call" }));
                await context.CallSubOrchestratorAsync("child", options: new SubOrchestrationOptions(
                    new TaskOptions(tags: new Dictionary<string, string> { ["own"] = "3" }),
                    $"{context.InstanceId}-child"));
            })
            .AddOrchestratorFunc("child", _ => Task.CompletedTask)
            .AddActivityFunc("nothing", _ => { }));

        string id = await StartAsync("tagged", null, new StartOrchestrationOptions
        {
            Tags = new Dictionary<string, string> { ["a"] = "1", ["b"] = "" },
        });
        OrchestrationMetadata state = await EndAsync(id);
        OrchestrationMetadata child = (await Client.GetInstanceAsync($"{id}-child", Soon))!;

        Completed(state);
        Assert.Equal(new Dictionary<string, string> { ["a"] = "1", ["b"] = "" }, state.Tags);
        Assert.Equal("3", child.Tags["own"]);
        TaskScheduledEvent call = Assert.Single(
            (await Client.GetOrchestrationHistoryAsync(id, Soon)).OfType<TaskScheduledEvent>());
        Assert.Equal("call", call.Tags!["of"]);
    }

    [Fact]
    public async Task History_AboveTheStreamingThreshold_IsReplayedWhole()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<int>("long history", async context =>
            {
                string[] texts = await Task.WhenAll(Enumerable.Range(0, 60).Select(
                    item => context.CallActivityAsync<string>("text", item)));
                await context.CreateTimer(TimeSpan.FromMilliseconds(50), CancellationToken.None);
                string last = await context.CallActivityAsync<string>("text", 7);
                return texts.Sum(text => text.Length) + last.Length;
            })
            .AddActivityFunc<int, string>("text", (_, item) => new string((char)('a' + item % 26), 100_000)));

        OrchestrationMetadata state = await RunAsync("long history");

        Completed(state);
        Assert.Equal(6_100_000, state.ReadOutputAs<int>());
    }

    [Fact]
    public async Task Completion_LargerThanAMessage_ArrivesInChunks()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<int>("wide", async context => (await Task.WhenAll(Enumerable.Range(0, 60).Select(
                item => context.CallActivityAsync<int>("length", new string('x', 100_000))))).Sum())
            .AddActivityFunc<string, int>("length", (_, text) => text.Length));

        OrchestrationMetadata state = await RunAsync("wide");

        Completed(state);
        Assert.Equal(6_000_000, state.ReadOutputAs<int>());
    }
}
