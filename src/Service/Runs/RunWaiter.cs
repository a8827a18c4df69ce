using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>A wait for the end of a run, as a caller asks for it.</summary>
/// <param name="Timeout">Most time of the wait.</param>
/// <param name="Interval">Time between two looks.</param>
internal sealed record RunWait(TimeSpan Timeout, TimeSpan Interval)
{
    /// <summary>The query parameters.</summary>
    public const string TimeoutName = "timeout", IntervalName = "pollingInterval";

    private const double MostTimeout = 600, LeastInterval = 1, MostInterval = 60;

    /// <summary>The time of a wait whose caller names the interval alone, as in Durable Functions.</summary>
    private const double DefaultTimeout = 10;

    /// <summary>Reads the parameters of a wait.</summary>
    /// <param name="query">The query.</param>
    /// <param name="errors">Receives the faults.</param>
    /// <returns>The wait; null for none.</returns>
    public static RunWait? Of(IQueryCollection query, List<FieldError> errors)
    {
        var hasTimeout = query.ContainsKey(TimeoutName);
        if (!hasTimeout && !query.ContainsKey(IntervalName))
        {
            return null;
        }

        var before = errors.Count;
        var timeout = hasTimeout
            ? Seconds(query, TimeoutName, LeastInterval, MostTimeout, errors) : DefaultTimeout;
        var interval = query.ContainsKey(IntervalName)
            ? Seconds(query, IntervalName, LeastInterval, MostInterval, errors) : LeastInterval;
        if (errors.Count == before && interval > timeout)
        {
            errors.Add(new FieldError(
                IntervalName, "It is longer than the whole wait.",
                $"Use {TimeoutName} at most, which is {timeout.ToString(CultureInfo.InvariantCulture)} seconds."));
        }

        return errors.Count > before
            ? null : new RunWait(TimeSpan.FromSeconds(timeout), TimeSpan.FromSeconds(interval));
    }

    private static double Seconds(
        IQueryCollection query, string field, double least, double most, List<FieldError> errors)
    {
        var given = query[field];
        if (double.TryParse(given, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            && seconds >= least && seconds <= most)
        {
            return seconds;
        }

        errors.Add(new FieldError(
            field, $"'{SafeText.Of(given, 50)}' is no time of a wait.",
            string.Create(CultureInfo.InvariantCulture, $"Use {least} to {most} seconds, or leave it out.")));
        return least;
    }
}

/// <summary>Waits for the end of runs, between the looks without a thread.</summary>
internal sealed class RunWaiter(RunService runs, TimeProvider clock)
{
    /// <summary>Waits until a run has ended, the time is over, or the wait is cancelled.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="wait">The wait.</param>
    /// <param name="end">Cancelled when the client has gone, or the service stops.</param>
    /// <returns>The run with its request if it has ended; null if not, or if it is unknown.</returns>
    public async Task<RunView?> WaitAsync(RunId runId, RunWait wait, CancellationToken end)
    {
        var began = clock.GetTimestamp();
        while (!end.IsCancellationRequested)
        {
            try
            {
                if (await runs.FindAsync(runId, end, withInput: true) is var run && run is null or { HasEnded: true })
                {
                    return run;
                }
            }
            catch (Exception exception) when (exception is Grpc.Core.RpcException or OperationCanceledException)
            {
                // The wait outlives an engine that restarts: a start is made already, and is answered as such.
            }

            var left = wait.Timeout - clock.GetElapsedTime(began);
            if (left <= TimeSpan.Zero)
            {
                return null;
            }

            await Task.Delay(left < wait.Interval ? left : wait.Interval, clock, end)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return null;
    }
}
