using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// A training on a device: each step is one launch of one program, which takes weights and moments and writes the next
/// ones into their memory. A step cannot be interrupted; one whose loss is not finite leaves the state as it was.
/// </summary>
internal sealed class PjrtTrainingSession : ITrainingSession
{
    // Passes that are sampled to choose the sizes: enough for the rare long ones, few enough to take no time.
    private const int SampledSteps = 4096;

    private readonly PjrtExecutor _executor;
    private readonly Gemma3Config _config;
    private readonly FineTuneOptions _options;
    private readonly IReadOnlyList<TrainingExample> _examples;
    private readonly DataOrder _order;
    private readonly PjrtTensors _device;
    private readonly string[] _trained;
    private readonly Dictionary<StepShape, Compiled> _steps = [];
    private readonly Dictionary<StepShape, Compiled> _measures = [];
    private StepShapes? _shapes;
    private int _shapesFor;

    public PjrtTrainingSession(
        PjrtExecutor executor, Gemma3Checkpoint model, FineTuneOptions options,
        Dictionary<string, HostTensor> weights, IReadOnlyList<TrainingExample> examples, DataOrder order)
    {
        (_executor, _config, _options, _examples, _order) = (executor, model.Config, options, examples, order);
        PassSize = options.PassSize;
        Tensors = new TrainingTensors(
            weights, TrainingTensors.Zeros(weights), TrainingTensors.Zeros(weights));
        _trained = [.. LeanParameters.All(model.Config, options.Lora).Where(each => each.IsTrained)
            .Select(each => each.Name)];
        _device = executor.CreateTensors();
        try
        {
            if (options.Lora is not null)
            {
                Set(LeanParameters.Stacks(model.Parameters, executor.Precision.Frozen), name => name);
            }

            Upload();
        }
        catch
        {
            _device.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public int PassSize { get; set; }

    /// <inheritdoc />
    public TrainingTensors Tensors { get; }

    /// <inheritdoc />
    public Action<BatchShape>? BeforePass { get; set; }

    private int MicroBatches =>
        _options.AccumulationSteps * ((_options.BatchSize + PassSize - 1) / PassSize);

    /// <inheritdoc />
    public void Download()
    {
        foreach (var name in _trained)
        {
            Fill(Tensors.Weights, name, name);
            Fill(Tensors.First, name, LeanInputs.FirstMomentOf(name));
            Fill(Tensors.Second, name, LeanInputs.SecondMomentOf(name));
        }

        _executor.Tell("the weights are on the host");

        void Fill(IReadOnlyDictionary<string, HostTensor> targets, string name, string stored)
        {
            LeanParameters.Unstack(name, _device.Get(stored), (key, values) => values.CopyTo(targets[key].Floats));
        }
    }

    /// <inheritdoc />
    public void Upload()
    {
        var type = _executor.Precision.Store;
        Set(LeanParameters.Stacks(Tensors.Weights, type), name => name);
        Set(LeanParameters.Stacks(Tensors.First, type), LeanInputs.FirstMomentOf);
        Set(LeanParameters.Stacks(Tensors.Second, type), LeanInputs.SecondMomentOf);
        _executor.Tell("the weights are on the device");
    }

    /// <inheritdoc />
    public StepOutcome Step(TrainingStep step, CancellationToken cancellation)
    {
        var outputs = WithLessMemory(step.Number, () =>
        {
            var (layouts, need) = Layouts(step);
            var compiled = StepFor(Shapes().For(need));
            BeforePass?.Invoke(new BatchShape(compiled.Plan.Batch, compiled.Plan.Length, compiled.Plan.AnswerCount));
            cancellation.ThrowIfCancellationRequested();
            return compiled.Session.Step(Inputs(step, compiled.Plan, layouts));
        });
        var (loss, norm) = (outputs[LeanInputs.Loss].Floats[0], outputs[LeanInputs.Norm].Floats[0]);
        return float.IsFinite(loss) && float.IsFinite(norm)
            ? new StepOutcome(
                loss, norm, step.Batches.Sum(batch => batch.Sum(example => (long)example.Tokens.Length)))
            : throw new TrainingDivergedException(step.Number, loss, norm);
    }

    /// <inheritdoc />
    public double MeanLoss(int step, IReadOnlyList<TrainingExample> examples, CancellationToken cancellation) =>
        WithLessMemory(step, () =>
        {
            var passes = examples.OrderBy(example => example.Tokens.Length).Chunk(PassSize).ToArray();
            var shapes = StepShapes.OfLengths(
                Rows, passes.Select(pass => pass.Max(BatchLayout.Positions)), examples, StepShapes.MostOther);
            var (sum, answers) = (0.0, 0);
            foreach (var pass in passes)
            {
                cancellation.ThrowIfCancellationRequested();
                var layout = BatchLayout.Alone(pass, PassSize);
                var compiled = MeasureFor(shapes.For(NeedOf([layout], Rows)));
                var outputs = compiled.Session.Step(LeanFeed.Of(compiled.Plan, [layout], [0]));
                sum += outputs[LeanInputs.Loss].Floats[0];
                answers += pass.Sum(example => example.Tokens.Length - example.PromptLength);
            }

            return sum / answers;
        });

    /// <inheritdoc />
    public ITextDecoder CreateDecoder() => new PjrtTextDecoder(_executor, _config, _device, ownsWeights: false)
    {
        Lora = _options.Lora,

        // Trained weights are read as they are stored, and converted in the program.
        Precision = _options.Lora is null
            ? _executor.Precision with { Frozen = _executor.Precision.Store }
            : _executor.Precision,
    };

    /// <inheritdoc />
    public void Dispose() => _device.Dispose();

    /// <summary>
    /// Repeats the work with passes half as large while memory does not suffice, which compilers report before anything
    /// is overwritten. The effective batch size stays the same.
    /// </summary>
    private T WithLessMemory<T>(int step, Func<T> work)
    {
        while (true)
        {
            try
            {
                return work();
            }
            catch (Exception exception) when (IsMemory(exception) && PassSize > 1 && IsWhole)
            {
                _steps.Clear();
                _measures.Clear();
                PassSize = (PassSize + 1) / 2;
            }
            catch (Exception exception) when (IsMemory(exception) && IsWhole)
            {
                throw TrainingMemoryException.Exhausted(step);
            }
        }
    }

    private static bool IsMemory(Exception exception) =>
        exception is OutOfMemoryException or PjrtException { Code: PjrtErrorCode.ResourceExhausted };

    private bool IsWhole => _trained.All(name => _device.Contains(name)
        && _device.Contains(LeanInputs.FirstMomentOf(name)) && _device.Contains(LeanInputs.SecondMomentOf(name)));

    private StepShapes Shapes()
    {
        if (_shapes is null || _shapesFor != PassSize)
        {
            (_shapes, _shapesFor) = (ChooseShapes(), PassSize);
        }

        return _shapes;
    }

    private StepShapes ChooseShapes()
    {
        // A batch's position in its epoch decides its examples: the first epochs represent all.
        var batches = Enumerable.Range(0, Math.Min(SampledSteps, _options.Steps)).Select(step =>
            Enumerable.Range(0, _options.AccumulationSteps)
                .Select(part => _order.Batch(((long)step * _options.AccumulationSteps) + part))
                .Select(batch => Array.ConvertAll(batch, example => _examples[example])).ToArray());
        var needs = batches.Select(step => Layouts(new TrainingStep(1, 0, step)).Need).ToList();
        return _options.Pack
            ? StepShapes.OfPacks(Rows, RowLength, needs)
            : StepShapes.OfLengths(
                Rows, needs.Select(need => need.Length), _examples, StepShapes.MostTraining);
    }

    /// <summary>Gets the rows of a pass; those without an example have weight zero.</summary>
    private int Rows => _executor.RowsFor(PassSize);

    private int RowLength => StepShapes.RoundUp(_examples.Max(BatchLayout.Positions));

    /// <summary>Returns the passes of a step, and the size that fits them all.</summary>
    private (List<BatchLayout> Layouts, StepShape Need) Layouts(TrainingStep step)
    {
        var layouts = step.Batches.SelectMany(batch => batch.Chunk(PassSize))
            .Select(pass => _options.Pack
                ? BatchLayout.Packed(pass, RowLength)
                : BatchLayout.Alone(pass, PassSize)).ToList();
        return (layouts, NeedOf(layouts, _options.Pack ? 1 : Rows));
    }

    private StepShape NeedOf(IReadOnlyList<BatchLayout> layouts, int rows) => new(
        _executor.RowsFor(Math.Max(rows, layouts.Max(layout => layout.Rows.Count))),
        layouts.Max(layout => layout.Rows.Max(row => row.Sum(BatchLayout.Positions))),
        layouts.Max(layout => layout.Rows.Max(
            row => row.Sum(example => example.Tokens.Length - example.PromptLength))));

    private Dictionary<string, HostTensor> Inputs(TrainingStep step, LeanPlan plan, List<BatchLayout> layouts)
    {
        // An epoch's last batch may be short: passes without examples fill the step and have weight zero.
        var empty = new BatchLayout(layouts[0].Shape, []);
        BatchLayout[] parts = [.. layouts, .. Enumerable.Repeat(empty, plan.MicroBatches - layouts.Count)];
        int[] seeds = [.. parts.Select((_, pass) => DropoutSeeds.Of(_options, step.Number - 1, pass))];
        var inputs = LeanFeed.Of(plan, parts, seeds);
        void Add(string name, double value) => inputs.Add(name, new HostTensor(Shape.Scalar, [(float)value]));
        Add(LeanInputs.LearningRate, step.LearningRate);
        Add(LeanInputs.Rate, step.LearningRate / (1 - Math.Pow(_options.Beta1, step.Number)));
        Add(LeanInputs.RootCorrection, 1 / Math.Sqrt(1 - Math.Pow(_options.Beta2, step.Number)));
        return inputs;
    }

    private Compiled StepFor(StepShape shape)
    {
        if (_steps.TryGetValue(shape, out var known))
        {
            return known;
        }

        // A step without recomputed layers is faster if its memory suffices, which is known only with a limit.
        var limit = _options.MemoryLimitBytes ?? _executor.DeviceLimit;
        bool[] choices = limit is null ? [true] : [false, true];
        var plan = PlanOf(shape, _options.Lora) with { MicroBatches = MicroBatches };
        foreach (var recompute in choices)
        {
            var tried = plan with { Recompute = recompute };
            if (TryCompile("the training step", LeanStep.Build(_config, tried).Graph, tried, limit) is { } compiled)
            {
                _steps.Add(shape, compiled);
                return compiled;
            }
        }

        throw DoesNotFit(plan);
    }

    private Compiled MeasureFor(StepShape shape)
    {
        if (!_measures.TryGetValue(shape, out var known))
        {
            var lora = _options.Lora?.Clone();
            if (lora is not null)
            {
                lora.Dropout = 0;
            }

            var plan = PlanOf(shape, lora);
            known = TryCompile("the loss", LeanStep.BuildLoss(_config, plan), plan, _options.MemoryLimitBytes)
                ?? throw DoesNotFit(plan);
            _measures.Add(shape, known);
        }

        return known;
    }

    private static PjrtException DoesNotFit(LeanPlan plan) => new(
        PjrtErrorCode.ResourceExhausted, "Compile",
        $"{plan.MicroBatches} x {plan.Batch} rows of {plan.Length} positions do not fit in the device's memory");

    private LeanPlan PlanOf(StepShape shape, LoraOptions? lora) => new()
    {
        Batch = shape.Rows,
        Length = shape.Length,
        Answers = shape.Answers,
        Devices = _executor.Devices,
        Lora = lora,
        Precision = _executor.Precision,
        Optimizer = _options,
    };

    private Compiled? TryCompile(string name, Graph graph, LeanPlan plan, long? limit)
    {
        PjrtProgram program;
        try
        {
            program = _executor.Compile($"{name}, {plan.MicroBatches} x {plan.Batch} x {plan.Length}", graph);
        }
        catch (PjrtException exception) when (exception.Code == PjrtErrorCode.ResourceExhausted)
        {
            return null;
        }

        return limit is { } most && program.Executable.Executable.ReadMemory()?.Total > most
            ? null
            : new Compiled(plan, new PjrtSession(program, _device));
    }

    private void Set(IEnumerable<KeyValuePair<string, HostTensor>> stacks, Func<string, string> nameOf)
    {
        foreach (var (name, stack) in stacks)
        {
            _device.Set(nameOf(name), stack);
        }
    }

    private sealed record Compiled(LeanPlan Plan, PjrtSession Session);
}
