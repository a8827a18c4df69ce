using System.Diagnostics;
using Workflows.TpuWorker.Gemma3.Lora;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Fine-tunes all weights of a Gemma 3 model, or a low-rank adapter, with AdamW on the mean loss of the answer tokens.
/// The result depends only on model, options, examples and validation; stopping and resuming does not change a bit of
/// it on machines of one kind. Not thread-safe.
/// </summary>
public sealed partial class FineTuner : IDisposable
{
    private readonly Gemma3Checkpoint _base;
    private readonly FineTuneOptions _options;
    private readonly TrainingValidation? _validation;
    private readonly List<TrainingExample> _examples;
    private readonly DataOrder _order;
    private readonly string _fingerprint;
    private readonly IReadOnlyList<string> _earlier;
    private readonly bool _writesInBackground;

    private readonly ITrainingSession _session;

    /// <summary>Prepares a training; nothing is compiled or written yet.</summary>
    /// <param name="model">The base model, which is not changed: trained weights are copied, frozen ones are
    /// shared.</param>
    /// <param name="options">The options, which are copied.</param>
    /// <param name="examples">The training examples; not copied, so they must not change.</param>
    /// <param name="validation">The validation; null for none.</param>
    /// <param name="executor">Computes; null for this machine's processor.</param>
    /// <exception cref="ModelInputException">
    /// An option or example is out of range, or no example is short enough.
    /// </exception>
    /// <exception cref="TrainingMemoryException">The training would not fit in memory.</exception>
    public FineTuner(
        Gemma3Checkpoint model, FineTuneOptions options, IReadOnlyList<TrainingExample> examples,
        TrainingValidation? validation = null, Executor? executor = null)
    {
        options.Validate();
        executor ??= new OnnxExecutor(options.Threads);
        (_base, _options, _validation) = (model, options.Clone(), validation);
        TrainingExample.RequireUsable(model.Config, examples, "example");
        validation?.Validate(model.Config);
        _examples = [.. examples.Where(example => example.Tokens.Length <= options.MaxLength)];
        if (_examples.Count == 0)
        {
            throw new ModelInputException("examples", $"are {examples.Count}, none within {options.MaxLength} tokens");
        }

        SkippedExamples = examples.Count - _examples.Count;
        _writesInBackground = executor.RequireMemory(model.Config, options);
        _order = new DataOrder(
            [.. _examples.Select(example => example.Tokens.Length)], options.BatchSize, options.Seed);
        _fingerprint = TrainingFingerprint.Of(model, options, _examples, validation);
        _earlier = [.. options.EarlierSteps.Select(
            steps => TrainingFingerprint.Of(model, options, steps, _examples, validation))];
        var trained = options.Lora is null
            ? model.Parameters
            : LoraAdapter.Create(model.Config, options.Lora, options.Seed).Tensors;
        _session = executor.CreateSession(model, _options, TrainingTensors.Copy(trained), _examples, _order);
    }

    /// <summary>Number of examples left out because they are longer than the options allow.</summary>
    public int SkippedExamples { get; }

    /// <summary>Called before each pass; tests throw out-of-memory errors here.</summary>
    internal Action<BatchShape>? BeforePass
    {
        set => _session.BeforePass = value;
    }

    /// <summary>
    /// Trains to the last step; resumes from the newest complete checkpoint of the directory if there is one.
    /// </summary>
    /// <param name="checkpointDirectory">The folder of checkpoints; created when the first is written.</param>
    /// <param name="onStep">Called after every step, on this thread.</param>
    /// <param name="cancellationToken">Cancels the training, even within a step, which is then not taken.</param>
    /// <returns>The outcome; <see cref="CreateCheckpoint"/> returns the tuned weights.</returns>
    /// <exception cref="OperationCanceledException">
    /// The training was cancelled; a checkpoint of the last complete step was written.
    /// </exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient is not a finite number.</exception>
    /// <exception cref="CheckpointMismatchException">The directory holds another training.</exception>
    /// <exception cref="ModelInputException">The newest checkpoint has more steps than this training.</exception>
    /// <exception cref="TrainingMemoryException">Memory ran out even with a single example at a time.</exception>
    public TrainingResult Run(
        string checkpointDirectory, Action<TrainingProgress> onStep, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var checkpoints = new TrainingCheckpoints(checkpointDirectory, _options.KeepCheckpoints);
        var writer = new CheckpointWriter(checkpoints, _writesInBackground);
        var damaged = new List<string>();
        var resumed = checkpoints.LoadNewest([_fingerprint, .. _earlier], _session.Tensors, damaged);
        var state = resumed is { } found ? found.Manifest with { Fingerprint = _fingerprint } : Beginning();
        if (state.Step > _options.Steps)
        {
            throw new ModelInputException(
                nameof(_options.Steps), $"are {_options.Steps}, and the newest checkpoint has {state.Step} already");
        }

        if (resumed is var (_, path))
        {
            _session.Upload();
            writer.Found(path, state.Step);
        }

        _session.PassSize = state.PassSize;
        try
        {
            state = TakeSteps(state, writer, onStep, cancellationToken);
        }
        finally
        {
            writer.Finish();
        }

        var best = _validation is { KeepsBest: true } ? state.BestScore : null;
        if (best is not null && best.Step != state.Step)
        {
            checkpoints.LoadWeights(best.Step, _session.Tensors.Weights);
            _session.Upload();
        }
        else
        {
            _session.Download();
        }

        return new TrainingResult(
            state.Step, resumed?.Manifest.Step ?? 0, state.Tokens, state.FirstLoss, state.LastLoss,
            Stopwatch.GetElapsedTime(started), SkippedExamples, damaged, writer.Newest!.Value.Path)
        {
            OutputStep = best?.Step ?? state.Step,
            StoppedEarly = state.IsStopped,
            FinishedEarly = IsFinished(state),
            BestScore = state.BestScore?.Score,
            BestStep = state.BestScore?.Step ?? 0,
            PassSize = _session.PassSize,
            TrainedParameters = _session.Tensors.Weights.Values.Sum(tensor => (long)tensor.Shape.Count),
        };
    }

    /// <summary>
    /// Copies the current weights to a separate model that can be decoded with or saved. After a run with a validation
    /// that keeps the best, these are the best weights.
    /// </summary>
    /// <returns>
    /// A copy, stored at the base model's precision and with its tokenizer files; an adapter is merged into it.
    /// </returns>
    public Gemma3Checkpoint CreateCheckpoint() => _options.Lora is not null
        ? CreateAdapter().Merge(_base)
        : new Gemma3Checkpoint(
            _base.Config, _base.Precision, TrainingTensors.Copy(_session.Tensors.Weights), _base.SourceDirectory);

    /// <summary>Copies the current adapter.</summary>
    /// <returns>A copy that can be saved or merged.</returns>
    /// <exception cref="InvalidOperationException">This is full fine-tuning, which has no adapter.</exception>
    public LoraAdapter CreateAdapter() => _options.Lora is { } lora
        ? new LoraAdapter(lora, TrainingTensors.Copy(_session.Tensors.Weights))
        : throw new InvalidOperationException("Full fine-tuning has no adapter: set FineTuneOptions.Lora for one.");

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private TrainingManifest Beginning() => new()
    {
        Format = TrainingManifest.CurrentFormat,
        Step = 0,
        Fingerprint = _fingerprint,
        Cursor = CursorAt(0),
        Tokens = 0,
        FirstLoss = 0,
        LastLoss = 0,
        PassSize = _options.PassSize,
        Files = [],
    };

    private DataCursor CursorAt(int step)
    {
        var (epoch, batch) = Math.DivRem((long)step * _options.AccumulationSteps, _order.BatchesPerEpoch);
        return new DataCursor(_options.Seed, epoch, batch);
    }

    /// <summary>
    /// Returns whether there is memory for writing checkpoints in the background; refuses a training that does not fit
    /// at all.
    /// </summary>
    /// <param name="config">Sizes of the model, which need not be loaded.</param>
    /// <param name="options">The training's options.</param>
    /// <returns>true if both fit together.</returns>
    /// <exception cref="TrainingMemoryException">The training alone does not fit.</exception>
    public static bool RequireMemory(Gemma3Config config, FineTuneOptions options)
    {
        var limit = options.MemoryLimitBytes ?? MachineMemory.LimitBytes();
        var needed = TrainingMemory.Estimate(config, options);
        return needed > limit
            ? throw TrainingMemoryException.Refused(
                options.BatchSize, needed, limit, TrainingMemory.LargestBatch(config, options, limit))
            : options.WriteCheckpointsInBackground && needed + TrainingMemory.SnapshotBytes(config, options) <= limit;
    }
}
