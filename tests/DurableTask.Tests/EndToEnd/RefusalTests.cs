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

    private async Task RefuseAsync(WorkItem item) => await Engine.AbandonTaskOrchestratorWorkItemAsync(
        new() { CompletionToken = item.CompletionToken }, cancellationToken: Soon);
}
