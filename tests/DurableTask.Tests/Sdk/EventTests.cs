using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Sdk;

/// <summary>Events, and what becomes of them when an orchestration continues as new.</summary>
public sealed class EventTests(SharedSidecar sidecar) : OfficialTest(sidecar)
{
    [Fact]
    public async Task Events_BeforeAnyoneWaits_AreKeptInOrderByName()
    {
        string id = await StartAsync("reads");
        foreach (int value in (int[])[1, 2, 3])
        {
            await Client.RaiseEventAsync(id, "A", value, Soon);
        }

        await Client.RaiseEventAsync(id, "b", 9, Soon);
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<int[]>("reads", async context =>
        {
            int other = await context.WaitForExternalEvent<int>("B");
            List<int> values = [other];
            for (int item = 0; item < 3; item++)
            {
                values.Add(await context.WaitForExternalEvent<int>("a"));
            }

            return [.. values];
        }));

        OrchestrationMetadata state = await EndAsync(id);

        Completed(state);
        Assert.Equal([9, 1, 2, 3], state.ReadOutputAs<int[]>()!);
    }

    [Fact]
    public async Task Event_BeforeTheTimeout_WinsAgainstIt()
    {
        await WorkAsync(AddRace);
        string id = await StartAsync("races", TimeSpan.FromHours(1));
        await Client.WaitForInstanceStartAsync(id, Soon);

        await Client.RaiseEventAsync(id, "go", 5, Soon);
        OrchestrationMetadata state = await EndAsync(id);

        Completed(state);
        Assert.Equal("came 5", state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Event_AfterTheTimeout_LosesAndGoesToTheNextWait()
    {
        await WorkAsync(AddRace);
        string id = await StartAsync("races", TimeSpan.FromMilliseconds(100));
        await UntilAsync(id, state => state.SerializedCustomStatus is not null);

        await Client.RaiseEventAsync(id, "go", 5, Soon);
        OrchestrationMetadata state = await EndAsync(id);

        Completed(state);
        Assert.Equal("late 5", state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Events_BetweenOrchestrations_Arrive()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<string, string>("asks", async (context, other) =>
            {
                context.SendEvent(other, "question", context.InstanceId);
                return await context.WaitForExternalEvent<string>("answer");
            })
            .AddOrchestratorFunc("answers", async context =>
            {
                string from = await context.WaitForExternalEvent<string>("question");
                context.SendEvent(from, "answer", $"to {from}");
            }));
        string answers = await StartAsync("answers");

        OrchestrationMetadata state = await RunAsync("asks", answers);

        Completed(state);
        Completed(await EndAsync(answers));
        Assert.Equal($"to {state.InstanceId}", state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Event_ToNobody_IsDroppedWithoutAnError()
    {
        await Client.RaiseEventAsync("nobody", "go", 1, Soon);

        Assert.Null(await Client.GetInstanceAsync("nobody", Soon));
    }

    [Fact]
    public async Task ContinueAsNew_UnderAStreamOfEvents_LosesNoneAndKeepsTheirOrder()
    {
        const int Count = 60;
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<int[], int[]>("collects", async (context, items) =>
        {
            items = [.. items, await context.WaitForExternalEvent<int>("item")];
            if (items.Length < Count)
            {
                context.ContinueAsNew(items);
            }

            return items;
        }));
        string id = await StartAsync("collects", Array.Empty<int>());

        for (int item = 0; item < Count; item++)
        {
            await Client.RaiseEventAsync(id, "item", item, Soon);
        }

        OrchestrationMetadata state = await EndAsync(id);

        Completed(state);
        Assert.Equal(Enumerable.Range(0, Count), state.ReadOutputAs<int[]>()!);
    }

    [Fact]
    public async Task ContinueAsNew_WithoutKeepingEvents_ForgetsTheUnread()
    {
        string id = await StartAsync("forgets", 0);
        await Client.RaiseEventAsync(id, "item", 1, Soon);
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<int, string>("forgets", async (context, generation) =>
        {
            if (generation == 0)
            {
                await context.CreateTimer(TimeSpan.FromMilliseconds(20), CancellationToken.None);
                context.ContinueAsNew(1, preserveUnprocessedEvents: false);
                return "";
            }

            try
            {
                await context.WaitForExternalEvent<int>("item", TimeSpan.FromMilliseconds(300));
                return "kept";
            }
            catch (TaskCanceledException)
            {
                return "forgotten";
            }
        }));

        OrchestrationMetadata state = await EndAsync(id);

        Completed(state);
        Assert.Equal("forgotten", state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task ContinueAsNew_OfAChild_StillAnswersItsParentAndKeepsTags()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<int>("parent", context => context.CallSubOrchestratorAsync<int>(
                "child", 0, new SubOrchestrationOptions(instanceId: $"{context.InstanceId}-child")))
            .AddOrchestratorFunc<int, int>("child", async (context, generation) =>
            {
                await context.CallActivityAsync("nothing");
                if (generation < 4)
                {
                    context.ContinueAsNew(generation + 1);
                }

                return generation;
            })
            .AddActivityFunc("nothing", _ => { }));

        OrchestrationMetadata state = await EndAsync(await StartAsync("parent", null, new StartOrchestrationOptions
        {
            Tags = new Dictionary<string, string> { ["a"] = "1" },
        }));
        OrchestrationMetadata child = (await Client.GetInstanceAsync($"{state.InstanceId}-child", Soon))!;

        Completed(state);
        Assert.Equal(4, state.ReadOutputAs<int>());
        Assert.Equal("1", child.Tags["a"]);
    }

    private static void AddRace(DurableTaskRegistry tasks) =>
        tasks.AddOrchestratorFunc<TimeSpan, string>("races", async (context, timeout) =>
        {
            try
            {
                return $"came {await context.WaitForExternalEvent<int>("go", timeout)}";
            }
            catch (TaskCanceledException)
            {
                context.SetCustomStatus("late");
                return $"late {await context.WaitForExternalEvent<int>("go")}";
            }
        });
}
