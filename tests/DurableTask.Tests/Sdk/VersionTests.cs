using DurableTask.Core.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Sdk;

/// <summary>Which worker runs what: versions and filters.</summary>
public sealed class VersionTests(SharedSidecar sidecar) : OfficialTest(sidecar)
{
    private static readonly TaskName Echo = "echo";

    [Theory]
    [InlineData(DurableTaskWorkerOptions.VersionMatchStrategy.None, "9.0", true)]
    [InlineData(DurableTaskWorkerOptions.VersionMatchStrategy.Strict, "2.0", true)]
    [InlineData(DurableTaskWorkerOptions.VersionMatchStrategy.Strict, "1.0", false)]
    [InlineData(DurableTaskWorkerOptions.VersionMatchStrategy.CurrentOrOlder, "1.10", true)]
    [InlineData(DurableTaskWorkerOptions.VersionMatchStrategy.CurrentOrOlder, "2.1", false)]
    public async Task Versions_ByMatchStrategy_RunOrFail(
        DurableTaskWorkerOptions.VersionMatchStrategy strategy, string version, bool runs)
    {
        await WorkAsync(AddEcho, worker => worker.UseVersioning(new DurableTaskWorkerOptions.VersioningOptions
        {
            Version = "2.0",
            MatchStrategy = strategy,
            FailureStrategy = DurableTaskWorkerOptions.VersionFailureStrategy.Fail,
        }));

        OrchestrationMetadata state = await EndAsync(await StartAsync(
            Echo, null, new StartOrchestrationOptions { Version = version }));

        Assert.Equal(runs, state.RuntimeStatus == OrchestrationRuntimeStatus.Completed);
        Assert.Equal(runs ? $"{version} {version}" : null, runs ? state.ReadOutputAs<string>() : null);
        Assert.Equal(runs ? null : "VersionMismatch", state.FailureDetails?.ErrorType);
    }

    [Fact]
    public async Task RejectedVersion_WaitsForAWorkerThatTakesIt()
    {
        await WorkAsync(tasks => AddWho(tasks, "first"), Strict("1.0"));
        string id = await StartAsync("who", null, new StartOrchestrationOptions { Version = "2.0" });
        // The worker gets its work in order: with the later one's end it has been asked for the earlier one, too.
        OrchestrationMetadata other = await EndAsync(await StartAsync(
            "who", null, new StartOrchestrationOptions { Version = "1.0" }));
        OrchestrationMetadata before = (await Client.GetInstanceAsync(id, Soon))!;

        await WorkAsync(tasks => AddWho(tasks, "second"), Strict("2.0"));
        OrchestrationMetadata state = await EndAsync(id);

        Assert.Equal("first", other.ReadOutputAs<string>());
        Assert.False(before.IsCompleted);
        Completed(state);
        Assert.Equal("second", state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task DefaultVersions_OfClientAndWorker_GoToInstancesAndChildren()
    {
        await WorkAsync(
            tasks => tasks
                .AddOrchestratorFunc<string>("parent", async context =>
                    $"{context.Version} {await context.CallSubOrchestratorAsync<string>("child")}")
                .AddOrchestratorFunc<string>("child", context => Task.FromResult(context.Version)),
            worker => worker.UseVersioning(new DurableTaskWorkerOptions.VersioningOptions { DefaultVersion = "3.0" }));
        DurableTaskClient client = CreateClient(builder => builder.UseDefaultVersion("2.0"));

        string id = await client.ScheduleNewOrchestrationInstanceAsync("parent", Soon);
        OrchestrationMetadata state = await EndAsync(id);

        Completed(state);
        Assert.Equal("2.0 3.0", state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task ContinueAsNew_WithANewVersion_MovesTheInstance()
    {
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<int, string>("moves", (context, generation) =>
        {
            if (generation == 0)
            {
                context.ContinueAsNew(new ContinueAsNewOptions { NewInput = 1, NewVersion = "2.0" });
            }

            return Task.FromResult(context.Version);
        }));

        OrchestrationMetadata state = await EndAsync(await StartAsync(
            "moves", 0, new StartOrchestrationOptions { Version = "1.0" }));

        Completed(state);
        Assert.Equal("2.0", state.ReadOutputAs<string>());
    }

    [Fact]
    public async Task VersionsOfOneName_InOneWorker_AreChosenByTheInstance()
    {
        await WorkAsync(tasks =>
        {
            tasks.AddOrchestrator("many", new TaskVersion("1"), () => FuncTaskOrchestrator.Create<object?, string>(
                (_, _) => Task.FromResult("one")));
            tasks.AddOrchestrator("many", new TaskVersion("2"), () => FuncTaskOrchestrator.Create<object?, string>(
                (_, _) => Task.FromResult("two")));
        });

        OrchestrationMetadata first = await EndAsync(await StartAsync(
            "many", null, new StartOrchestrationOptions { Version = "1" }));
        OrchestrationMetadata second = await EndAsync(await StartAsync(
            "many", null, new StartOrchestrationOptions { Version = "2" }));

        Assert.Equal(("one", "two"), (first.ReadOutputAs<string>(), second.ReadOutputAs<string>()));
    }

    [Fact]
    public async Task Filters_OfTwoWorkers_BringEachItsOwn()
    {
        await WorkAsync(
            tasks => tasks.AddOrchestratorFunc<string>(
                "left", async context => $"left {await context.CallActivityAsync<string>("right activity")}"),
            worker => worker.UseWorkItemFilters());
        string held = await StartAsync("left");
        OrchestrationMetadata before = await UntilPastAsync<TaskScheduledEvent>(held);

        await WorkAsync(
            tasks => tasks
                .AddOrchestratorFunc<string>("right", _ => Task.FromResult("right"))
                .AddActivityFunc("right activity", _ => "helped"),
            worker => worker.UseWorkItemFilters());
        OrchestrationMetadata left = await EndAsync(held);
        OrchestrationMetadata right = await RunAsync("right");

        Assert.False(before.IsCompleted);
        Assert.Equal(("left helped", "right"), (left.ReadOutputAs<string>(), right.ReadOutputAs<string>()));
    }

    private static void AddEcho(DurableTaskRegistry tasks) => tasks
        .AddOrchestratorFunc<string>(Echo, async context =>
            $"{context.Version} {await context.CallActivityAsync<string>("version")}")
        .AddActivityFunc<string>("version", context => context.Version);

    private static void AddWho(DurableTaskRegistry tasks, string answer) =>
        tasks.AddOrchestratorFunc<string>("who", _ => Task.FromResult(answer));

    private static Action<IDurableTaskWorkerBuilder> Strict(string version) =>
        worker => worker.UseVersioning(new DurableTaskWorkerOptions.VersioningOptions
        {
            Version = version,
            MatchStrategy = DurableTaskWorkerOptions.VersionMatchStrategy.Strict,
            FailureStrategy = DurableTaskWorkerOptions.VersionFailureStrategy.Reject,
        });
}
