using System.Diagnostics;
using System.Numerics.Tensors;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Fine-tuning of a Gemma 3 model on the CPU, of all weights or of a low-rank adapter: AdamW on the mean loss of the
/// answer tokens. What comes out is decided by model, options and examples alone; stopping and resuming changes no bit
/// of it on the same machine. Not thread-safe.
/// </summary>
public sealed class FineTuner : IDisposable
{
    // A program holds one pass's activations; beyond this many shapes the least recently used is dropped.
    private const int MaxPrograms = 24;

    private readonly Gemma3Checkpoint _base;
    private readonly FineTuneOptions _options;
    private readonly List<TrainingExample> _examples;
    private readonly DataOrder _order;
    private readonly string _fingerprint;

    // The trained weights only: a copy of the model's, or the adapter's.
    private readonly Dictionary<string, HostTensor> _weights;
    private readonly Dictionary<string, HostTensor> _gradients;
    private readonly Dictionary<string, float[]>? _sums;
    private readonly AdamW _optimizer;
    private readonly ProgramCache<BatchShape, GradientProgram> _programs = new(MaxPrograms);

    /// <summary>Prepares a training; nothing is compiled or written yet.</summary>
    /// <param name="model">The base model; not changed: trained weights are a copy, frozen ones are shared.</param>
    /// <param name="options">How to train; read once, here.</param>
    /// <param name="examples">What to learn from; not copied, must not change.</param>
    /// <exception cref="ModelInputException">
    /// An option or example is out of range, or no example is short enough.
    /// </exception>
    public FineTuner(Gemma3Checkpoint model, FineTuneOptions options, IReadOnlyList<TrainingExample> examples)
    {
        options.Validate();
        (_base, _options) = (model, options);
        RequireUsable(model.Config, examples);
        _examples = [.. examples.Where(example => example.Tokens.Length <= options.MaxLength)];
        if (_examples.Count == 0)
        {
            throw new ModelInputException("examples", $"are {examples.Count}, none within {options.MaxLength} tokens");
        }

        SkippedExamples = examples.Count - _examples.Count;
        _order = new DataOrder(
            [.. _examples.Select(example => example.Tokens.Length)], options.BatchSize, options.Seed);
        _fingerprint = TrainingFingerprint.Of(model, options, _examples);
        var trained = options.Lora is null
            ? model.Parameters
            : LoraAdapter.Create(model.Config, options.Lora, options.Seed).Tensors;
        _weights = Copy(trained, tensor => (float[])tensor.Floats.Clone());
        _gradients = Copy(trained, tensor => new float[tensor.Shape.Count]);
        _sums = options.AccumulationSteps == 1
            ? null
            : trained.ToDictionary(entry => entry.Key, entry => new float[entry.Value.Shape.Count]);
        _optimizer = new AdamW(
            options, _weights,
            _sums is null ? _gradients : Copy(_gradients, _sums));
    }

    /// <summary>Examples left out because they are longer than the options allow.</summary>
    public int SkippedExamples { get; }

    /// <summary>
    /// Trains to the last step, going on from the newest whole checkpoint of the directory if there is one.
    /// </summary>
    /// <param name="checkpointDirectory">Where checkpoints are kept; created when the first is written.</param>
    /// <param name="onStep">Called after every step, on this thread.</param>
    /// <param name="cancellationToken">Looked at between steps.</param>
    /// <returns>The outcome; the tuned weights are had from <see cref="CreateCheckpoint"/>.</returns>
    /// <exception cref="OperationCanceledException">
    /// Cancelled, after a checkpoint of the current step was written.
    /// </exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient is not a finite number.</exception>
    /// <exception cref="CheckpointMismatchException">The directory holds another training.</exception>
    public TrainingResult Run(
        string checkpointDirectory, Action<TrainingProgress> onStep, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var checkpoints = new TrainingCheckpoints(checkpointDirectory, _options.KeepCheckpoints);
        var damaged = new List<string>();
        var resumed = checkpoints.LoadNewest(_fingerprint, _weights, _optimizer, damaged);
        var state = resumed?.Manifest ?? Beginning();
        var newest = resumed?.Path;
        while (state.Step < _options.Steps)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                _ = newest ?? checkpoints.Write(state, _weights, _optimizer);
                cancellationToken.ThrowIfCancellationRequested();
            }

            (state, var progress) = TakeStep(state);
            var isDue = state.Step == _options.Steps
                || (_options.CheckpointEverySteps > 0 && state.Step % _options.CheckpointEverySteps == 0);
            newest = isDue ? checkpoints.Write(state, _weights, _optimizer) : null;
            onStep(progress with { CheckpointPath = newest });
        }

        return new TrainingResult(
            _options.Steps, resumed?.Manifest.Step ?? 0, state.Tokens, state.FirstLoss, state.LastLoss,
            Stopwatch.GetElapsedTime(started), SkippedExamples, damaged, newest!);
    }

    /// <summary>The weights as they are now, as a model of their own that can be decoded with or saved.</summary>
    /// <returns>
    /// A copy, stored at the base model's precision and with its tokenizer files; an adapter is merged into it.
    /// </returns>
    public Gemma3Checkpoint CreateCheckpoint() => _options.Lora is not null
        ? CreateAdapter().Merge(_base)
        : new Gemma3Checkpoint(
            _base.Config, _base.Precision, Copy(_weights, tensor => (float[])tensor.Floats.Clone()),
            _base.SourceDirectory);

    /// <summary>The adapter as it is now.</summary>
    /// <returns>A copy that can be saved or merged.</returns>
    /// <exception cref="InvalidOperationException">This is full fine-tuning, which has no adapter.</exception>
    public LoraAdapter CreateAdapter() => _options.Lora is { } lora
        ? new LoraAdapter(lora, Copy(_weights, tensor => (float[])tensor.Floats.Clone()))
        : throw new InvalidOperationException("Full fine-tuning has no adapter: set FineTuneOptions.Lora for one.");

    /// <inheritdoc/>
    public void Dispose() => _programs.Dispose();

    private TrainingManifest Beginning() => new()
    {
        Format = TrainingManifest.CurrentFormat,
        Step = 0,
        Fingerprint = _fingerprint,
        Cursor = CursorAt(0),
        Tokens = 0,
        FirstLoss = 0,
        LastLoss = 0,
        Files = [],
    };

    private DataCursor CursorAt(int step)
    {
        var (epoch, batch) = Math.DivRem((long)step * _options.AccumulationSteps, _order.BatchesPerEpoch);
        return new DataCursor(_options.Seed, epoch, batch);
    }

    private (TrainingManifest State, TrainingProgress Progress) TakeStep(TrainingManifest state)
    {
        var started = Stopwatch.GetTimestamp();
        var (loss, answerTokens, tokens) = AccumulateGradients(state.Step);
        loss /= answerTokens;
        var norm = _optimizer.GradientNorm() / answerTokens;
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            throw new TrainingDivergedException(state.Step + 1, loss, norm);
        }

        // The small number is the reference's, so that clipped steps are equal.
        var clip = Math.Min(1, _options.MaxGradientNorm / (norm + 1e-6));
        var rate = LearningRateSchedule.At(_options, state.Step);
        _optimizer.Step(state.Step + 1, rate, clip / answerTokens);
        var next = state with
        {
            Step = state.Step + 1,
            Cursor = CursorAt(state.Step + 1),
            Tokens = state.Tokens + tokens,
            FirstLoss = state.Step == 0 ? loss : state.FirstLoss,
            LastLoss = loss,
        };
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return (next, new TrainingProgress(
            next.Step, _options.Steps, loss, rate, norm, next.Tokens, tokens / seconds, null));
    }

    private (double LossSum, int AnswerTokens, long Tokens) AccumulateGradients(int step)
    {
        var (loss, answerTokens, tokens) = (0.0, 0, 0L);
        for (var part = 0; part < _options.AccumulationSteps; part++)
        {
            var batch = _order.Batch(((long)step * _options.AccumulationSteps) + part);
            var examples = Array.ConvertAll(batch, example => _examples[example]);
            var (partLoss, partAnswers) = ProgramFor(examples).Run(examples);
            (loss, answerTokens) = (loss + partLoss, answerTokens + partAnswers);
            tokens += examples.Sum(example => (long)example.Tokens.Length);
            foreach (var (name, sum) in _sums ?? [])
            {
                var gradient = _gradients[name].Floats;
                if (part == 0)
                {
                    gradient.CopyTo(sum, 0);
                }
                else
                {
                    TensorPrimitives.Add(sum, gradient, sum);
                }
            }
        }

        return (loss, answerTokens, tokens);
    }

    private GradientProgram ProgramFor(TrainingExample[] examples) => _programs.Get(
        BatchShape.Of(examples, _options.BatchSize),
        shape => new GradientProgram(
            _base.Config, _base.EmbeddingNormalizer, shape, _options.Threads, Bound(), _gradients, _options.Lora));

    /// <summary>Every weight that a pass reads, trained or frozen.</summary>
    private Dictionary<string, HostTensor> Bound() => _options.Lora is null
        ? _weights
        : new Dictionary<string, HostTensor>(_base.Parameters.Concat(_weights), StringComparer.Ordinal);

    private static Dictionary<string, HostTensor> Copy(
        IReadOnlyDictionary<string, HostTensor> tensors, Func<HostTensor, float[]> values) => tensors.ToDictionary(
            entry => entry.Key, entry => new HostTensor(entry.Value.Shape, values(entry.Value)),
            StringComparer.Ordinal);

    private static Dictionary<string, HostTensor> Copy(
        Dictionary<string, HostTensor> tensors, Dictionary<string, float[]> values) => tensors.ToDictionary(
            entry => entry.Key, entry => new HostTensor(entry.Value.Shape, values[entry.Key]), StringComparer.Ordinal);

    private static void RequireUsable(Gemma3Config config, IReadOnlyList<TrainingExample> examples)
    {
        for (var i = 0; i < examples.Count; i++)
        {
            var (tokens, prompt) = (examples[i].Tokens, examples[i].PromptLength);
            if (prompt < 1 || prompt >= tokens.Length)
            {
                throw new ModelInputException(
                    $"example {i}",
                    $"has {tokens.Length} tokens of which {prompt} are prompt, wanted 1 or more of each part");
            }

            if (Array.FindIndex(tokens, token => token < 0 || token >= config.VocabularySize) is var at and >= 0)
            {
                throw new ModelInputException(
                    $"example {i}", $"has token {tokens[at]}, wanted 0 to {config.VocabularySize - 1}");
            }
        }
    }
}
