using DurableTask.Core.Exceptions;
using DurableTask.Core.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Sdk;

/// <summary>What the client does to instances.</summary>
public sealed class ManagementTests(SharedSidecar sidecar) : OfficialTest(sidecar)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Terminate_ReachesChildrenWhenAsked(bool recursive)
    {
        await WorkAsync(AddFamily);
        string id = await StartFamilyAsync();

        await Client.TerminateInstanceAsync(id, new TerminateInstanceOptions("enough", recursive), Soon);
        OrchestrationMetadata state = await EndAsync(id);
        if (!recursive)
        {
            await Client.RaiseEventAsync($"{id}-child", "go", 7, Soon);
        }

        OrchestrationMetadata child = await EndAsync($"{id}-child");
        Assert.Equal(OrchestrationRuntimeStatus.Terminated, state.RuntimeStatus);
        Assert.Equal("enough", state.ReadOutputAs<string>());
        Assert.Equal(
            recursive ? OrchestrationRuntimeStatus.Terminated : OrchestrationRuntimeStatus.Completed,
            child.RuntimeStatus);
        Assert.Equal(recursive ? "\"enough\"" : "7", child.SerializedOutput);
    }

    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 1)]
    public async Task Purge_ReachesChildrenWhenAsked(bool recursive, int expected)
    {
        await WorkAsync(AddFamily);
        string id = await StartFamilyAsync();
        await Client.RaiseEventAsync($"{id}-child", "go", 1, Soon);
        await EndAsync(id);

        PurgeResult result = await Client.PurgeInstanceAsync(id, new PurgeInstanceOptions(recursive), Soon);
        PurgeResult again = await Client.PurgeInstanceAsync(id, new PurgeInstanceOptions(recursive), Soon);

        Assert.Equal((expected, 0), (result.PurgedInstanceCount, again.PurgedInstanceCount));
        Assert.Null(await Client.GetInstanceAsync(id, Soon));
        Assert.Equal(recursive, await Client.GetInstanceAsync($"{id}-child", Soon) is null);
    }

    [Fact]
    public async Task Purge_OfAnUnfinishedInstance_IsRefused()
    {
        await WorkAsync(AddFamily);
        string id = await StartFamilyAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => Client.PurgeInstanceAsync(id, Soon));
    }

    [Fact]
    public async Task PurgeAll_ByStatusAndTime_TakesOnlyThose()
    {
        await WorkAsync(AddFamily);
        string waits = await StartFamilyAsync();
        string[] ended = [.. await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => StartAsync("ends")))];
        await Task.WhenAll(ended.Select(EndAsync));

        PurgeResult none = await Client.PurgeAllInstancesAsync(
            new PurgeInstancesFilter(CreatedTo: DateTimeOffset.UtcNow.AddHours(-1)), Soon);
        PurgeResult all = await Client.PurgeAllInstancesAsync(
            new PurgeInstancesFilter(Statuses: [OrchestrationRuntimeStatus.Completed]), Soon);

        Assert.Equal((0, 5), (none.PurgedInstanceCount, all.PurgedInstanceCount));
        Assert.NotNull(await Client.GetInstanceAsync(waits, Soon));
    }

    [Fact]
    public async Task Suspend_HoldsEventsUntilResumed()
    {
        await WorkAsync(AddFamily);
        string id = await StartAsync("waits");
        await Client.WaitForInstanceStartAsync(id, Soon);

        await Client.SuspendInstanceAsync(id, "a pause", Soon);
        await UntilAsync(id, state => state.RuntimeStatus == OrchestrationRuntimeStatus.Suspended);
        await Client.RaiseEventAsync(id, "go", 7, Soon);
        // The worker has seen the event, and the orchestrator, which would have ended with it, has not.
        OrchestrationMetadata held = await UntilPastAsync<EventRaisedEvent>(id);
        await Client.ResumeInstanceAsync(id, "go on", Soon);
        OrchestrationMetadata state = await EndAsync(id);

        Assert.Equal(OrchestrationRuntimeStatus.Suspended, held.RuntimeStatus);
        Assert.Equal(7, state.ReadOutputAs<int>());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Restart_OfAnEndedInstance_RunsItsInputAgain(bool newId)
    {
        int runs = 0;
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<int, string>(
            "counts", (_, value) => Task.FromResult($"{value}, run {Interlocked.Increment(ref runs)}")));
        string first = await StartAsync("counts", 5);
        OrchestrationMetadata before = await EndAsync(first);

        string second = await Client.RestartAsync(first, newId, Soon);
        OrchestrationMetadata state = await EndAsync(second);

        Assert.Equal(newId, second != first);
        Assert.Equal(
            ("5, run 1", "5, run 2"), (before.ReadOutputAs<string>(), state.ReadOutputAs<string>()));
        await Assert.ThrowsAsync<ArgumentException>(() => Client.RestartAsync("nobody", newId, Soon));
    }

    [Fact]
    public async Task Restart_OfARunningInstance_IsRefused()
    {
        await WorkAsync(AddFamily);
        string id = await StartAsync("waits");
        await Client.WaitForInstanceStartAsync(id, Soon);

        await Assert.ThrowsAsync<InvalidOperationException>(() => Client.RestartAsync(id, false, Soon));
    }

    [Fact]
    public async Task Rewind_RunsOnlyTheFailedAgain()
    {
        var calls = new Dictionary<string, int> { ["good"] = 0, ["bad"] = 0 };
        bool repaired = false;
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<string>("parent", async context =>
                await context.CallActivityAsync<string>("good")
                + await context.CallSubOrchestratorAsync<string>("child"))
            .AddOrchestratorFunc<string>("child", context => context.CallActivityAsync<string>("bad"))
            .AddActivityFunc("good", _ => { calls["good"]++; return "good"; })
            .AddActivityFunc("bad", _ =>
            {
                calls["bad"]++;
                return Volatile.Read(ref repaired) ? "repaired" : throw new InvalidOperationException("bad");
            }));
        string id = await StartAsync("parent");
        OrchestrationMetadata failed = await EndAsync(id);
        Volatile.Write(ref repaired, true);

        await Client.RewindInstanceAsync(id, "it is repaired", Soon);
        OrchestrationMetadata state = await EndAsync(id);

        Assert.Equal(OrchestrationRuntimeStatus.Failed, failed.RuntimeStatus);
        Completed(state);
        Assert.Equal("goodrepaired", state.ReadOutputAs<string>());
        Assert.Equal((1, 2), (calls["good"], calls["bad"]));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Client.RewindInstanceAsync(id, "again", Soon));
        await Assert.ThrowsAsync<ArgumentException>(() => Client.RewindInstanceAsync("nobody", "again", Soon));
    }

    [Fact]
    public async Task IdOfAnEndedInstance_IsReplacedUnlessItsStatusIsDeduplicated()
    {
        await WorkAsync(AddFamily);
        string id = await StartAsync("ends", 1);
        await EndAsync(id);

        await Assert.ThrowsAsync<OrchestrationAlreadyExistsException>(() => StartAsync(
            "ends", 2, With(id, OrchestrationRuntimeStatus.Completed)));
        await StartAsync("ends", 3, With(id, OrchestrationRuntimeStatus.Failed));
        OrchestrationMetadata state = await EndAsync(id);

        Assert.Equal(3, state.ReadOutputAs<int>());
    }

    [Fact]
    public async Task IdOfAnUnfinishedInstance_IsReplacedOnlyWhenAsked()
    {
        await WorkAsync(AddFamily);
        string id = await StartAsync("waits");
        await Client.WaitForInstanceStartAsync(id, Soon);

        await Assert.ThrowsAsync<OrchestrationAlreadyExistsException>(() => StartAsync(
            "ends", 2, new StartOrchestrationOptions(id)));
        await Assert.ThrowsAsync<OrchestrationAlreadyExistsException>(() => StartAsync(
            "ends", 2, With(id, OrchestrationRuntimeStatus.Running)));
        await StartAsync("ends", 3, With(id, OrchestrationRuntimeStatus.Failed));
        OrchestrationMetadata state = await EndAsync(id);

        Assert.Equal(3, state.ReadOutputAs<int>());
    }

    [Fact]
    public async Task DedupeStatuses_WithTerminatedButNotRunning_AreRefused()
    {
        await WorkAsync(AddFamily);
        string id = await StartAsync("waits");
        await Client.WaitForInstanceStartAsync(id, Soon);

        await Assert.ThrowsAsync<ArgumentException>(() => StartAsync(
            "ends", 2, With(id, OrchestrationRuntimeStatus.Terminated)));
    }

    private async Task<string> StartFamilyAsync()
    {
        string id = await StartAsync("parent");
        await UntilAsync(id, state => state.SerializedCustomStatus is not null);
        await Client.WaitForInstanceStartAsync($"{id}-child", Soon);
        return id;
    }

    private static StartOrchestrationOptions With(string id, params OrchestrationRuntimeStatus[] deduplicated) =>
        new StartOrchestrationOptions(id).WithDedupeStatuses(deduplicated);

    private static void AddFamily(DurableTaskRegistry tasks) => tasks
        .AddOrchestratorFunc("parent", async context =>
        {
            Task child = context.CallSubOrchestratorAsync(
                "waits", options: new SubOrchestrationOptions(instanceId: $"{context.InstanceId}-child"));
            context.SetCustomStatus("begun");
            await child;
        })
        .AddOrchestratorFunc<int>("waits", context => context.WaitForExternalEvent<int>("go"))
        .AddOrchestratorFunc<int, int>("ends", (_, value) => Task.FromResult(value));
}
