namespace Workflows.Artifacts;

/// <summary>Repeats calls that failed in a way that passes by itself, with growing pauses.</summary>
/// <param name="clock">Measures the pauses.</param>
/// <param name="firstPause">The first pause; each further one is twice as long, up to 16 times.</param>
/// <param name="patience">How long a call is tried at least without any progress.</param>
internal sealed class Retry(TimeProvider clock, TimeSpan firstPause, TimeSpan patience = default)
{
    /// <summary>Tries without any progress after which a call has failed, where its patience is over too.</summary>
    public const int MostTries = 7;

    private static readonly TimeSpan LongestAsked = TimeSpan.FromMinutes(2);

    /// <summary>The moment from which patience counts.</summary>
    public long Begin() => clock.GetTimestamp();

    /// <summary>Returns whether a call has failed that was tried so often since a moment.</summary>
    public bool IsOver(int attempt, long begun) =>
        attempt >= MostTries && clock.GetElapsedTime(begun) >= patience;

    /// <summary>Calls until it succeeds, fails for good, or has failed too often.</summary>
    /// <param name="call">The call; gets the number of the try, from 1.</param>
    /// <param name="isTransient">true if a fault may pass.</param>
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
    /// <param name="asked">The wait that the server asks for; it is kept up to two minutes.</param>
    /// <param name="cancellation">Ends the pause.</param>
    public Task PauseAsync(int attempt, TimeSpan? asked, CancellationToken cancellation)
    {
        // Workers that failed together shall not come back together.
        var pause = firstPause * (1 << Math.Min(4, attempt - 1)) * (0.75 + (Random.Shared.NextDouble() / 2));
        return Task.Delay(
            asked is { } wanted ? wanted < LongestAsked ? wanted : LongestAsked : pause, clock, cancellation);
    }
}
