namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Writes checkpoints while training continues: the state is copied, and a separate thread writes the copy. One is in
/// flight at a time; the next waits for it. The next call throws the exception of a failed write.
/// </summary>
/// <param name="checkpoints">The checkpoints to write to.</param>
/// <param name="isBackground">false to write within the call, without a copy.</param>
internal sealed class CheckpointWriter(TrainingCheckpoints checkpoints, bool isBackground)
{
    private TrainingTensors? _copy;
    private Task<(string Path, int Step)>? _inFlight;
    private (string Path, int Step)? _unreported;

    /// <summary>The newest complete checkpoint; null for none.</summary>
    public (string Path, int Step)? Newest { get; private set; }

    /// <summary>Sets a checkpoint that exists already.</summary>
    public void Found(string path, int step) => Newest = (path, step);

    /// <summary>Writes the current state; later changes of the tensors do not affect it.</summary>
    public void Write(TrainingManifest state, TrainingTensors tensors)
    {
        Finish();
        if (!isBackground)
        {
            _unreported = Newest = (checkpoints.Write(state, tensors), state.Step);
            return;
        }

        if (_copy is null)
        {
            _copy = tensors.Copy();
        }
        else
        {
            tensors.CopyTo(_copy);
        }

        var copy = _copy;
        _inFlight = Task.Run(() => (checkpoints.Write(state, copy), state.Step));
    }

    /// <summary>Waits until nothing is being written.</summary>
    public void Finish()
    {
        if (_inFlight is { } task)
        {
            _inFlight = null;
            _unreported = Newest = task.GetAwaiter().GetResult();
        }
    }

    /// <summary>Returns the checkpoint that was completed since the last call; null for none.</summary>
    public string? TakeReport()
    {
        if (_inFlight is { IsCompleted: true })
        {
            Finish();
        }

        var path = _unreported?.Path;
        _unreported = null;
        return path;
    }
}
