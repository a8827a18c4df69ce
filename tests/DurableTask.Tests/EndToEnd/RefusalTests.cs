using Grpc.Core;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>Work that a worker hands back, because of its version for example.</summary>
public sealed class RefusalTests : HandWorkerTest
{
    private const int Count = 20;

    [Fact]
    public async Task RefusedEpisodes_GoToTheOtherWorkerAndNeverBack()
    {
        using var refusing = Connect();
        await Task.WhenAll(Enumerable.Range(0, Count).Select(item => StartAsync($"{item}")));
        var refused = new List<WorkItem>();
        while (refused.Count < Count)
        {
            refused.Add(await NextAsync(refusing));
        }

        // It has come when its headers are here; before that, the refused work might go back to where it came from.
        using var willing = Connect();
        await willing.ResponseHeadersAsync;
        await Task.WhenAll(refused.Select(RefuseAsync));
        foreach (WorkItem _ in refused)
        {
            await CompleteAsync(await NextAsync(willing), Finish(0));
        }

        // What comes to the refusing worker now is new: had anything come back to it, that would stand before this.
        willing.Dispose();
        await StartAsync("last");
        Assert.Equal("last", (await NextAsync(refusing)).OrchestratorRequest.InstanceId);
    }

    [Fact]
    public async Task RefusedEpisode_WhileTheOtherWorkerIsFull_WaitsForItAndLetsOthersPass()
    {
        using var willing = Connect(request => request.MaxConcurrentOrchestrationWorkItems = 1);
        using var refusing = Connect();
        WorkItem held = await RefuseBesideAsync(willing, refusing);

        await StartAsync("marker");

        // Had the refused one come back, it would stand before this.
        Assert.Equal("marker", (await NextAsync(refusing)).OrchestratorRequest.InstanceId);
        await CompleteAsync(held, Finish(0));
        Assert.Equal("refused", (await NextAsync(willing)).OrchestratorRequest.InstanceId);
    }

    [Fact]
    public async Task RefusedEpisode_OtherWorkerGoesWhileItIsFull_ComesBack()
    {
        var willing = Connect(request => request.MaxConcurrentOrchestrationWorkItems = 1);
        using var refusing = Connect();
        await RefuseBesideAsync(willing, refusing);
        await StartAsync("marker");
        WorkItem marker = await NextAsync(refusing);

        willing.Dispose();
        string[] back =
        [
            (await NextAsync(refusing)).OrchestratorRequest.InstanceId,
            (await NextAsync(refusing)).OrchestratorRequest.InstanceId,
        ];

        Assert.Equal("marker", marker.OrchestratorRequest.InstanceId);
        Assert.Equal(["held", "refused"], back.Order());
    }

    /// <summary>Fills one worker with an item that is returned, and has the other refuse a second.</summary>
    private async Task<WorkItem> RefuseBesideAsync(
        AsyncServerStreamingCall<WorkItem> willing, AsyncServerStreamingCall<WorkItem> refusing)
    {
        await willing.ResponseHeadersAsync;
        await refusing.ResponseHeadersAsync;
        // Workers take turns; the first may have any of them.
        await StartAsync("held");
        Task<WorkItem> atWilling = NextAsync(willing);
        Task<WorkItem> atRefusing = NextAsync(refusing);
        if (await Task.WhenAny(atWilling, atRefusing) == atRefusing)
        {
            await RefuseAsync(await atRefusing);
            atRefusing = NextAsync(refusing);
        }

        WorkItem held = await atWilling;
        Assert.Equal("held", held.OrchestratorRequest.InstanceId);
        await StartAsync("refused");
        WorkItem refused = await atRefusing;
        Assert.Equal("refused", refused.OrchestratorRequest.InstanceId);
        await RefuseAsync(refused);
        return held;
    }

    private async Task RefuseAsync(WorkItem item) => await Engine.AbandonTaskOrchestratorWorkItemAsync(
        new() { CompletionToken = item.CompletionToken }, cancellationToken: Soon);
}
