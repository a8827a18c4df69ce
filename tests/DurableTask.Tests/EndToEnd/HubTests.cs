using Grpc.Core;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>What the protocol has for operators.</summary>
public sealed class HubTests : HandWorkerTest
{
    [Fact]
    public async Task DeleteTaskHub_WithEverythingInIt_LeavesNothingAndSparesOtherHubs()
    {
        var other = new Metadata { { "taskhub", "other" } };
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        await StartAsync("runs");
        WorkItem item = await NextAsync(worker);
        await Engine.StartInstanceAsync(
            new() { InstanceId = "spared", Name = "test" }, other, cancellationToken: Soon);
        await Engine.SignalEntityAsync(
            new() { InstanceId = "@counter@a", Name = "add", RequestId = $"{Guid.NewGuid()}" },
            cancellationToken: Soon);
        AsyncUnaryCall<GetInstanceResponse> waiting = Engine.WaitForInstanceCompletionAsync(
            new() { InstanceId = "runs" }, cancellationToken: Soon);

        await Engine.DeleteTaskHubAsync(new(), cancellationToken: Soon);

        Assert.True(await EndsWithNothingAsync(waiting));
        var stale = await Assert.ThrowsAsync<RpcException>(() => CompleteAsync(item, Finish(0)));
        Assert.Equal(StatusCode.NotFound, stale.StatusCode);
        await Sidecar.RestartAsync();
        Assert.False((await Engine.GetInstanceAsync(new() { InstanceId = "runs" }, cancellationToken: Soon)).Exists);
        Assert.Empty((await Engine.QueryEntitiesAsync(
            new() { Query = new() { IncludeTransient = true } }, cancellationToken: Soon)).Entities);
        Assert.True((await Engine.GetInstanceAsync(
            new() { InstanceId = "spared" }, other, cancellationToken: Soon)).Exists);
    }

    [Fact]
    public async Task CreateTaskHub_WithAndWithoutRecreate_EmptiesOrKeepsIt()
    {
        await StartAsync("a");

        await Engine.CreateTaskHubAsync(new(), cancellationToken: Soon);
        Assert.True((await Engine.GetInstanceAsync(new() { InstanceId = "a" }, cancellationToken: Soon)).Exists);
        await Engine.CreateTaskHubAsync(new() { RecreateIfExists = true }, cancellationToken: Soon);

        Assert.False((await Engine.GetInstanceAsync(new() { InstanceId = "a" }, cancellationToken: Soon)).Exists);
    }

    [Fact]
    public async Task SkipGracefulTerminations_RunningEndedAndUnknown_EndsTheRunningWithoutItsWorker()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        await StartAsync("ended");
        await CompleteAsync(await NextAsync(worker), Finish(0));
        await StartAsync("runs");
        WorkItem item = await NextAsync(worker);

        SkipGracefulOrchestrationTerminationsResponse response =
            await Engine.SkipGracefulOrchestrationTerminationsAsync(
                new() { InstanceBatch = new() { InstanceIds = { "runs", "ended", "unknown" } }, Reason = "enough" },
                cancellationToken: Soon);

        Assert.Equal(["ended", "unknown"], response.UnterminatedInstanceIds);
        OrchestrationState state = (await Engine.GetInstanceAsync(
            new() { InstanceId = "runs", GetInputsAndOutputs = true }, cancellationToken: Soon)).OrchestrationState;
        Assert.Equal(OrchestrationStatus.Terminated, state.OrchestrationStatus);
        Assert.Equal("enough", state.Output);
        await Assert.ThrowsAsync<RpcException>(() => CompleteAsync(item, Finish(0)));
    }

    [Fact]
    public async Task RewindAction_NewHistory_GoesOnFromIt()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        await StartAsync("a");
        WorkItem first = await NextAsync(worker);
        await CompleteAsync(first, Schedule(0));
        await CompleteActivityAsync(await NextAsync(worker));
        WorkItem second = await NextAsync(worker);
        HistoryEvent start = first.OrchestratorRequest.NewEvents.Single(item => item.ExecutionStarted is not null);
        start.ExecutionStarted.OrchestrationInstance.ExecutionId = "again";
        var back = new OrchestratorAction { Id = 1, RewindOrchestration = new() };
        back.RewindOrchestration.NewHistory.AddRange(
            second.OrchestratorRequest.PastEvents.Select(item => item.ExecutionStarted is null ? item : start));

        await CompleteAsync(second, back);
        WorkItem[] next = [await NextAsync(worker), await NextAsync(worker)];

        // The activity's result was not in the new history, so it runs again.
        WorkItem activity = Assert.Single(next, item => item.ActivityRequest is not null);
        Assert.Equal("again", activity.ActivityRequest.OrchestrationInstance.ExecutionId);
        WorkItem episode = Assert.Single(next, item => item.OrchestratorRequest is not null);
        Assert.Equal("again", episode.OrchestratorRequest.ExecutionId);
        Assert.Contains(episode.OrchestratorRequest.PastEvents, item => item.TaskScheduled is not null);
        Assert.DoesNotContain(episode.OrchestratorRequest.PastEvents, item => item.TaskCompleted is not null);
    }

    [Theory]
    [InlineData(OrchestrationStatus.Pending)]
    [InlineData(OrchestrationStatus.Running)]
    [InlineData(OrchestrationStatus.Suspended)]
    [InlineData(OrchestrationStatus.Completed)]
    [InlineData(OrchestrationStatus.Failed)]
    [InlineData(OrchestrationStatus.Terminated)]
    [InlineData(OrchestrationStatus.Canceled)]
    public async Task IdReuse_StatusByPolicy_IsTheTableOfTheDocumentation(OrchestrationStatus status)
    {
        bool isUnfinished = status is OrchestrationStatus.Pending or OrchestrationStatus.Running
            or OrchestrationStatus.Suspended;

        await BringToAsync("none", status);
        StatusCode withoutPolicy = await StartCodeAsync("none", null);
        await BringToAsync("listed", status);
        StatusCode listed = await StartCodeAsync(
            "listed", new() { ReplaceableStatus = { status, OrchestrationStatus.Terminated } });
        await BringToAsync("others", status);
        var others = new OrchestrationIdReusePolicy();
        // Whoever would have unfinished ones replaced must take terminated ones, too.
        others.ReplaceableStatus.AddRange(Enum.GetValues<OrchestrationStatus>().Where(value => value != status
            && (status != OrchestrationStatus.Terminated || value is OrchestrationStatus.Completed)));
        StatusCode notListed = await StartCodeAsync("others", others);

        Assert.Equal(isUnfinished ? StatusCode.AlreadyExists : StatusCode.OK, withoutPolicy);
        Assert.Equal(StatusCode.OK, listed);
        Assert.Equal(StatusCode.AlreadyExists, notListed);
    }

    [Fact]
    public async Task Filters_VersionsOfOrchestrations_GoToTheWorkerOfTheirVersion()
    {
        using AsyncServerStreamingCall<WorkItem> first = Connect(request => request.WorkItemFilters = new()
        {
            Orchestrations = { new OrchestrationFilter { Name = "TEST", Versions = { "1" } } },
        });
        await first.ResponseHeadersAsync;
        await Engine.StartInstanceAsync(
            new() { InstanceId = "two", Name = "test", Version = "2" }, cancellationToken: Soon);
        await Engine.StartInstanceAsync(
            new() { InstanceId = "one", Name = "test", Version = "1" }, cancellationToken: Soon);

        Assert.Equal("one", (await NextAsync(first)).OrchestratorRequest.InstanceId);
        using AsyncServerStreamingCall<WorkItem> second = Connect(request => request.WorkItemFilters = new()
        {
            Orchestrations = { new OrchestrationFilter { Name = "test", Versions = { "2" } } },
        });
        Assert.Equal("two", (await NextAsync(second)).OrchestratorRequest.InstanceId);
    }

    [Fact]
    public async Task Workers_TwoWithRoom_BothGetWork()
    {
        using AsyncServerStreamingCall<WorkItem> first = Connect();
        await first.ResponseHeadersAsync;
        using AsyncServerStreamingCall<WorkItem> second = Connect();
        await second.ResponseHeadersAsync;
        for (int item = 0; item < 10; item++)
        {
            await StartAsync($"i{item}");
        }

        var seen = new HashSet<string>();
        for (int item = 0; item < 5; item++)
        {
            seen.Add((await NextAsync(first)).OrchestratorRequest.InstanceId);
            seen.Add((await NextAsync(second)).OrchestratorRequest.InstanceId);
        }

        Assert.Equal(10, seen.Count);
    }

    [Fact]
    public async Task FanOut_OfThousandsInOneEpisode_IsOneTransaction()
    {
        const int Width = 2500;
        using AsyncServerStreamingCall<WorkItem> worker = Connect(
            request => request.MaxConcurrentActivityWorkItems = Width);
        await StartAsync("wide");

        await CompleteAsync(await NextAsync(worker), [.. Enumerable.Range(0, Width).Select(Schedule)]);

        var tasks = new HashSet<int>();
        while (tasks.Count < Width)
        {
            tasks.Add((await NextAsync(worker)).ActivityRequest.TaskId);
        }

        Assert.Equal(Enumerable.Range(0, Width), tasks.Order());
    }

    [Fact]
    public async Task PurgeFilter_TimeoutIsOver_SaysThatItIsNotComplete()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        for (int item = 0; item < 3; item++)
        {
            await StartAsync($"i{item}");
            await CompleteAsync(await NextAsync(worker), Finish(0));
        }

        PurgeInstancesResponse response = await Engine.PurgeInstancesAsync(
            new()
            {
                PurgeInstanceFilter = new() { Timeout = new() { Nanos = 100 } },
            },
            cancellationToken: Soon);

        Assert.Equal(3, response.DeletedInstanceCount);
        Assert.False(response.IsComplete);
        response = await Engine.PurgeInstancesAsync(new() { PurgeInstanceFilter = new() }, cancellationToken: Soon);
        Assert.Equal(0, response.DeletedInstanceCount);
        Assert.True(response.IsComplete);
    }

    private async Task BringToAsync(string id, OrchestrationStatus status)
    {
        await Engine.StartInstanceAsync(new() { InstanceId = id, Name = id }, cancellationToken: Soon);
        if (status == OrchestrationStatus.Pending)
        {
            return;
        }

        using AsyncServerStreamingCall<WorkItem> worker = Connect(request => request.WorkItemFilters = new()
        {
            Orchestrations = { new OrchestrationFilter { Name = id } },
        });
        WorkItem item = await NextAsync(worker);
        switch (status)
        {
            case OrchestrationStatus.Running:
                await CompleteAsync(item);
                break;
            case OrchestrationStatus.Suspended:
                await CompleteAsync(item);
                await Engine.SuspendInstanceAsync(new() { InstanceId = id }, cancellationToken: Soon);
                await CompleteAsync(await NextAsync(worker));
                break;
            default:
                OrchestratorAction end = Finish(0);
                end.CompleteOrchestration.OrchestrationStatus = status;
                await CompleteAsync(item, end);
                break;
        }
    }

    private async Task<StatusCode> StartCodeAsync(string id, OrchestrationIdReusePolicy? policy)
    {
        try
        {
            await Engine.StartInstanceAsync(
                new() { InstanceId = id, Name = "test", OrchestrationIdReusePolicy = policy }, cancellationToken: Soon);
            return StatusCode.OK;
        }
        catch (RpcException refusal)
        {
            return refusal.StatusCode;
        }
    }

    // A wait that reaches the engine before the hub goes is refused; one that comes after it finds nothing.
    private static async Task<bool> EndsWithNothingAsync(AsyncUnaryCall<GetInstanceResponse> waiting)
    {
        try
        {
            return !(await waiting).Exists;
        }
        catch (RpcException refusal)
        {
            return refusal.StatusCode == StatusCode.NotFound;
        }
    }
}
