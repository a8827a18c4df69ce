using System.Text;
using Workflows.Artifacts;
using Workflows.ModelFiles;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Host;

/// <summary>Runs one job and reports its end; no failure of a job ends the worker.</summary>
/// <param name="jobId">The job's id.</param>
/// <param name="clock">Measures rates and pauses.</param>
/// <param name="device">Computes.</param>
/// <param name="files">Copies the job's input to this machine, and its results back.</param>
/// <param name="report">Receives the progress.</param>
/// <param name="log">Receives events that are no failure of the job.</param>
internal sealed partial class JobRunner(
    string jobId, TimeProvider clock, IDevice device, JobFiles files, Action<Progress> report, TextWriter log)
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(250);
    private readonly (long Read, long Written) _movedBefore = files.Moved;
    private long _lastReport;

    /// <summary>Gets the bytes that this job has moved between this machine and buckets.</summary>
    public (long Read, long Written) Moved =>
        (files.Moved.Read - _movedBefore.Read, files.Moved.Written - _movedBefore.Written);

    public async Task<JobEnded> RunAsync(Job job, CancellationToken stop)
    {
        var end = await EndAsync(job, stop);
        (end.BytesRead, end.BytesWritten) = Moved;
        return end;
    }

    private async Task<JobEnded> EndAsync(Job job, CancellationToken stop)
    {
        device.OnStage = Hear;
        try
        {
            return job.KindCase switch
            {
                Job.KindOneofCase.Train => new JobEnded
                {
                    JobId = jobId,
                    Succeeded = true,
                    TrainResult = await Task.Run(() => TrainAsync(job.Train, stop), stop),
                },
                Job.KindOneofCase.Translate => await Task.Run(() => TranslateAsync(job.Translate, stop), stop),
                _ => Failed(
                    "UNKNOWN_JOB",
                    $"This worker does not know the job '{job.KindCase}'; it is older than the service."),
            };
        }
        catch (OperationCanceledException)
        {
            return Failed("STOPPED", "The job was stopped.");
        }
        catch (TpuWorkerException exception)
        {
            return Failed(exception.ErrorCode, exception.Message);
        }
        catch (ArtifactException exception)
        {
            return Failed(exception.ErrorCode, exception.Message);
        }
        catch (ModelFileException exception)
        {
            return Failed(exception.ErrorCode, exception.Message);
        }
        catch (Exception exception)
        {
            // The host's boundary: a job that throws any exception is a failed job, and is reported as such.
            return Failed("WORKER_FAILED", $"{exception.GetType().Name}: {exception.Message}");
        }
        finally
        {
            device.OnStage = null;
        }
    }

    private void Report(bool isDue, Progress progress)
    {
        if (isDue || clock.GetElapsedTime(_lastReport) >= ReportEvery)
        {
            (_lastReport, _hasBegun) = (clock.GetTimestamp(), true);
            Send(progress);
        }
    }

    private void Send(Progress progress)
    {
        (progress.BytesRead, progress.BytesWritten) = Moved;
        report(progress);
    }

    private static byte[] Lines(IEnumerable<string> lines) =>
        new UTF8Encoding(false).GetBytes(string.Concat(lines.Select(line => $"{line}\n")));

    private JobEnded Failed(string code, string message) =>
        new() { JobId = jobId, Succeeded = false, ErrorCode = code, ErrorMessage = message };
}
