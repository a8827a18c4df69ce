using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>
/// Does the numeric work of trainings and decodings: on this machine's processor by ONNX Runtime (<see
/// cref="OnnxExecutor"/>), or on the devices of a PJRT plugin (<see cref="Lean.PjrtExecutor"/>). Both start from the
/// same weights, read and write the same checkpoints, and give the same results but for rounding.
/// </summary>
public abstract class Executor
{
    private protected Executor()
    {
    }

    /// <summary>Decodes with a model.</summary>
    /// <param name="model">The model.</param>
    /// <returns>The decoder, owned by the caller.</returns>
    public abstract ITextDecoder CreateDecoder(Gemma3Checkpoint model);

    /// <summary>Refuses a training that does not fit, and decides how its checkpoints are written.</summary>
    /// <param name="config">Sizes of the model, which need not be loaded.</param>
    /// <param name="options">How it will be trained.</param>
    /// <returns>True if checkpoints can be written in the background.</returns>
    /// <exception cref="TrainingMemoryException">The training does not fit.</exception>
    public abstract bool RequireMemory(Gemma3Config config, FineTuneOptions options);

    /// <summary>Starts a training's state, from its first weights and moments of zero.</summary>
    /// <param name="model">The base model, whose weights are read where they are frozen.</param>
    /// <param name="options">How to train.</param>
    /// <param name="weights">The trained weights; the session's own from now on.</param>
    /// <param name="examples">What is learned from, which decides the shapes.</param>
    /// <param name="order">Which examples make up which batch.</param>
    internal abstract ITrainingSession CreateSession(
        Gemma3Checkpoint model, FineTuneOptions options, Dictionary<string, HostTensor> weights,
        IReadOnlyList<TrainingExample> examples, DataOrder order);
}
