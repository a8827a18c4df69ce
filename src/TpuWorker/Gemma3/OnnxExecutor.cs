using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>Computes on this machine's processor, in single precision.</summary>
/// <param name="threads">Threads of the numeric loops of decoding, 1 or more; trainings have their own option.</param>
public sealed class OnnxExecutor(int threads) : Executor
{
    /// <inheritdoc />
    public override ITextDecoder CreateDecoder(Gemma3Checkpoint model) => new OnnxTextDecoder(model, threads);

    /// <inheritdoc />
    public override bool RequireMemory(Gemma3Config config, FineTuneOptions options) =>
        FineTuner.RequireMemory(config, options);

    /// <inheritdoc />
    internal override ITrainingSession CreateSession(
        Gemma3Checkpoint model, FineTuneOptions options, Dictionary<string, HostTensor> weights,
        IReadOnlyList<TrainingExample> examples, DataOrder order) => new OnnxTrainingSession(model, options, weights);
}
