using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host;

/// <summary>Ends a training early, on request.</summary>
internal sealed partial class JobRunner
{
    private readonly Lock _finishLock = new();
    private int _finishAfter;
    private Action? _breakOff;

    /// <summary>Gets the job's id.</summary>
    public string JobId => jobId;

    /// <summary>Ends the training after a step, or after the step that is done already; at any time, and as often as it
    /// is asked for. Other jobs go on.</summary>
    /// <param name="afterStep">The step; less than 1 is 1, since without a step there is no tuned model.</param>
    public void Finish(int afterStep)
    {
        lock (_finishLock)
        {
            if (_finishAfter == 0)
            {
                _finishAfter = Math.Max(1, afterStep);
                _breakOff?.Invoke();
            }
        }
    }

    /// <summary>
    /// Trains to the last step, or to an early end: then the training is broken off with a checkpoint of its last whole
    /// step, as by a stop, and goes on from that checkpoint to its new end, which it may have reached.
    /// </summary>
    private async Task<TrainResult> TrainToEndAsync(TrainJob local, CancellationToken stop)
    {
        var (meter, begun) = (new TrainingMeter(clock), clock.GetTimestamp());
        var from = CheckpointUploads.NewestIn(local.CheckpointDirectory);
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(stop);
        try
        {
            if (BreakOffBy(local, broken))
            {
                return await device.TrainAsync(local, step => Tell(step, meter, stop), broken.Token);
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested && _finishAfter > 0)
        {
            await log.WriteLineAsync($"{jobId}: ends early, after step {_finishAfter} or the newest one");
        }
        finally
        {
            lock (_finishLock)
            {
                _breakOff = null;
            }
        }

        local.FinishAfterStep = _finishAfter;
        var result = await device.TrainAsync(local, step => Tell(step, meter, stop), stop);

        // Of all the work on this machine, not only of its end.
        result.ResumedFromStep = from;
        result.TokensPerSecond = Math.Max(result.TokensPerSecond, meter.TokensPerSecond);
        result.FinalLoss = meter.RecentLoss ?? result.FinalLoss;
        result.Seconds = clock.GetElapsedTime(begun).TotalSeconds;
        return result;
    }

    /// <summary>Lets a request for an early end break off the training that begins.</summary>
    /// <returns>false if it was asked for before.</returns>
    private bool BreakOffBy(TrainJob job, CancellationTokenSource broken)
    {
        lock (_finishLock)
        {
            if (_finishAfter == 0)
            {
                // A job that was given with its early end has the end in itself.
                _finishAfter = job.FinishAfterStep;
                _breakOff = _finishAfter > 0 ? null : broken.Cancel;
                return true;
            }

            return false;
        }
    }
}

/// <summary>Keeps requests to end trainings early until their jobs begin.</summary>
internal sealed class FinishOrders
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> _orders =
        new(StringComparer.Ordinal);

    /// <summary>Receives a request.</summary>
    /// <param name="order">The request.</param>
    /// <param name="current">Returns the runner of the current job; null for none. It is asked for once the request is
    /// kept, so that a job that begins meanwhile finds it.</param>
    public void Give(FinishJob order, Func<JobRunner?> current)
    {
        _orders[order.JobId] = order.AfterStep;
        if (current() is { } runner && runner.JobId == order.JobId)
        {
            runner.Finish(order.AfterStep);
        }
    }

    /// <summary>Passes on what a job was told before it began.</summary>
    /// <param name="runner">Runs the job, and is the current one already.</param>
    public void Pass(JobRunner runner)
    {
        if (_orders.TryRemove(runner.JobId, out var step))
        {
            runner.Finish(step);
        }
    }
}
