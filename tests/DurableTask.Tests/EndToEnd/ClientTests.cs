using DurableTask.Core.Exceptions;
using Grpc.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace Workflows.DurableTask.Tests.EndToEnd;

public sealed class ClientTests : EndToEndTest
{
    [Fact]
    public async Task Query_PagesOfTwo_ListsEveryInstanceOnce()
    {
        DurableTaskClient client = await ClientAsync();
        string[] ids = ["q-1", "q-2", "q-3", "q-4", "q-5"];
        foreach (string id in ids)
        {
            await client.ScheduleNewOrchestrationInstanceAsync("echo", 1, new StartOrchestrationOptions(id), Soon);
            await client.WaitForInstanceCompletionAsync(id, Soon);
        }

        await client.ScheduleNewOrchestrationInstanceAsync("waits", new StartOrchestrationOptions("q-6"), Soon);
        await client.WaitForInstanceStartAsync("q-6", Soon);
        await client.ScheduleNewOrchestrationInstanceAsync("echo", 1, new StartOrchestrationOptions("other"), Soon);

        List<string> completed = await ListAsync(client, new OrchestrationQuery(
            Statuses: [OrchestrationRuntimeStatus.Completed], InstanceIdPrefix: "q-", PageSize: 2));
        List<string> running = await ListAsync(client, new OrchestrationQuery(
            Statuses: [OrchestrationRuntimeStatus.Running]));
        List<string> even = await ListAsync(client, new OrchestrationQuery(InstanceIdPrefix: "q-", PageSize: 3));

        Assert.Equal(ids, completed);
        Assert.Equal(["q-6"], running);
        Assert.Equal([.. ids, "q-6"], even);
    }

    [Fact]
    public async Task ListInstanceIds_ByStatus_PagesByKey()
    {
        DurableTaskClient client = await ClientAsync();
        foreach (string id in (string[])["a", "b", "c"])
        {
            await client.ScheduleNewOrchestrationInstanceAsync("echo", 1, new StartOrchestrationOptions(id), Soon);
            await client.WaitForInstanceCompletionAsync(id, Soon);
        }

        Page<string> first = await client.ListInstanceIdsAsync(
            [OrchestrationRuntimeStatus.Completed], pageSize: 2, cancellation: Soon);
        Page<string> second = await client.ListInstanceIdsAsync(
            [OrchestrationRuntimeStatus.Completed],
            pageSize: 2,
            lastInstanceKey: first.ContinuationToken,
            cancellation: Soon);

        Assert.Equal(["a", "b"], first.Values);
        Assert.Equal(["c"], second.Values);
        Assert.Null(second.ContinuationToken);
    }

    [Fact]
    public async Task Purge_ByIdAndFilter_TakesEndedInstancesOnly()
    {
        DurableTaskClient client = await ClientAsync();
        await client.ScheduleNewOrchestrationInstanceAsync("echo", 1, new StartOrchestrationOptions("one"), Soon);
        await client.ScheduleNewOrchestrationInstanceAsync("echo", 1, new StartOrchestrationOptions("two"), Soon);
        await client.ScheduleNewOrchestrationInstanceAsync("waits", new StartOrchestrationOptions("runs"), Soon);
        await client.WaitForInstanceCompletionAsync("one", Soon);
        await client.WaitForInstanceCompletionAsync("two", Soon);

        PurgeResult known = await client.PurgeInstanceAsync("one", Soon);
        PurgeResult unknown = await client.PurgeInstanceAsync("nobody", Soon);
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.PurgeInstanceAsync("runs", Soon));
        PurgeResult filtered = await client.PurgeAllInstancesAsync(new PurgeInstancesFilter(), Soon);

        Assert.Equal(1, known.PurgedInstanceCount);
        Assert.Equal(0, unknown.PurgedInstanceCount);
        Assert.Equal(1, filtered.PurgedInstanceCount);
        Assert.True(filtered.IsComplete);
        Assert.Null(await client.GetInstanceAsync("two", Soon));
        Assert.NotNull(await client.GetInstanceAsync("runs", Soon));
    }

    [Fact]
    public async Task Terminate_RunningAndPending_EndsBoth()
    {
        DurableTaskClient client = await ClientAsync();
        string running = await client.ScheduleNewOrchestrationInstanceAsync("waits", Soon);
        await client.WaitForInstanceStartAsync(running, Soon);
        string pending = await client.ScheduleNewOrchestrationInstanceAsync(
            "waits", new StartOrchestrationOptions(StartAt: DateTimeOffset.UtcNow.AddHours(1)), Soon);

        await client.TerminateInstanceAsync(running, (object)"out", Soon);
        await client.TerminateInstanceAsync(pending, (object)"out", Soon);

        foreach (string id in (string[])[running, pending])
        {
            OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(id, true, Soon);
            Assert.Equal(OrchestrationRuntimeStatus.Terminated, result.RuntimeStatus);
            Assert.Equal("out", result.ReadOutputAs<string>());
        }
    }

    [Fact]
    public async Task StartAt_InTheFuture_StaysPendingUntilThen()
    {
        DurableTaskClient client = await ClientAsync();
        string id = await client.ScheduleNewOrchestrationInstanceAsync(
            "echo", 1, new StartOrchestrationOptions(StartAt: DateTimeOffset.UtcNow.AddHours(1)), Soon);
        // The worker has done what came later.
        await RunAsync(client, "echo", 2);

        OrchestrationMetadata? state = await client.GetInstanceAsync(id, Soon);

        Assert.Equal(OrchestrationRuntimeStatus.Pending, state!.RuntimeStatus);
    }

    [Fact]
    public async Task StartAt_InTheFuture_RunsNoSooner()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks => tasks.AddOrchestratorFunc<DateTime>(
            "when", context => Task.FromResult(context.CurrentUtcDateTime)));
        DateTimeOffset start = DateTimeOffset.UtcNow.AddMilliseconds(400);
        string id = await client.ScheduleNewOrchestrationInstanceAsync(
            "when", new StartOrchestrationOptions(StartAt: start), Soon);

        OrchestrationMetadata state = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.True(state.ReadOutputAs<DateTime>() >= start.UtcDateTime, "It started early.");
    }

    [Fact]
    public async Task IdReuse_ByStatusAndPolicy_RefusesOrReplaces()
    {
        DurableTaskClient client = await ClientAsync();
        var running = new StartOrchestrationOptions("running");
        var ended = new StartOrchestrationOptions("ended");
        await client.ScheduleNewOrchestrationInstanceAsync("waits", running, Soon);
        await client.WaitForInstanceStartAsync("running", Soon);
        await client.ScheduleNewOrchestrationInstanceAsync("echo", 1, ended, Soon);
        await client.WaitForInstanceCompletionAsync("ended", Soon);

        await Assert.ThrowsAsync<OrchestrationAlreadyExistsException>(
            () => client.ScheduleNewOrchestrationInstanceAsync("echo", 2, running, Soon));
        await Assert.ThrowsAsync<OrchestrationAlreadyExistsException>(
            () => client.ScheduleNewOrchestrationInstanceAsync(
                "echo", 2, ended.WithDedupeStatuses(OrchestrationRuntimeStatus.Completed), Soon));
        await client.ScheduleNewOrchestrationInstanceAsync("echo", 3, ended, Soon);
        await client.ScheduleNewOrchestrationInstanceAsync("echo", 4, running.WithDedupeStatuses(), Soon);

        Assert.Equal(3, (await client.WaitForInstanceCompletionAsync("ended", true, Soon)).ReadOutputAs<int>());
        Assert.Equal(4, (await client.WaitForInstanceCompletionAsync("running", true, Soon)).ReadOutputAs<int>());
    }

    [Fact]
    public async Task DedupeStatuses_OfAnEndedInstance_ConcernItsOwnStatusOnly()
    {
        DurableTaskClient client = await ClientAsync();
        var options = new StartOrchestrationOptions("ended");
        await client.ScheduleNewOrchestrationInstanceAsync("echo", 1, options, Soon);
        await client.WaitForInstanceCompletionAsync("ended", Soon);

        await client.ScheduleNewOrchestrationInstanceAsync(
            "echo", 2,
            options.WithDedupeStatuses(OrchestrationRuntimeStatus.Failed, OrchestrationRuntimeStatus.Terminated), Soon);
        OrchestrationMetadata replaced = await client.WaitForInstanceCompletionAsync("ended", true, Soon);

        Assert.Equal(2, replaced.ReadOutputAs<int>());
        await Assert.ThrowsAsync<OrchestrationAlreadyExistsException>(
            () => client.ScheduleNewOrchestrationInstanceAsync(
                "echo", 3,
                options.WithDedupeStatuses(
                    OrchestrationRuntimeStatus.Completed, OrchestrationRuntimeStatus.Failed,
                    OrchestrationRuntimeStatus.Terminated),
                Soon));
    }

    [Fact]
    public async Task FailureDetails_NotAskedFor_StayBehindAsInputsAndOutputsDo()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(
            tasks => tasks.AddOrchestratorFunc(
                "fails", context => Task.FromException<string>(new InvalidOperationException("no"))));
        string id = (await RunAsync(client, "fails")).InstanceId;

        OrchestrationMetadata? bare = await client.GetInstanceAsync(id, getInputsAndOutputs: false, Soon);
        OrchestrationMetadata? whole = await client.GetInstanceAsync(id, getInputsAndOutputs: true, Soon);

        Assert.Equal(OrchestrationRuntimeStatus.Failed, bare?.RuntimeStatus);
        Assert.Null(bare?.FailureDetails);
        Assert.Equal("no", whole?.FailureDetails?.ErrorMessage);
    }

    [Fact]
    public async Task Restart_OfAnEndedInstance_RunsWithTheSameInput()
    {
        DurableTaskClient client = await ClientAsync();
        OrchestrationMetadata first = await RunAsync(client, "echo", 9);

        string same = await client.RestartAsync(first.InstanceId, cancellation: Soon);
        string other = await client.RestartAsync(first.InstanceId, restartWithNewInstanceId: true, Soon);

        Assert.Equal(first.InstanceId, same);
        Assert.NotEqual(first.InstanceId, other);
        Assert.Equal(9, (await client.WaitForInstanceCompletionAsync(other, true, Soon)).ReadOutputAs<int>());
        await Assert.ThrowsAsync<ArgumentException>(() => client.RestartAsync("nobody", cancellation: Soon));
    }

    [Fact]
    public async Task Unknown_Instances_AreAnsweredClearly()
    {
        DurableTaskClient client = await ClientAsync();

        OrchestrationMetadata? none = await client.GetInstanceAsync("nobody", Soon);
        RpcException wait = await Assert.ThrowsAsync<RpcException>(
            () => client.WaitForInstanceCompletionAsync("nobody", Soon));
        await client.RaiseEventAsync("nobody", "go", 1, Soon);
        await client.TerminateInstanceAsync("nobody", Soon);

        Assert.Null(none);
        Assert.Equal(StatusCode.NotFound, wait.StatusCode);
    }

    [Fact]
    public async Task Wait_CancelledByTheCaller_EndsAtOnce()
    {
        DurableTaskClient client = await ClientAsync();
        string id = await client.ScheduleNewOrchestrationInstanceAsync("waits", Soon);
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => client.WaitForInstanceCompletionAsync(id, cancellation.Token));
    }

    private Task<DurableTaskClient> ClientAsync() => Sidecar.WithWorkerAsync(tasks =>
    {
        tasks.AddOrchestratorFunc<int, int>("echo", (_, value) => Task.FromResult(value));
        tasks.AddOrchestratorFunc<int>("waits", context => context.WaitForExternalEvent<int>("never"));
    });

    private static async Task<List<string>> ListAsync(DurableTaskClient client, OrchestrationQuery query)
    {
        var ids = new List<string>();
        await foreach (OrchestrationMetadata instance in client.GetAllInstancesAsync(query))
        {
            ids.Add(instance.InstanceId);
        }

        return ids;
    }
}
