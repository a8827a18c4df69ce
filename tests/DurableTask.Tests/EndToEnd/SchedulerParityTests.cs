using Grpc.Core;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>What clients and workers written for the Durable Task Scheduler count on.</summary>
public sealed class SchedulerParityTests : HandWorkerTest
{
    [Fact]
    public async Task Activity_CalledWithoutVersion_GoesToWorkersOfItsInstancesVersion()
    {
        using var other = Connect(request => request.WorkItemFilters = Filters("1.0"));
        await other.ResponseHeadersAsync;
        using var worker = Connect(request => request.WorkItemFilters = Filters("3.0"));
        await Engine.StartInstanceAsync(
            new() { InstanceId = "a", Name = "test", Version = "3.0" }, cancellationToken: Soon);

        await CompleteAsync(await NextAsync(worker), Schedule(0));
        WorkItem activity = await NextAsync(worker);

        Assert.Equal("work", activity.ActivityRequest.Name);
        Assert.Null(activity.ActivityRequest.Version);
        // The other worker was there all the time and gets only what is its own.
        await Engine.StartInstanceAsync(
            new() { InstanceId = "b", Name = "test", Version = "1.0" }, cancellationToken: Soon);
        Assert.Equal("b", (await NextAsync(other)).OrchestratorRequest?.InstanceId);
    }

    [Fact]
    public async Task History_ForReaders_HasNoEndsOfEpisodes()
    {
        using var worker = Connect();
        await StartAsync("a");
        await CompleteAsync(await NextAsync(worker), Schedule(0));
        await CompleteActivityAsync(await NextAsync(worker));
        await CompleteAsync(await NextAsync(worker), Finish(1));

        using AsyncServerStreamingCall<HistoryChunk> call = Engine.StreamInstanceHistory(
            new() { InstanceId = "a" }, cancellationToken: Soon);
        var events = new List<HistoryEvent.EventTypeOneofCase>();
        await foreach (HistoryChunk chunk in call.ResponseStream.ReadAllAsync(Soon))
        {
            events.AddRange(chunk.Events.Select(item => item.EventTypeCase));
        }

        Assert.Equal(
            [
                HistoryEvent.EventTypeOneofCase.OrchestratorStarted,
                HistoryEvent.EventTypeOneofCase.ExecutionStarted,
                HistoryEvent.EventTypeOneofCase.TaskScheduled,
                HistoryEvent.EventTypeOneofCase.OrchestratorStarted,
                HistoryEvent.EventTypeOneofCase.TaskCompleted,
                HistoryEvent.EventTypeOneofCase.ExecutionCompleted,
            ],
            events);
    }

    [Theory]
    [InlineData(OrchestrationStatus.Suspended)]
    [InlineData(OrchestrationStatus.Running)]
    [InlineData(OrchestrationStatus.Pending)]
    public async Task ReusePolicy_UnfinishedButNotTerminated_IsRefused(OrchestrationStatus status)
    {
        await StartAsync("a");
        var policy = new OrchestrationIdReusePolicy { ReplaceableStatus = { status, OrchestrationStatus.Completed } };

        RpcException refusal = await Assert.ThrowsAsync<RpcException>(async () => await Engine.StartInstanceAsync(
            new() { InstanceId = "a", Name = "test", OrchestrationIdReusePolicy = policy }, cancellationToken: Soon));

        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        Assert.Contains("cannot exclude 'Terminated'", refusal.Status.Detail, StringComparison.Ordinal);
        Assert.Contains($"'{status}'", refusal.Status.Detail, StringComparison.Ordinal);
    }

    private static WorkItemFilters Filters(string version) => new()
    {
        Orchestrations = { new OrchestrationFilter { Name = "test", Versions = { version } } },
        Activities = { new ActivityFilter { Name = "work", Versions = { version } } },
    };
}
