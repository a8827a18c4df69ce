using System.Collections.Concurrent;
using System.Diagnostics;
using Grpc.Core;
using Workflows.DurableTask.Protocol;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>Work that a worker hands back, because of its version for example.</summary>
public sealed class RefusalTests : HandWorkerTest
{
    private const int Count = 20;

    [Fact]
    public async Task RefusedEpisodes_GoToTheOtherWorkerAndNeverBack()
    {
        using var refusing = Connect();
        using var willing = Connect();
        var refused = new ConcurrentBag<string>();
        Task refusal = RefuseAllAsync(refusing, refused);
        await Task.WhenAll(Enumerable.Range(0, Count).Select(item => StartAsync($"{item}")));

        for (int done = 0; done < Count; done++)
        {
            await CompleteAsync(await NextAsync(willing), Finish(0));
        }

        refusing.Dispose();
        await refusal;
        Assert.NotEmpty(refused);
        Assert.Equal(refused.Order(), refused.Distinct().Order());
    }

    [Fact]
    public async Task RefusedEpisode_IsOfferedAtOnceToAWorkerThatConnects()
    {
        using var refusing = Connect();
        await StartAsync("one");
        for (int attempt = 0; attempt < 4; attempt++)
        {
            WorkItem item = await NextAsync(refusing);
            await Engine.AbandonTaskOrchestratorWorkItemAsync(
                new() { CompletionToken = item.CompletionToken }, cancellationToken: Soon);
        }

        // The refusing worker's next turn is 1.6 seconds away.
        long connected = Stopwatch.GetTimestamp();
        using var willing = Connect();
        await CompleteAsync(await NextAsync(willing), Finish(0));

        Assert.InRange(Stopwatch.GetElapsedTime(connected), TimeSpan.Zero, TimeSpan.FromSeconds(1.2));
    }

    private async Task RefuseAllAsync(AsyncServerStreamingCall<WorkItem> worker, ConcurrentBag<string> refused)
    {
        try
        {
            while (await worker.ResponseStream.MoveNext(Soon))
            {
                WorkItem item = worker.ResponseStream.Current;
                refused.Add(item.OrchestratorRequest.InstanceId);
                await Engine.AbandonTaskOrchestratorWorkItemAsync(
                    new() { CompletionToken = item.CompletionToken }, cancellationToken: Soon);
            }
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled)
        {
            // The test has ended the connection.
        }
    }
}
