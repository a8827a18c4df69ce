using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Data;

/// <summary>
/// Reads users' files on threads of its own and within a time limit: a file that grows, a file system that hangs or a
/// cancelled run must not hold resources that other runs need.
/// </summary>
public class InputWork(RunLedger ledger, InputLimits limits, TimeProvider clock) : IDisposable
{
    /// <summary>Most threads that hang in the kernel and cannot be ended; beyond it, nothing is read any
    /// more.</summary>
    private const int MostLeftBehind = 32;

    /// <summary>Most works that go on without a place: each may hold the memory of one corpus.</summary>
    private const int MostSlow = 8;

    /// <summary>Time after which a work lets go of its place: some that hang must not keep every other run from being
    /// read.</summary>
    private static readonly TimeSpan SlowAfter = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1), Grace = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _places = new(limits.Places), _transfers = new(limits.Places);
    private int _leftBehind, _slow;

    /// <summary>Gets the most bytes of one part of a corpus, unpacked.</summary>
    public long Bytes => limits.Bytes;

    /// <summary>Does the work of one run when a place is free.</summary>
    /// <typeparam name="T">Its result.</typeparam>
    /// <param name="runId">The run; once it enters its teardown, the work is stopped.</param>
    /// <param name="read">The work; it must check its token often.</param>
    /// <returns>The result.</returns>
    /// <exception cref="RunFaultException">The time limit has passed, or the run was cancelled.</exception>
    public Task<T> RunAsync<T>(RunId runId, Func<CancellationToken, T> read) =>
        InPlaceAsync(runId, _places, (stop, _) => StartAsync(runId, read, stop));

    /// <summary>
    /// Copies something large, in places of its own; it may take any time while it makes progress.
    /// </summary>
    /// <typeparam name="T">Its result.</typeparam>
    /// <param name="runId">The run; once it enters its teardown, the work is stopped.</param>
    /// <param name="transfer">The work; it calls the action that it is given whenever it has made progress.</param>
    /// <returns>The result.</returns>
    /// <exception cref="RunFaultException">It made no progress for too long, or the run was cancelled.</exception>
    public Task<T> TransferAsync<T>(RunId runId, Func<Action, CancellationToken, Task<T>> transfer) =>
        InPlaceAsync(runId, _transfers, (stop, alive) => Task.Run(() => transfer(alive, stop), CancellationToken.None));

    /// <summary>Does work that reads no file of a user and has a deadline of its own.</summary>
    /// <param name="runId">The run; once it enters its teardown, the work is stopped.</param>
    /// <param name="work">The work; it must end soon when it is cancelled.</param>
    /// <returns>A task that completes when the work is done.</returns>
    /// <exception cref="RunFaultException">The run was cancelled.</exception>
    public async Task UntilOverAsync(RunId runId, Func<CancellationToken, Task> work)
    {
        ThrowIfOver(runId);
        using var stop = new CancellationTokenSource();
        var running = work(stop.Token);
        while (await Task.WhenAny(running, Task.Delay(Look, clock)) != running)
        {
            if (IsOver(runId))
            {
                await stop.CancelAsync();
                await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw Over(runId);
            }
        }

        await running;
    }

    private async Task<T> InPlaceAsync<T>(
        RunId runId, SemaphoreSlim places, Func<CancellationToken, Action, Task<T>> start)
    {
        // An orchestration ends only when its activities have ended, so a wait for a place must end with the run, too.
        while (!await places.WaitAsync(Look))
        {
            ThrowIfOver(runId);
        }

        var place = new Place(places);
        try
        {
            ThrowIfOver(runId);
            if (Volatile.Read(ref _leftBehind) >= MostLeftBehind)
            {
                throw new RunFaultException(
                    "INPUT_STUCK", $"{MostLeftBehind} reads of earlier runs hang in the file system of this machine.",
                    "Mend or unmount that file system, and start the service again.");
            }

            return await WithinLimitsAsync(runId, place, start);
        }
        finally
        {
            if (!place.Leave())
            {
                Interlocked.Decrement(ref _slow);
            }
        }
    }

    private async Task<T> WithinLimitsAsync<T>(
        RunId runId, Place place, Func<CancellationToken, Action, Task<T>> start)
    {
        using var stop = new CancellationTokenSource();
        var (slowAt, until) = (clock.GetUtcNow() + SlowAfter, clock.GetUtcNow() + limits.Time);
        var work = start(stop.Token, () => until = clock.GetUtcNow() + limits.Time);
        while (await Task.WhenAny(work, Task.Delay(Look, clock)) != work)
        {
            var (isOver, isLate) = (IsOver(runId), clock.GetUtcNow() >= until);
            if (!isOver && !isLate)
            {
                LeaveIfSlow(place, slowAt);
                continue;
            }

            await stop.CancelAsync();
            if (await Task.WhenAny(work, Task.Delay(Grace, clock)) != work)
            {
                LeaveBehind(work);
            }

            throw isOver ? Over(runId) : new RunFaultException(
                "INPUT_TIMEOUT",
                $"The files of the request were not read within "
                + $"{limits.Time.TotalMinutes.ToString("0.##", CultureInfo.InvariantCulture)} minutes.",
                "Bring smaller files, on a file system that answers; the limit is the setting Workflows:InputMinutes.");
        }

        return await work;
    }

    private void LeaveIfSlow(Place place, DateTimeOffset slowAt)
    {
        if (place.IsLeft || clock.GetUtcNow() < slowAt)
        {
            return;
        }

        if (Interlocked.Increment(ref _slow) > MostSlow)
        {
            Interlocked.Decrement(ref _slow);
        }
        else
        {
            place.Leave();
        }
    }

    /// <summary>
    /// Abandons a thread that hangs in a system call; its place becomes free for another run.
    /// </summary>
    private void LeaveBehind(Task work)
    {
        Interlocked.Increment(ref _leftBehind);
        _ = work.ContinueWith(
            done =>
            {
                _ = done.Exception;
                Interlocked.Decrement(ref _leftBehind);
            },
            TaskScheduler.Default);
    }

    /// <summary>Starts the work on a thread of its own.</summary>
    /// <typeparam name="T">Its result.</typeparam>
    /// <param name="runId">The run.</param>
    /// <param name="read">The work.</param>
    /// <param name="cancellation">Cancels the work.</param>
    /// <returns>The work.</returns>
    protected virtual Task<T> StartAsync<T>(
        RunId runId, Func<CancellationToken, T> read, CancellationToken cancellation) =>
        Task.Factory.StartNew(
            () => read(cancellation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Returns whether the orchestration has entered another stage since this work began.</summary>
    private bool IsOver(RunId runId) => RunParts.Current(ledger.Read(runId))
        .Where(entry => entry.Kind == LedgerKinds.Stage)
        .Select(entry => entry.Data.Deserialize<StageInput>(RunLedger.Json)!.Stage)
        .Any(stage => stage is RunStageName.Teardown or RunStageName.Report or RunStageName.Done);

    private void ThrowIfOver(RunId runId)
    {
        if (IsOver(runId))
        {
            throw Over(runId);
        }
    }

    private static RunFaultException Over(RunId runId) => new(
        "STOPPED", $"Run '{runId}' was stopped while its files were read.", "Nothing: the run has ended.");

    /// <inheritdoc />
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases resources.</summary>
    /// <param name="disposing">true if called by <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _places.Dispose();
            _transfers.Dispose();
        }
    }

    /// <summary>The place of one work.</summary>
    private sealed class Place(SemaphoreSlim places)
    {
        public bool IsLeft { get; private set; }

        /// <summary>Lets another work in; false if it did so before.</summary>
        public bool Leave()
        {
            if (IsLeft)
            {
                return false;
            }

            IsLeft = true;
            places.Release();
            return true;
        }
    }
}
