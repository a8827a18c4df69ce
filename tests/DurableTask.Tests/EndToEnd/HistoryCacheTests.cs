using Microsoft.DurableTask.Worker.Grpc;
using Workflows.DurableTask.Protocol;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>What a worker keeps of histories, and for how long.</summary>
public sealed class HistoryCacheTests
{
    [Fact]
    public void Take_TokenOfAnotherEpisode_FindsNothing()
    {
        var cache = new HistoryCache(10, 1000);
        cache.Put("a", "1", Events(1));

        Assert.Null(cache.Take("a", "2"));
        // What is behind is of no use to anyone.
        Assert.Null(cache.Take("a", "1"));
    }

    [Fact]
    public void Put_OverItsRoom_DropsTheOldest()
    {
        var cache = new HistoryCache(2, 1000);
        cache.Put("a", "1", Events(1));
        cache.Put("b", "1", Events(1));
        cache.Put("a", "2", Events(2));
        cache.Put("c", "1", Events(1));

        Assert.Null(cache.Take("b", "1"));
        Assert.Equal(2, cache.Take("a", "2")!.Events.Count);
        Assert.NotNull(cache.Take("c", "1"));
    }

    [Fact]
    public void Put_OverItsBytes_DropsTheOldestAndWhatIsTooLarge()
    {
        long size = Events(1).Bytes;
        var cache = new HistoryCache(10, size * 4);
        cache.Put("a", "1", Events(2));
        cache.Put("b", "1", Events(3));
        cache.Put("c", "1", Events(5));

        Assert.Null(cache.Take("a", "1"));
        Assert.Null(cache.Take("b", "1"));
        Assert.Null(cache.Take("c", "1"));
        cache.Put("d", "1", Events(4));
        Assert.NotNull(cache.Take("d", "1"));
    }

    private static KeptEvents Events(int count)
    {
        var kept = new KeptEvents();
        kept.Add(Enumerable.Range(0, count).Select(_ => new HistoryEvent { EventId = -1, OrchestratorStarted = new() }));
        return kept;
    }
}
