using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3;

/// <summary>
/// Computes trainings and decodings: on this machine's processor by ONNX Runtime (<see cref="OnnxExecutor"/>), or on
/// the devices of a PJRT plugin (<see cref="Lean.PjrtExecutor"/>). Both start from the same weights, read and write the
/// same checkpoints, and give the same results except for rounding.
/// </summary>
public abstract class Executor
{
    private protected Executor()
    {
    }

    /// <summary>Creates a decoder of a model.</summary>
    /// <param name="model">The model.</param>
    /// <returns>The decoder, owned by the caller.</returns>
    public abstract ITextDecoder CreateDecoder(Gemma3Checkpoint model);

    /// <summary>Refuses a training that does not fit, and decides how its checkpoints are written.</summary>
    /// <param name="config">Sizes of the model, which need not be loaded.</param>
    /// <param name="options">The training's options.</param>
    /// <returns>true if checkpoints can be written in the background.</returns>
    /// <exception cref="TrainingMemoryException">The training does not fit.</exception>
    public abstract bool RequireMemory(Gemma3Config config, FineTuneOptions options);

    /// <summary>Starts a training's state, from its first weights and moments of zero.</summary>
    /// <param name="model">The base model, whose frozen weights are read.</param>
    /// <param name="options">The training's options.</param>
    /// <param name="weights">The trained weights, which the session owns from now on.</param>
    /// <param name="examples">The training examples, which decide the shapes.</param>
    /// <param name="order">The order of the examples in batches.</param>
    internal abstract ITrainingSession CreateSession(
        Gemma3Checkpoint model, FineTuneOptions options, Dictionary<string, HostTensor> weights,
        IReadOnlyList<TrainingExample> examples, DataOrder order);
}
