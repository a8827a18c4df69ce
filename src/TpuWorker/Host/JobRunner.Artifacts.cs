using Workflows.Artifacts;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host;

/// <summary>Reads and writes the artifacts of a training, by address.</summary>
internal sealed partial class JobRunner
{
    /// <summary>Time for the upload of the last checkpoint, within the notice of a spot VM.</summary>
    private static readonly TimeSpan UploadNotice = TimeSpan.FromSeconds(20);

    private CheckpointUploads? _uploads;

    /// <summary>Gets the newest step from which another VM can resume; 0 for none.</summary>
    public int CheckpointStep { get; private set; }

    /// <summary>Tells what the job leaves behind when its VM is taken away.</summary>
    public Draining Draining() => new()
    {
        CheckpointStep = CheckpointStep,
        BytesRead = Moved.Read,
        BytesWritten = Moved.Written,
    };

    /// <summary>
    /// Trains on copies of the job's artifacts, and writes the results back. The tuned model appears last, with its
    /// card and its adapter.
    /// </summary>
    private async Task<TrainResult> TrainAsync(TrainJob job, CancellationToken stop)
    {
        files.KeepOnly(job.ModelDirectory, job.PairsFile, job.ValidationFile);
        var local = job.Clone();
        local.ModelDirectory = await files.ModelAsync(job.ModelDirectory, stop);
        local.PairsFile = await files.FileAsync(job.PairsFile, stop);
        local.BaseModel = job.BaseModel.Length > 0 ? job.BaseModel : job.ModelDirectory;
        if (job.ValidationFile.Length > 0)
        {
            local.ValidationFile = await files.FileAsync(job.ValidationFile, stop);
        }

        var output = ArtifactUri.Parse(job.OutputDirectory);
        local.OutputDirectory = output.Scheme == ArtifactScheme.File
            ? $"{output.Path}.parts"
            : files.ResultsOf("tuned", output);
        _steps = job.Steps;
        _uploads = await CheckpointsAsync(job, local, stop);
        await BringProgramsAsync(job.ProgramDirectory, stop);
        TrainResult result;
        try
        {
            result = await TrainToEndAsync(local, stop);
            result.Compile = Compiled();
        }
        catch
        {
            // The last complete step is in a local checkpoint; another VM resumes from it if it arrives in time.
            await EndUploadsAsync(local, UploadNotice);
            throw;
        }

        await EndUploadsAsync(local, limit: null);
        await ShareProgramsAsync(stop);
        if (output.Scheme == ArtifactScheme.File)
        {
            Replace(local.OutputDirectory, output.Path);
        }
        else
        {
            await new ArtifactTree(files.Store).WriteAsync(output, local.OutputDirectory, stop);
        }

        return result;
    }

    /// <summary>If checkpoints are in a store: downloads the newest, and uploads new ones.</summary>
    private async Task<CheckpointUploads?> CheckpointsAsync(TrainJob job, TrainJob local, CancellationToken stop)
    {
        var root = ArtifactUri.Parse(job.CheckpointDirectory);
        if (root.Scheme == ArtifactScheme.File)
        {
            local.CheckpointDirectory = root.Path;
            return null;
        }

        var keep = TrainSettings.Options(job, TrainWork.Threads).KeepCheckpoints;
        local.CheckpointDirectory = files.ResultsOf("checkpoints", root);

        // One more is kept locally, since the second newest may still be uploading.
        local.KeepCheckpoints = keep + 1;
        var uploads = new CheckpointUploads(files.Store, root, local.CheckpointDirectory, keep);
        await uploads.RestoreAsync(stop);
        CheckpointStep = uploads.Step;
        return uploads;
    }

    private async Task EndUploadsAsync(TrainJob local, TimeSpan? limit)
    {
        if (_uploads is not null)
        {
            await _uploads.FinishAsync(limit);
        }

        CheckpointStep = _uploads?.Step ?? CheckpointUploads.NewestIn(local.CheckpointDirectory);
    }

    private static void Replace(string made, string target)
    {
        var old = $"{target}.replaced";
        if (Directory.Exists(old))
        {
            Directory.Delete(old, recursive: true);
        }

        if (Directory.Exists(target))
        {
            Directory.Move(target, old);
        }

        Directory.Move(made, target);
        if (Directory.Exists(old))
        {
            Directory.Delete(old, recursive: true);
        }
    }
}
