namespace Workflows.Artifacts;

/// <summary>Repeats calls that failed transiently, with growing pauses.</summary>
/// <param name="clock">Measures the pauses.</param>
/// <param name="firstPause">The first pause; each further one is twice as long, up to 16 times.</param>
/// <param name="patience">The least time for which a call is tried without any progress.</param>
internal sealed class Retry(TimeProvider clock, TimeSpan firstPause, TimeSpan patience = default)
{
    /// <summary>Tries without any progress after which a call has failed, if its patience is over too.</summary>
    public const int MostTries = 7;

    private static readonly TimeSpan LongestAsked = TimeSpan.FromMinutes(2);

    /// <summary>Returns the time from which patience counts.</summary>
    public long Begin() => clock.GetTimestamp();

    /// <summary>Returns whether a call has failed that was tried so many times since a moment.</summary>
    public bool IsOver(int attempt, long begun) =>
        attempt >= MostTries && clock.GetElapsedTime(begun) >= patience;

    /// <summary>Repeats a call until it succeeds, fails permanently, or has failed too often.</summary>
    /// <param name="call">The call; receives the number of the try, from 1.</param>
    /// <param name="isTransient">true if a fault is transient.</param>
    /// <param name="cancellation">Ends the pauses.</param>
    public async Task<T> RunAsync<T>(
        Func<int, Task<T>> call, Func<Exception, bool> isTransient, CancellationToken cancellation)
    {
        var begun = Begin();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await call(attempt);
            }
            catch (Exception exception) when (
                !IsOver(attempt, begun) && !cancellation.IsCancellationRequested && isTransient(exception))
            {
                await PauseAsync(attempt, null, cancellation);
            }
        }
    }

    /// <summary>Waits before the next try.</summary>
    /// <param name="attempt">The tries so far, from 1.</param>
    /// <param name="asked">The wait that the server requests; at most two minutes of it are kept.</param>
    /// <param name="cancellation">Ends the pause.</param>
    public Task PauseAsync(int attempt, TimeSpan? asked, CancellationToken cancellation)
    {
        // Random, so that workers that failed together do not retry together.
        var pause = firstPause * (1 << Math.Min(4, attempt - 1)) * (0.75 + (Random.Shared.NextDouble() / 2));
        return Task.Delay(
            asked is { } wanted ? wanted < LongestAsked ? wanted : LongestAsked : pause, clock, cancellation);
    }
}
