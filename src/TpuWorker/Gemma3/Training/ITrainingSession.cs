using Workflows.TpuWorker.Gemma3.Decoding;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The examples and the rate of one step.</summary>
/// <param name="Number">Number of the step, from 1.</param>
/// <param name="LearningRate">Rate of its update.</param>
/// <param name="Batches">Batches whose gradients are summed, weighted by their answer tokens.</param>
internal sealed record TrainingStep(int Number, double LearningRate, IReadOnlyList<TrainingExample[]> Batches);

/// <summary>The figures of a step.</summary>
/// <param name="Loss">Mean loss of its answer tokens before the update, in nats.</param>
/// <param name="GradientNorm">Global norm of that loss's gradient before clipping.</param>
/// <param name="Tokens">Tokens of its examples, padding not counted.</param>
internal readonly record struct StepOutcome(double Loss, double GradientNorm, long Tokens);

/// <summary>
/// Owns weights, moments and programs of a training on the device that computes it. The caller decides the order of
/// calls, the session how a step is computed. Not thread-safe.
/// </summary>
internal interface ITrainingSession : IDisposable
{
    /// <summary>Examples of one pass; the session halves it while memory runs out.</summary>
    public int PassSize { get; set; }

    /// <summary>
    /// Trained weights and moments on the host: the state itself, or a copy as of the last <see cref="Download"/>.
    /// </summary>
    public TrainingTensors Tensors { get; }

    /// <summary>Called before each pass; tests throw out-of-memory errors here.</summary>
    public Action<BatchShape>? BeforePass { get; set; }

    /// <summary>Copies the state from the device to <see cref="Tensors"/>.</summary>
    public void Download();

    /// <summary>Copies <see cref="Tensors"/> to the device, after they were changed.</summary>
    public void Upload();

    /// <summary>Takes a step. If it fails or is cancelled, weights and moments stay as they were.</summary>
    /// <exception cref="TrainingDivergedException">Loss or gradient is not a finite number.</exception>
    /// <exception cref="TrainingMemoryException">Memory ran out even with a single example at a time.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before the update.</exception>
    public StepOutcome Step(TrainingStep step, CancellationToken cancellation);

    /// <summary>Measures the mean loss of the examples' answer tokens, without dropout.</summary>
    /// <param name="step">Steps done, for the message of a failure.</param>
    /// <param name="examples">The examples.</param>
    /// <param name="cancellation">Cancels the call.</param>
    public double MeanLoss(int step, IReadOnlyList<TrainingExample> examples, CancellationToken cancellation);

    /// <summary>Creates a decoder with the current weights; valid until the next step.</summary>
    public ITextDecoder CreateDecoder();
}
