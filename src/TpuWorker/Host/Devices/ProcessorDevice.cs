using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host.Devices;

/// <summary>This machine's processor, in this process.</summary>
internal sealed class ProcessorDevice(TimeProvider clock) : IDevice
{
    private static readonly OnnxExecutor Executor = new(TrainWork.Threads);

    /// <inheritdoc />
    public string Description => "onnxruntime cpu";

    /// <inheritdoc />
    public string? ProgramFolder => null;

    /// <inheritdoc />
    public Action<ExecutorStage>? OnStage { get; set; }

    /// <inheritdoc />
    public Task<TrainResult> TrainAsync(TrainJob job, Action<TrainingProgress> onStep, CancellationToken stop) =>
        Task.Run(() => TrainWork.Run(job, Executor, clock, onStep, stop), stop);

    /// <inheritdoc />
    public Task<int[][]> DecodeAsync(DecodeWork work, Action<int> onCompleted, CancellationToken stop) =>
        Task.Run(() => TrainWork.Decode(work, Executor, onCompleted, stop), stop);

    /// <inheritdoc />
    public ValueTask DisposeAsync() => default;
}
