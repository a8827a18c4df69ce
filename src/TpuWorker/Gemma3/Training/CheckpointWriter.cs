namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Writes checkpoints while training goes on: a copy is taken, and written by a thread of its own. One is in flight at
/// a time; the next waits for it. A fault comes out of the next call.
/// </summary>
/// <param name="checkpoints">Where to.</param>
/// <param name="isBackground">False to write within the call, without a copy.</param>
internal sealed class CheckpointWriter(TrainingCheckpoints checkpoints, bool isBackground)
{
    private TrainingTensors? _copy;
    private Task<(string Path, int Step)>? _inFlight;
    private (string Path, int Step)? _unreported;

    /// <summary>The newest whole checkpoint; null for none.</summary>
    public (string Path, int Step)? Newest { get; private set; }

    /// <summary>Says that a checkpoint is there already.</summary>
    public void Found(string path, int step) => Newest = (path, step);

    /// <summary>Writes the state as it is now, whatever is done to the tensors afterwards.</summary>
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

    /// <summary>The checkpoint that became whole since the last call, if one did.</summary>
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
