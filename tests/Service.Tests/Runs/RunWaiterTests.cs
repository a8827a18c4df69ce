using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>Waits for runs, by a clock that the tests move.</summary>
public sealed class RunWaiterTests(RunningService service) : IClassFixture<RunningService>
{
    private static readonly RunWait Wait = new(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(4));

    private readonly FakeEngine _engine = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 8, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Wait_ForARunThatEnds_HasItAtTheNextLook()
    {
        Put(OrchestrationStatus.Running);
        await using DurableTaskClient client = _engine.Client();
        var waiting = WaiterOf(client).WaitAsync(new RunId("waited"), Wait, Cancellation);

        Put(OrchestrationStatus.Failed);
        Assert.False(waiting.IsCompleted);
        _clock.Advance(Wait.Interval);

        Assert.Equal(RunStatus.Failed, (await waiting)!.Status);
    }

    [Fact]
    public async Task Wait_ForARunThatDoesNotEnd_IsOverAtItsTimeout()
    {
        Put(OrchestrationStatus.Running);
        await using DurableTaskClient client = _engine.Client();
        var waiting = WaiterOf(client).WaitAsync(new RunId("waited"), Wait, Cancellation);

        _clock.Advance(Wait.Interval);
        _clock.Advance(Wait.Interval);
        Assert.False(waiting.IsCompleted);

        // The last look is at the timeout, and not at the next interval.
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(await waiting.WaitAsync(TimeSpan.FromMinutes(2), Cancellation));
    }

    [Fact]
    public async Task Wait_WhoseClientGoesAway_EndsAtOnce()
    {
        Put(OrchestrationStatus.Running);
        using var client = new CancellationTokenSource();
        await using DurableTaskClient engine = _engine.Client();
        var waiting = WaiterOf(engine).WaitAsync(new RunId("waited"), Wait, client.Token);
        Assert.False(waiting.IsCompleted);

        await client.CancelAsync();

        Assert.Null(await waiting.WaitAsync(TimeSpan.FromMinutes(2), Cancellation));
    }

    [Fact]
    public async Task Wait_ForAnUnknownRun_IsOverAtOnce()
    {
        await using DurableTaskClient client = _engine.Client();

        Assert.Null(await WaiterOf(client).WaitAsync(new RunId("nobody"), Wait, Cancellation));
    }

    private void Put(OrchestrationStatus status) => _engine.PutRun("waited", DateTimeOffset.UnixEpoch, status);

    private RunWaiter WaiterOf(DurableTaskClient client) => new(
        ActivatorUtilities.CreateInstance<RunService>(
            service.Services, client, ActivatorUtilities.CreateInstance<GroupRuns>(service.Services, client)),
        _clock);
}
