using Grpc.Core;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>Everything that goes to a worker fits the 4 MB that stock channels accept; these accept no
/// more.</summary>
public sealed class MessageSizeTests : HandWorkerTest
{
    private static readonly string Large = new('x', 3_800_000);

    [Fact]
    public async Task Message_LargerThanTheServerReads_IsRefusedWithWordsAndItsItemIsStillTheWorkers()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        await StartAsync("a");
        WorkItem item = await NextAsync(worker);
        var response = new OrchestratorResponse
        {
            InstanceId = "a",
            CompletionToken = item.CompletionToken,
            CustomStatus = new string('x', 70_000_000),
        };

        RpcException refusal = await Assert.ThrowsAsync<RpcException>(async () =>
            await Engine.CompleteOrchestratorTaskAsync(response, cancellationToken: Soon));
        await CompleteAsync(item, Finish(0));

        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
        Assert.Contains("exceeds the maximum", refusal.Status.Detail, StringComparison.Ordinal);
        GetInstanceResponse ended = await Engine.GetInstanceAsync(new() { InstanceId = "a" }, cancellationToken: Soon);
        Assert.Equal(OrchestrationStatus.Completed, ended.OrchestrationState.OrchestrationStatus);
    }

    [Fact]
    public async Task LargeEvent_BesideAHistoryThatWouldFitAlone_ComesWithItsHistoryApart()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect(
            request => request.Capabilities.Add(WorkerCapability.HistoryStreaming));
        await Engine.StartInstanceAsync(
            new() { InstanceId = "a", Name = "test", Input = new string('i', 900_000) }, cancellationToken: Soon);
        await CompleteAsync(await NextAsync(worker));

        await Engine.RaiseEventAsync(
            new() { InstanceId = "a", Name = "large", Input = Large }, cancellationToken: Soon);
        WorkItem item = await NextAsync(worker);

        Assert.True(item.OrchestratorRequest.RequiresHistoryStreaming);
        Assert.Equal(Large, item.OrchestratorRequest.NewEvents[^1].EventRaised.Input);
    }

    [Fact]
    public async Task History_OfSmallAndLargeEvents_IsStreamedInMessagesThatFit()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect(
            request => request.Capabilities.Add(WorkerCapability.HistoryStreaming));
        await Engine.StartInstanceAsync(
            new() { InstanceId = "a", Name = "test", Input = new string('i', 250_000) }, cancellationToken: Soon);
        await CompleteAsync(await NextAsync(worker), Schedule(0));
        WorkItem activity = await NextAsync(worker);
        await Engine.CompleteActivityTaskAsync(
            new()
            {
                InstanceId = "a",
                CompletionToken = activity.CompletionToken,
                // With the other event it is more than a message may have.
                Result = new string('x', 3_955_000),
            },
            cancellationToken: Soon);
        await CompleteAsync(await NextAsync(worker));

        using AsyncServerStreamingCall<HistoryChunk> history = Engine.StreamInstanceHistory(
            new() { InstanceId = "a" }, cancellationToken: Soon);
        var events = new List<HistoryEvent>();
        while (await history.ResponseStream.MoveNext(Soon))
        {
            events.AddRange(history.ResponseStream.Current.Events);
        }

        Assert.Equal(3_955_000, events.Single(item => item.TaskCompleted is not null).TaskCompleted.Result.Length);
    }

    [Fact]
    public async Task EntityOperation_TooLargeBesideTheState_FailsAndSparesTheWorker()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        await SignalAsync("small");
        await CompleteEntityAsync(await NextAsync(worker), new string('s', 2_000_000));

        await SignalAsync(Large);
        await SignalAsync("after");

        WorkItem next = await NextAsync(worker);
        Assert.Equal("after", Assert.Single(next.EntityRequestV2.OperationRequests).EntityOperationSignaled.Input);
    }

    private async Task SignalAsync(string input) => await Engine.SignalEntityAsync(
        new() { InstanceId = "@e@1", Name = "op", Input = input, RequestId = $"{Guid.NewGuid()}" },
        cancellationToken: Soon);

    private async Task CompleteEntityAsync(WorkItem item, string state) => await Engine.CompleteEntityTaskAsync(
        new()
        {
            CompletionToken = item.CompletionToken,
            EntityState = state,
            Results = { new OperationResult { Success = new() } },
        },
        cancellationToken: Soon);
}
