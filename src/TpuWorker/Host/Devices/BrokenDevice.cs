using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host.Devices;

/// <summary>
/// Chips that exist but do not compute. The worker reports so in its hello and in each job's end: it never falls back
/// to the processor of a machine that is paid for its TPU.
/// </summary>
internal sealed class BrokenDevice(DeviceException fault) : IDevice
{
    /// <inheritdoc />
    public string Description => $"tpu, out of order: {fault.Message}";

    /// <inheritdoc />
    public string? ProgramFolder => null;

    /// <inheritdoc />
    public Action<ExecutorStage>? OnStage { get; set; }

    /// <inheritdoc />
    public Task<TrainResult> TrainAsync(TrainJob job, Action<TrainingProgress> onStep, CancellationToken stop) =>
        Task.FromException<TrainResult>(fault);

    /// <inheritdoc />
    public Task<int[][]> DecodeAsync(DecodeWork work, Action<int> onCompleted, CancellationToken stop) =>
        Task.FromException<int[][]>(fault);

    /// <inheritdoc />
    public ValueTask DisposeAsync() => default;
}
