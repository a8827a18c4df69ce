using System.Numerics.Tensors;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// A training on the processor: ONNX Runtime computes the gradients of each pass, managed code the update, all in the
/// host's memory. A step can be interrupted and repeated.
/// </summary>
internal sealed class OnnxTrainingSession : ITrainingSession
{
    // A program holds one pass's activations; beyond this many shapes the least recently used is dropped.
    private const int MaxPrograms = 24;

    private readonly Gemma3Checkpoint _base;
    private readonly FineTuneOptions _options;
    private readonly Dictionary<string, HostTensor> _weights;
    private readonly Dictionary<string, HostTensor> _gradients;
    private readonly AdamW _optimizer;
    private readonly ProgramCache<BatchShape, GradientProgram> _programs = new(MaxPrograms);
    private readonly ProgramCache<BatchShape, GradientProgram> _measures = new(MaxPrograms);
    private Dictionary<string, HostTensor>? _sums;

    public OnnxTrainingSession(
        Gemma3Checkpoint model, FineTuneOptions options, Dictionary<string, HostTensor> weights)
    {
        (_base, _options, _weights, PassSize) = (model, options, weights, options.PassSize);
        _gradients = TrainingTensors.Zeros(weights);
        _optimizer = new AdamW(options, weights, _gradients);
        Tensors = new TrainingTensors(weights, _optimizer.FirstMoments, _optimizer.SecondMoments);
    }

    /// <inheritdoc />
    public int PassSize { get; set; }

    /// <inheritdoc />
    public TrainingTensors Tensors { get; }

    /// <inheritdoc />
    public Action<BatchShape>? BeforePass { get; set; }

    /// <inheritdoc />
    public void Download()
    {
        // The tensors are the state itself.
    }

    /// <inheritdoc />
    public void Upload()
    {
        // The tensors are the state itself.
    }

    /// <inheritdoc />
    public StepOutcome Step(TrainingStep step, CancellationToken cancellation)
    {
        var (loss, answerTokens, tokens) = WithLessMemory(
            step.Number, () => AccumulateGradients(step, cancellation));
        loss /= answerTokens;
        var norm = _optimizer.GradientNorm() / answerTokens;
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            throw new TrainingDivergedException(step.Number, loss, norm);
        }

        // The epsilon is the reference's, so that clipped steps are equal.
        var clip = Math.Min(1, _options.MaxGradientNorm / (norm + 1e-6));
        _optimizer.Step(step.Number, step.LearningRate, clip / answerTokens);
        return new StepOutcome(loss, norm, tokens);
    }

    /// <inheritdoc />
    public double MeanLoss(int step, IReadOnlyList<TrainingExample> examples, CancellationToken cancellation) =>
        WithLessMemory(step, () =>
        {
            var (sum, answers) = (0.0, 0);
            foreach (var pass in examples.OrderBy(example => example.Tokens.Length).Chunk(PassSize))
            {
                var program = _measures.Get(BatchShape.Of(pass, PassSize), shape => new GradientProgram(
                    _base.Config, _base.EmbeddingNormalizer, shape, _options.Threads, Bound(),
                    new Dictionary<string, HostTensor>(), _options.Lora));
                var (loss, count) = program.Run(BatchLayout.Alone(pass, PassSize), 0, cancellation);
                (sum, answers) = (sum + loss, answers + count);
            }

            return sum / answers;
        });

    /// <inheritdoc />
    public ITextDecoder CreateDecoder() => new OnnxTextDecoder(
        _options.Lora is { } lora
            ? new LoraAdapter(lora, _weights).Merge(_base)
            : new Gemma3Checkpoint(_base.Config, _base.Precision, _weights, _base.SourceDirectory),
        _options.Threads);

    /// <inheritdoc />
    public void Dispose()
    {
        _programs.Dispose();
        _measures.Dispose();
    }

    /// <summary>
    /// Repeats the work with passes half as large while memory runs out. The weights are unchanged, so nothing is lost,
    /// and the effective batch size stays the same.
    /// </summary>
    private T WithLessMemory<T>(int step, Func<T> work)
    {
        while (true)
        {
            try
            {
                return work();
            }
            catch (OutOfMemoryException) when (PassSize > 1)
            {
                _programs.Dispose();
                _measures.Dispose();
                PassSize = (PassSize + 1) / 2;
            }
            catch (OutOfMemoryException)
            {
                throw TrainingMemoryException.Exhausted(step);
            }
        }
    }

    private (double LossSum, int AnswerTokens, long Tokens) AccumulateGradients(
        TrainingStep step, CancellationToken cancellation)
    {
        var (loss, answerTokens, tokens) = (0.0, 0, 0L);
        var passes = step.Batches.SelectMany(batch => batch.Chunk(PassSize)).ToArray();
        for (var pass = 0; pass < passes.Length; pass++)
        {
            var seed = DropoutSeeds.Of(_options, step.Number - 1, pass);
            var (passLoss, passAnswers) = RunPass(passes[pass], seed, cancellation);
            (loss, answerTokens) = (loss + passLoss, answerTokens + passAnswers);
            tokens += passes[pass].Sum(example => (long)example.Tokens.Length);
            if (passes.Length > 1)
            {
                AddToSums(isFirst: pass == 0);
            }
        }

        _optimizer.ReadFrom(passes.Length > 1 ? _sums! : _gradients);
        return (loss, answerTokens, tokens);
    }

    private (double LossSum, int AnswerTokens) RunPass(
        TrainingExample[] examples, int dropoutSeed, CancellationToken cancellation)
    {
        var layout = _options.Pack ? BatchLayout.Packed(examples) : BatchLayout.Alone(examples, PassSize);
        BeforePass?.Invoke(layout.Shape);
        var program = _programs.Get(layout.Shape, shape => new GradientProgram(
            _base.Config, _base.EmbeddingNormalizer, shape, _options.Threads, Bound(), _gradients, _options.Lora));
        return program.Run(layout, dropoutSeed, cancellation);
    }

    private void AddToSums(bool isFirst)
    {
        _sums ??= TrainingTensors.Zeros(_gradients);
        foreach (var (name, sum) in _sums)
        {
            var gradient = _gradients[name].Floats;
            if (isFirst)
            {
                gradient.CopyTo(sum.Floats, 0);
            }
            else
            {
                TensorPrimitives.Add(sum.Floats, gradient, sum.Floats);
            }
        }
    }

    /// <summary>Returns every weight that a pass reads, trained or frozen.</summary>
    private Dictionary<string, HostTensor> Bound() => _options.Lora is null
        ? _weights
        : new Dictionary<string, HostTensor>(_base.Parameters.Concat(_weights), StringComparer.Ordinal);
}
