using Workflows.Artifacts;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host;

/// <summary>Reports and counts the programs of a device, and keeps them for the run's next VM.</summary>
internal sealed partial class JobRunner
{
    private readonly Lock _compileLock = new();
    private CompileResult? _compile;
    private ProgramShare? _programs;
    private volatile bool _hasBegun;
    private int _steps;

    /// <summary>Downloads the programs that earlier VMs of the run have compiled.</summary>
    private async Task BringProgramsAsync(string directory, CancellationToken stop)
    {
        if (directory.Length > 0 && device.ProgramFolder is { } folder)
        {
            _programs = new ProgramShare(files.Store, ArtifactUri.Parse(directory), folder, log);
            await _programs.BringAsync(stop);
        }
    }

    private Task ShareProgramsAsync(CancellationToken stop) => _programs?.ShareAsync(stop) ?? Task.CompletedTask;

    /// <summary>Returns the programs compiled so far; null for none.</summary>
    private CompileResult? Compiled()
    {
        lock (_compileLock)
        {
            return _compile?.Clone();
        }
    }

    /// <summary>Counts a program, and reports the stages before the first step, which may take many minutes.</summary>
    private void Hear(ExecutorStage stage)
    {
        if (stage.Ready is { } ready)
        {
            lock (_compileLock)
            {
                _compile ??= new CompileResult();
                _compile.Seconds += ready.Seconds;
                _ = ready.WasLoaded ? _compile.Loaded++ : _compile.Compiled++;
            }
        }

        if (!_hasBegun)
        {
            Send(new Progress
            {
                JobId = jobId,
                Step = CheckpointStep,
                Steps = Math.Max(_steps, CheckpointStep),
                CheckpointStep = CheckpointStep,
                Detail = stage.Text,
            });
        }
    }
}
