using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Data;

/// <summary>A read that does not end must end for the run, and let go of its place.</summary>
public sealed class InputWorkTests : IDisposable
{
    private static readonly RunId Run = new("run-1");

    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly ManualResetEventSlim _release = new();
    private readonly RunLedger _ledger;
    private readonly InputWork _work;

    public InputWorkTests()
    {
        _ledger = new RunLedger(_folder.Path, TimeProvider.System);
        _work = new InputWork(_ledger, new InputLimits(1, TimeSpan.FromMinutes(30)), _clock);
    }

    public void Dispose()
    {
        _release.Set();
        _work.Dispose();
        _folder.Dispose();
        _release.Dispose();
    }

    [Fact]
    public async Task Run_ThatEnds_GivesItsResultOrItsFault()
    {
        Assert.Equal(5, await _work.RunAsync(Run, _ => 5));
        await Assert.ThrowsAsync<IOException>(() => _work.RunAsync<int>(Run, _ => throw new IOException("gone")));
    }

    [Fact]
    public async Task Run_ThatLooksAtItsToken_IsStoppedWhenItsTimeIsOver()
    {
        var stopped = new TaskCompletionSource<bool>();
        var work = _work.RunAsync(Run, token =>
        {
            token.WaitHandle.WaitOne(TimeSpan.FromMinutes(1));
            stopped.SetResult(token.IsCancellationRequested);
            return 0;
        });

        Assert.Equal("INPUT_TIMEOUT", (await FaultAsync(work)).Code);

        // The answer does not wait for the work that it has told to stop.
        Assert.True(await stopped.Task);
    }

    [Fact]
    public async Task Run_ThatHangsInTheSystem_IsLeftBehind()
    {
        var work = _work.RunAsync(Run, _ =>
        {
            _release.Wait(CancellationToken.None);
            return 0;
        });

        Assert.Equal("INPUT_TIMEOUT", (await FaultAsync(work)).Code);
        Assert.Equal(7, await _work.RunAsync(Run, _ => 7));
    }

    [Fact]
    public async Task Run_ThatWasCancelled_IsStopped()
    {
        using var begun = new ManualResetEventSlim();
        var work = _work.RunAsync(Run, token =>
        {
            begun.Set();
            token.WaitHandle.WaitOne(TimeSpan.FromMinutes(1));
            token.ThrowIfCancellationRequested();
            return 0;
        });
        begun.Wait(TestContext.Current.CancellationToken);

        _ledger.Append(
            Run, LedgerKinds.Stage, "teardown", new StageInput(Run, RunStageName.Teardown, "giving back"));

        Assert.Equal("STOPPED", (await FaultAsync(work, TimeSpan.FromSeconds(1))).Code);
        Assert.Equal("STOPPED", (await FaultAsync(_work.RunAsync(Run, _ => 0))).Code);
    }

    [Fact]
    public async Task Run_BesideThirtyTwoThatHang_IsRefusedUntilTheyEnd()
    {
        var hanging = Enumerable.Range(0, 32).Select(_ => _work.RunAsync(Run, _ =>
        {
            _release.Wait(CancellationToken.None);
            return 0;
        })).ToList();
        foreach (var work in hanging)
        {
            Assert.Equal("INPUT_TIMEOUT", (await FaultAsync(work)).Code);
        }

        Assert.Equal("INPUT_STUCK", (await FaultAsync(_work.RunAsync(Run, _ => 0))).Code);
    }

    /// <summary>The only place is held by one that hangs: after some minutes the next run is read anyway.</summary>
    [Fact]
    public async Task Run_BehindOneThatHangs_IsReadAfterSomeMinutes()
    {
        using var patient = new InputWork(_ledger, new InputLimits(1, TimeSpan.FromDays(1)), _clock);
        var hanging = Enumerable.Range(0, 8).Select(_ => patient.RunAsync(Run, Hang)).ToList();
        var next = patient.RunAsync(Run, _ => 7);
        Assert.False(next.IsCompleted);

        Assert.Equal(7, await PassAsync(next));
        Assert.DoesNotContain(hanging, work => work.IsCompleted);

        // Those without a place are bounded: the ninth keeps the last one until its time is over.
        var ninth = patient.RunAsync(Run, Hang);
        var last = patient.RunAsync(Run, _ => 8);
        for (var minute = 0; minute < 60; minute++)
        {
            _clock.Advance(TimeSpan.FromMinutes(1));
            await Task.Delay(TimeSpan.FromMilliseconds(5), TestContext.Current.CancellationToken);
        }

        Assert.False(last.IsCompleted);
        _release.Set();
        Assert.Equal(8, await PassAsync(last));
        await PassAsync(Task.WhenAll([.. hanging, ninth]));

        int Hang(CancellationToken stop)
        {
            _release.Wait(CancellationToken.None);
            return 0;
        }
    }

    [Fact]
    public async Task Transfer_ThatGetsOn_MayTakeLongerThanARead()
    {
        var work = _work.TransferAsync(Run, async (alive, _) =>
        {
            for (var hour = 0; hour < 5; hour++)
            {
                _clock.Advance(TimeSpan.FromMinutes(25));
                alive();
                await Task.Delay(TimeSpan.FromMilliseconds(20), CancellationToken.None);
            }

            return 5;
        });

        Assert.Equal(5, await work);
    }

    [Fact]
    public async Task Transfer_ThatStandsStillOrWhoseRunIsCancelled_IsStopped()
    {
        var still = _work.TransferAsync(Run, StandAsync);
        Assert.Equal("INPUT_TIMEOUT", (await FaultAsync(still)).Code);

        var cancelled = _work.TransferAsync(Run, StandAsync);
        _ledger.Append(
            Run, LedgerKinds.Stage, "teardown", new StageInput(Run, RunStageName.Teardown, "giving back"));
        Assert.Equal("STOPPED", (await FaultAsync(cancelled, TimeSpan.FromSeconds(1))).Code);

        static async Task<int> StandAsync(Action alive, CancellationToken stop)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, stop);
            return 0;
        }
    }

    /// <summary>Lets time pass until a work has ended.</summary>
    private async Task<T> PassAsync<T>(Task<T> work)
    {
        while (await Task.WhenAny(work, Task.Delay(5, TestContext.Current.CancellationToken)) != work)
        {
            _clock.Advance(TimeSpan.FromMinutes(1));
        }

        return await work;
    }

    private async Task<RunFailure> FaultAsync(Task work, TimeSpan? step = null)
    {
        while (await Task.WhenAny(work, Task.Delay(5, TestContext.Current.CancellationToken)) != work)
        {
            _clock.Advance(step ?? TimeSpan.FromMinutes(10));
        }

        return (await Assert.ThrowsAsync<RunFaultException>(() => work)).Failure;
    }
}
