using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>Timers under a clock that is set while they wait.</summary>
public sealed class ClockTests : IAsyncDisposable
{
    private readonly EngineHarness _harness = new();

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task Timer_AtItsTime_FiresThenAndNotBefore()
    {
        WorkerSession worker = await WaitingForTimerAsync(TimeSpan.FromSeconds(2));

        _harness.Time.Advance(TimeSpan.FromMilliseconds(1999));
        await _harness.SettleAsync();
        Assert.False(worker.Items.Reader.TryPeek(out _), "The timer fired early.");
        // The engine's clock wakes it a millisecond late.
        _harness.Time.Advance(TimeSpan.FromMilliseconds(2));

        Assert.NotNull(await NextFiringAsync(worker));
    }

    [Fact]
    public async Task Start_AtATime_IsThenAndNotBefore()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await _harness.Engine.StartAsync(EngineHarness.Hub, new()
        {
            InstanceId = "a",
            Name = "test",
            ScheduledStartTimestamp = Timestamp.FromDateTimeOffset(_harness.Time.GetUtcNow().AddSeconds(2)),
        });

        _harness.Time.Advance(TimeSpan.FromMilliseconds(1999));
        await _harness.SettleAsync();
        Assert.False(worker.Items.Reader.TryPeek(out _), "It started early.");
        Assert.Equal(OrchestrationStatus.Pending, (await _harness.StateAsync("a")).OrchestrationStatus);
        _harness.Time.Advance(TimeSpan.FromMilliseconds(2));

        Assert.Equal("a", (await EngineHarness.NextAsync(worker)).OrchestratorRequest.InstanceId);
    }

    [Fact]
    public async Task Timer_ClockSetForwards_FiresWithinSecondsNotAtItsOldTime()
    {
        WorkerSession worker = await WaitingForTimerAsync(TimeSpan.FromMinutes(30));

        _harness.Time.AdjustTime(_harness.Time.GetUtcNow().AddHours(1));
        _harness.Time.Advance(TimeSpan.FromSeconds(6));

        Assert.NotNull(await NextFiringAsync(worker));
    }

    [Fact]
    public async Task Timer_ClockSetBackwards_FiresAtItsTimeAndNotBefore()
    {
        WorkerSession worker = await WaitingForTimerAsync(TimeSpan.FromMinutes(30));

        _harness.Time.AdjustTime(_harness.Time.GetUtcNow().AddMinutes(-30));
        for (int minute = 0; minute < 59; minute++)
        {
            _harness.Time.Advance(TimeSpan.FromMinutes(1));
            await _harness.SettleAsync();
        }

        Assert.False(worker.Items.Reader.TryPeek(out _), "The timer fired early.");
        _harness.Time.Advance(TimeSpan.FromMinutes(1) + TimeSpan.FromSeconds(6));

        HistoryEvent fired = await NextFiringAsync(worker);
        Assert.True(fired.Timestamp >= fired.TimerFired.FireAt);
    }

    [Fact]
    public async Task Time_ClockSetBackwards_DoesNotRunBackwardsForTheOrchestrator()
    {
        WorkerSession worker = await WaitingForTimerAsync(TimeSpan.FromMinutes(30));
        Timestamp before = Timestamp.FromDateTimeOffset(_harness.Time.GetUtcNow());

        _harness.Time.AdjustTime(_harness.Time.GetUtcNow().AddMinutes(-10));
        await _harness.Engine.RaiseAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "tick" });

        WorkItem item = (await worker.Items.Reader.ReadAsync(TestContext.Current.CancellationToken)).Item;
        Assert.True(item.OrchestratorRequest.NewEvents[0].Timestamp >= before);
    }

    [Fact]
    public async Task Lease_ClockSetForwards_IsNotOver()
    {
        await _harness.Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "test" });
        WorkerSession worker = await _harness.ConnectAsync();
        WorkItem item = (await worker.Items.Reader.ReadAsync(TestContext.Current.CancellationToken)).Item;

        _harness.Time.Advance(TimeSpan.FromSeconds(151));
        await _harness.SettleAsync();

        // Half the lease has passed and the look at it was made: the item is still the worker's.
        await _harness.Engine.Work.CompleteEpisodeAsync(EngineHarness.Hub, new()
        {
            InstanceId = "a",
            CompletionToken = item.CompletionToken,
        });
    }

    private async Task<WorkerSession> WaitingForTimerAsync(TimeSpan wait)
    {
        await _harness.Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "test" });
        WorkerSession worker = await _harness.ConnectAsync();
        WorkItem item = (await worker.Items.Reader.ReadAsync(TestContext.Current.CancellationToken)).Item;
        await _harness.Engine.Work.CompleteEpisodeAsync(EngineHarness.Hub, new()
        {
            InstanceId = "a",
            CompletionToken = item.CompletionToken,
            Actions =
            {
                new OrchestratorAction
                {
                    CreateTimer = new() { FireAt = Timestamp.FromDateTimeOffset(_harness.Time.GetUtcNow() + wait) },
                },
            },
        });
        return worker;
    }

    private static async Task<HistoryEvent> NextFiringAsync(WorkerSession worker)
    {
        WorkItem item = await EngineHarness.NextAsync(worker);
        return Assert.Single(item.OrchestratorRequest.NewEvents, found => found.TimerFired is not null);
    }
}
