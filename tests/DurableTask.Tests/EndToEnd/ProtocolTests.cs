using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using EventCase = Microsoft.DurableTask.Protobuf.HistoryEvent.EventTypeOneofCase;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>What the sidecar sends and accepts, seen by a worker that is written out by hand.</summary>
public sealed class ProtocolTests : HandWorkerTest
{
    [Fact]
    public async Task FirstEpisode_HasTheStartFirstWithIdsAndTimes()
    {
        await StartAsync("one");
        await Engine.RaiseEventAsync(new() { InstanceId = "one", Name = "early" }, cancellationToken: Soon);
        using var worker = Connect();

        WorkItem item = await NextAsync(worker);

        OrchestratorRequest request = item.OrchestratorRequest;
        Assert.Empty(request.PastEvents);
        Assert.Equal(
            [EventCase.OrchestratorStarted, EventCase.ExecutionStarted, EventCase.EventRaised],
            request.NewEvents.Select(message => message.EventTypeCase));
        Assert.All(request.NewEvents, message => Assert.Equal(-1, message.EventId));
        Assert.All(request.NewEvents, message => Assert.NotNull(message.Timestamp));
        ExecutionStartedEvent started = request.NewEvents[1].ExecutionStarted;
        Assert.Equal("one", started.OrchestrationInstance.InstanceId);
        Assert.Equal(request.ExecutionId, started.OrchestrationInstance.ExecutionId);
        Assert.Equal(0, request.EntityParameters.EntityMessageReorderWindow.Nanos);
    }

    [Fact]
    public async Task Activities_OneSlotAnnounced_NeverGetsTwo()
    {
        using var worker = Connect(request => request.MaxConcurrentActivityWorkItems = 1);
        await StartAsync("one");
        await CompleteAsync(await NextAsync(worker), Schedule(0), Schedule(1));
        WorkItem first = await NextAsync(worker);

        // Were the other activity handed out, too, it would come before what is started now.
        await StartAsync("two");
        WorkItem between = await NextAsync(worker);
        Assert.Equal("two", between.OrchestratorRequest?.InstanceId);
        await CompleteActivityAsync(first);

        // The freed slot goes to the other activity; the finished one gives an episode.
        WorkItem next = await NextAsync(worker);
        WorkItem last = await NextAsync(worker);
        Assert.Single(new[] { next, last }, item => item.ActivityRequest is not null);
        Assert.Single(new[] { next, last }, item => item.OrchestratorRequest is not null);
    }

    [Fact]
    public async Task Completion_SecondOrInventedToken_IsNotFound()
    {
        using var worker = Connect();
        await StartAsync("one");
        WorkItem item = await NextAsync(worker);
        await CompleteAsync(item, Schedule(0));
        WorkItem activity = await NextAsync(worker);
        await CompleteActivityAsync(activity);

        RpcException episode = await Assert.ThrowsAsync<RpcException>(() => CompleteAsync(item, Schedule(0)));
        RpcException twice = await Assert.ThrowsAsync<RpcException>(() => CompleteActivityAsync(activity));
        await Engine.AbandonTaskActivityWorkItemAsync(new() { CompletionToken = "nonsense" }, cancellationToken: Soon);

        Assert.Equal(StatusCode.NotFound, episode.StatusCode);
        Assert.Equal(StatusCode.NotFound, twice.StatusCode);
        WorkItem next = await NextAsync(worker);
        Assert.Single(next.OrchestratorRequest.NewEvents, message => message.TaskCompleted is not null);
    }

    [Fact]
    public async Task Completion_AfterTheConnectionWasLost_IsRefusedAndTheItemComesAgain()
    {
        await StartAsync("one");
        WorkItem lost;
        using (var worker = Connect())
        {
            lost = await NextAsync(worker);
        }

        using var other = Connect();
        WorkItem again = await NextAsync(other);
        RpcException late = await Assert.ThrowsAsync<RpcException>(() => CompleteAsync(lost, Finish(0)));

        Assert.Equal(StatusCode.NotFound, late.StatusCode);
        Assert.NotEqual(lost.CompletionToken, again.CompletionToken);
    }

    [Fact]
    public async Task Completion_InParts_IsAppliedOnce()
    {
        using var worker = Connect();
        await StartAsync("one");
        WorkItem item = await NextAsync(worker);
        await Engine.CompleteOrchestratorTaskAsync(
            new()
            {
                InstanceId = "one",
                CompletionToken = item.CompletionToken,
                IsPartial = true,
                ChunkIndex = 0,
                Actions = { Schedule(0) },
            },
            cancellationToken: Soon);
        await CompleteAsync(item, Schedule(1));

        WorkItem[] activities = [await NextAsync(worker), await NextAsync(worker)];

        Assert.Equal([0, 1], activities.Select(activity => activity.ActivityRequest.TaskId).Order());
    }

    [Fact]
    public async Task Completion_WithoutToken_IsMatchedByInstance()
    {
        using var worker = Connect();
        await StartAsync("one");
        WorkItem item = await NextAsync(worker);
        item.CompletionToken = string.Empty;
        await CompleteAsync(item, Finish(0));

        GetInstanceResponse state = await Engine.GetInstanceAsync(
            new() { InstanceId = "one" }, cancellationToken: Soon);

        Assert.Equal(OrchestrationStatus.Completed, state.OrchestrationState.OrchestrationStatus);
    }

    [Fact]
    public async Task ContinueAsNew_StaleActivityResult_IsDropped()
    {
        using var worker = Connect();
        await StartAsync("one");
        await CompleteAsync(await NextAsync(worker), Schedule(0));
        WorkItem stale = await NextAsync(worker);
        await Engine.RaiseEventAsync(new() { InstanceId = "one", Name = "go" }, cancellationToken: Soon);
        WorkItem second = await NextAsync(worker);
        await CompleteAsync(second, new OrchestratorAction
        {
            Id = 1,
            CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.ContinuedAsNew, Result = "2" },
        });
        WorkItem third = await NextAsync(worker);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => CompleteActivityAsync(stale));

        Assert.Equal(StatusCode.NotFound, refused.StatusCode);
        Assert.NotEqual(second.OrchestratorRequest.ExecutionId, third.OrchestratorRequest.ExecutionId);
        Assert.Empty(third.OrchestratorRequest.PastEvents);
        Assert.Equal("2", third.OrchestratorRequest.NewEvents[1].ExecutionStarted.Input);
    }

    [Fact]
    public async Task Filters_HoldItemsForTheWorkerThatTakesThem()
    {
        using var other = Connect(request => request.WorkItemFilters = new()
        {
            Orchestrations = { new OrchestrationFilter { Name = "other" } },
        });
        await other.ResponseHeadersAsync;
        await StartAsync("one");
        await Engine.StartInstanceAsync(new() { InstanceId = "two", Name = "other" }, cancellationToken: Soon);
        WorkItem own = await NextAsync(other);
        using var right = Connect(request => request.WorkItemFilters = new()
        {
            Orchestrations = { new OrchestrationFilter { Name = "TEST" } },
        });

        WorkItem item = await NextAsync(right);

        Assert.Equal("two", own.OrchestratorRequest.InstanceId);
        Assert.Equal("one", item.OrchestratorRequest.InstanceId);
    }

    [Fact]
    public async Task TaskHubs_ByHeader_DoNotSeeEachOther()
    {
        var hub = new Metadata { { "taskhub", "blue" } };
        await Engine.StartInstanceAsync(new() { InstanceId = "one", Name = "test" }, hub, cancellationToken: Soon);

        GetInstanceResponse here = await Engine.GetInstanceAsync(new() { InstanceId = "one" }, cancellationToken: Soon);
        GetInstanceResponse there = await Engine.GetInstanceAsync(
            new() { InstanceId = "one" }, hub, cancellationToken: Soon);

        Assert.False(here.Exists);
        Assert.True(there.Exists);
    }
}
