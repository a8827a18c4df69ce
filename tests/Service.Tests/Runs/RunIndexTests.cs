using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Time.Testing;
using Workflows.Service.Runs;

namespace Workflows.Service.Tests.Runs;

/// <summary>Runs that another service has started in the same engine, and their place in the list.</summary>
public sealed class RunIndexTests
{
    // Only what hangs takes this long, on the slowest of machines, too.
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <summary>The next list is long after the look, which did not see the run, or failed.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Find_LongAfterALook_HasTheRunThatWasStartedAfterIt(bool fails)
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 29, 12, 0, 0, TimeSpan.Zero));
        var engine = new FakeEngine();
        await using var client = engine.Client();
        using var index = new RunIndex(client, clock);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadline);
        Assert.Empty(await index.FindAsync(_ => true, 9, deadline.Token));
        var seen = new TaskCompletionSource();
        engine.Listed = () => seen.TrySetResult();
        engine.Fault = fails ? new RpcException(new Status(StatusCode.Unavailable, "away")) : null;
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Empty(await index.FindAsync(_ => true, 9, deadline.Token));
        await seen.Task.WaitAsync(deadline.Token);
        clock.Advance(TimeSpan.FromMinutes(1));
        engine.PutRun("others", clock.GetUtcNow(), OrchestrationStatus.Running);
        clock.Advance(TimeSpan.FromHours(1));

        IReadOnlyList<RunRow> rows = [];
        while (rows.Count == 0)
        {
            deadline.Token.ThrowIfCancellationRequested();
            clock.Advance(TimeSpan.FromMinutes(1));
            try
            {
                rows = await index.FindAsync(_ => true, 9, deadline.Token);
            }
            catch (RpcException) when (fails)
            {
                // Told once, to the list that takes the look's result.
                fails = false;
            }

            await Task.Yield();
        }

        Assert.Equal("others", Assert.Single(rows).Id);
    }

    /// <summary>A purge tells which runs it leaves because they are under way, and deletes the others.</summary>
    [Fact]
    public async Task FindBoth_OfARunThatEndsMeanwhile_HasItOnceAndAsksTheEngineOnce()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 29, 12, 0, 0, TimeSpan.Zero));
        var engine = new FakeEngine();
        var looks = 0;
        engine.PutRun("run-1", clock.GetUtcNow(), OrchestrationStatus.Running);
        engine.Shown = () =>
        {
            looks++;
            engine.PutRun("run-1", clock.GetUtcNow(), OrchestrationStatus.Terminated);
        };
        await using var client = engine.Client();
        using var index = new RunIndex(client, clock);

        var (live, ended) = await index.FindAsync(
            row => row.IsLive, 9, row => !row.IsLive, 9, TestContext.Current.CancellationToken);

        Assert.Equal("run-1", Assert.Single(live).Id);
        Assert.Empty(ended);
        Assert.Equal(1, looks);
    }
}
