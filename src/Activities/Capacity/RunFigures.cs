using System.Globalization;
using Workflows.Activities.Data;
using Workflows.Activities.Deadlines;
using Workflows.ModelFiles;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// The figures of a run's plan: memory and work of its programs on each accelerator type, compiled where a compiler is
/// available and else counted from the programs, each with its source.
/// </summary>
/// <param name="catalog">The chips.</param>
/// <param name="programs">Counts and compiles programs; null to count none.</param>
/// <param name="rates">Rates of earlier runs; null for none.</param>
/// <param name="model">The model's configuration; null if it cannot be read.</param>
/// <param name="weightBytes">Bytes of the model's weights, from which their number follows without a
/// configuration.</param>
/// <param name="spec">The run.</param>
/// <param name="corpus">Size of its corpus; null if it was not read.</param>
internal sealed class RunFigures(
    PriceCatalog catalog, IRunPrograms? programs, MeasuredRates? rates, Gemma3Config? model, double weightBytes,
    RunSpec spec, CorpusSize? corpus)
{
    private readonly Dictionary<int, ProgramCounts?> _counts = [];
    private readonly Dictionary<int, long?> _least = [];
    private readonly Dictionary<string, CompiledFigures> _compiled = new(StringComparer.Ordinal);
    private readonly RunShape _shape = RunShape.Of(spec, corpus);

    /// <summary>Gets the parameters of the model: counted by its configuration, else its weights' bytes over
    /// two.</summary>
    public double Parameters => CountsOf(1)?.Parameters ?? (weightBytes / 2);

    /// <summary>Gets the weights that are trained; null for an adapter whose weights cannot be counted.</summary>
    public double? TrainedParameters => CountsOf(1)?.TrainedParameters
        ?? (spec.Training.Method == "lora" ? null : Parameters);

    /// <summary>Gets the reasons why types were not compiled for, each once.</summary>
    public IReadOnlyList<string> Faults => [.. _compiled
        .Where(each => each.Value.Why is not null).GroupBy(each => each.Value.Why, each => each.Key)
        .Select(each => $"Not compiled for {string.Join(", ", each)}: {each.Key}.")];

    /// <summary>Gets the compiler; null if none was used.</summary>
    public string? Compiler => _compiled.Values.Select(each => each.Compiler).FirstOrDefault(each => each is not null);

    /// <summary>Compiles the run's programs for each type of some places; a rehearsal's are not compiled.</summary>
    /// <param name="places">The places.</param>
    /// <param name="cancellation">Ends the compiler.</param>
    /// <returns>A task that completes when all are compiled, or have a reason.</returns>
    public async Task CompileAsync(IEnumerable<Candidate> places, CancellationToken cancellation)
    {
        if (spec.IsRehearsal || programs is null || model is null)
        {
            return;
        }

        foreach (var type in places.Select(each => each.AcceleratorType).Distinct(StringComparer.Ordinal))
        {
            // A program whose arguments alone do not fit needs no compiler to say so.
            _compiled[type] = MemoryOf(type).Fits
                ? await programs.CompileAsync(model, spec, type, cancellation)
                : new CompiledFigures { Why = "weights, moments and rows alone do not fit" };
        }
    }

    /// <summary>Compares the memory that the run's programs need with that of a type's chips.</summary>
    /// <param name="type">A known type.</param>
    /// <returns>The memory; a rehearsal computes on this machine, so nothing is counted.</returns>
    public PlaceMemory MemoryOf(string type)
    {
        var has = catalog.HbmGibPerChip(type);
        if (spec.IsRehearsal || programs is null || model is null)
        {
            return new PlaceMemory(null, has);
        }

        var compiled = _compiled.GetValueOrDefault(type);
        if (compiled is { Why: null })
        {
            return new PlaceMemory(compiled.BytesPerChip / PlaceMemory.Gibibyte, has)
            {
                Source = EstimateSource.Compiled,
                Refusal = compiled.Refusal,
            };
        }

        var chips = catalog.Chips(type);
        if (!_least.TryGetValue(chips, out var bytes))
        {
            bytes = programs.LeastBytesPerChip(model, spec, chips);
            _least.Add(chips, bytes);
        }

        return new PlaceMemory(bytes / PlaceMemory.Gibibyte, has) { Source = EstimateSource.Ir, Why = compiled?.Why };
    }

    /// <summary>Lists the memory of some places' types, for the ledger.</summary>
    /// <param name="places">The places.</param>
    /// <returns>null if nothing was compared.</returns>
    public IReadOnlyList<TypeMemory>? MemoryOf(IEnumerable<Candidate> places)
    {
        List<TypeMemory> all = [.. places.Select(each => each.AcceleratorType).Distinct(StringComparer.Ordinal)
            .Select(type => (Type: type, Memory: MemoryOf(type))).Where(each => each.Memory.Source is not null)
            .Select(each => new TypeMemory(
                each.Type, each.Memory.LeastGib, each.Memory.HbmGib, each.Memory.Source!.Value, each.Memory.Why))];
        return all.Count > 0 ? all : null;
    }

    /// <summary>Estimates the time of the run.</summary>
    /// <param name="type">The type on which it would compute.</param>
    /// <param name="steps">Optimizer steps that are left; null for all of the request.</param>
    /// <returns>The parts.</returns>
    public TimeEstimate EstimateOf(string type, int? steps = null)
    {
        var work = WorkOf(type);
        var measured = rates?.Find(spec, Parameters, type);
        var checkpoint = CheckpointCadence.SecondsOf(spec, TrainedParameters);
        var time = RunEstimate.Of(spec, work, steps ?? spec.Training.Steps, measured, type) with
        {
            CheckpointSeconds = checkpoint,
        };
        return time with
        {
            Assumptions =
            [
                .. RunEstimate.Assumptions(spec, work, measured), .. _shape.Assumptions,
                .. CheckpointCadence.Words(spec, time, steps ?? spec.Training.Steps),
                .. CountsOf(work.Chips) is null ? [Uncounted] : Array.Empty<string>(),
            ],
        };
    }

    private string Uncounted => (model is null, programs is null) switch
    {
        (_, true) => "No programs are counted here",
        (true, _) => "The model's configuration cannot be read",
        _ => "Programs of these sizes cannot be built",
    } + ": an optimizer step takes 6 operations for each weight and token, decoding 2 (Kaplan et al. 2020, section "
        + "2.1), and the model has half as many weights as its files have bytes.";

    private RunWork WorkOf(string type)
    {
        // A rehearsal computes on this machine, whatever type it names.
        var chips = spec.IsRehearsal ? 1 : catalog.Chips(type);
        var (shape, counts) = (_shape.Programs, CountsOf(chips));
        var (step, batch) = counts is null
            ? (new WorkCount(
                6.0 * Parameters * shape.Rows * spec.Training.AccumulationSteps * shape.Length, 0),
                new WorkCount(
                    2.0 * Parameters * RunShape.TextsPerBatch(spec) * (shape.PromptLength + shape.NewTokens),
                    2.0 * Parameters * shape.NewTokens))
            : (counts.Step, counts.Batch);
        var compiled = _compiled.GetValueOrDefault(type) is { Why: null, StepBytesPerChip: not null } figures
            ? figures
            : null;
        return new RunWork(
            step with { Bytes = Math.Max(step.Bytes, chips * (compiled?.StepBytesPerChip ?? 0)) }, batch,
            RunShape.TextsPerBatch(spec), _shape.TestPairs, Parameters, chips, catalog.PeakTflops(type),
            catalog.GigabytesPerSecond(type),
            counts is null ? EstimateSource.Assumed
                : compiled is null ? EstimateSource.Ir
                : EstimateSource.Compiled)
        {
            Compiler = compiled?.Compiler,
        };
    }

    private ProgramCounts? CountsOf(int chips)
    {
        if (programs is null || model is null)
        {
            return null;
        }

        if (!_counts.TryGetValue(chips, out var counts))
        {
            counts = programs.Count(model, spec, _shape.Programs, chips);
            _counts.Add(chips, counts);
        }

        return counts;
    }
}

/// <summary>Shapes of a run's programs, by the lengths of its own pairs where they were counted.</summary>
/// <param name="Programs">The shapes.</param>
/// <param name="TestPairs">Sentences of the test set.</param>
/// <param name="Assumptions">Where they come from, one sentence each.</param>
internal sealed record RunShape(ProgramShape Programs, int TestPairs, IReadOnlyList<string> Assumptions)
{
    /// <summary>Positions are rounded up to a multiple of this, as the worker aligns them.</summary>
    private const int Step = 8;

    /// <summary>Finds the shapes.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="corpus">Size of its corpus; null if it was not read.</param>
    /// <returns>The shapes.</returns>
    public static RunShape Of(RunSpec spec, CorpusSize? corpus)
    {
        var (training, evaluation) = (spec.Training, spec.Evaluation);
        var assumptions = new List<string>();
        var (rows, length, answers) = (training.BatchSize, training.MaxLength, training.MaxLength);

        // The worker leaves longer pairs out.
        List<PairLength> train =
            [.. (corpus?.Train ?? []).Where(each => each.Prompt + each.Answer <= training.MaxLength)];
        if (train.Count > 0)
        {
            List<int> positions = [.. train.Select(each => each.Prompt + each.Answer - 1)];
            (length, answers) =
                (ExpectedMost(positions, rows), ExpectedMost([.. train.Select(each => each.Answer)], rows));
            if (training.Pack)
            {
                length = Up(positions.Max(), training.MaxLength);
                (rows, answers) = ((int)Math.Ceiling(rows * positions.Average() / length), length);
            }

            length = Up(length, training.MaxLength);
            answers = Up(Math.Min(answers, length), length);
            assumptions.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"A pass of {training.BatchSize} pairs has {rows} rows of {length} positions, by the tokens of "
                + $"{corpus!.Train.Count} of the training pairs."));
        }
        else
        {
            assumptions.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"Every row of training has {length} positions, training.maxLength: the tokens of the training pairs "
                + $"were not counted."));
        }

        var texts = TextsPerBatch(spec);
        var (prompt, tokens) = (training.MaxLength, evaluation.MaxNewTokens);
        if (corpus?.Test is { Count: > 0 } test)
        {
            prompt = Up(ExpectedMost([.. test.Select(each => each.Prompt)], texts), int.MaxValue);
            tokens = Math.Min(tokens, ExpectedMost([.. test.Select(each => each.Answer)], texts));
            assumptions.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"A batch of {texts} texts is translated with {tokens} tokens each: both models' translations are as "
                + $"long as those of the test set."));
        }
        else
        {
            assumptions.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"Every translation has {tokens} tokens, evaluation.maxNewTokens: the tokens of the test pairs were "
                + $"not counted."));
        }

        var pairs = Math.Min(corpus?.TestPairs ?? spec.Data.MaxTestPairs, spec.Data.MaxTestPairs);
        if (corpus is null)
        {
            assumptions.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"The test set has {pairs} pairs, the most that data.maxTestPairs allows: the corpus was not read."));
        }

        return new RunShape(new ProgramShape(rows, length, answers, prompt, tokens), pairs, assumptions);
    }

    /// <summary>Returns the texts that are translated at once.</summary>
    public static int TextsPerBatch(RunSpec spec) =>
        Math.Max(1, spec.Evaluation.BatchSize / Math.Max(1, spec.Evaluation.BeamSize));

    /// <summary>
    /// Returns the expected largest of some lengths that are drawn at random: the k-th smallest of n is the largest of
    /// r drawn with probability (k/n)^r - ((k-1)/n)^r.
    /// </summary>
    /// <param name="lengths">The lengths, one or more.</param>
    /// <param name="drawn">Number that is drawn.</param>
    /// <returns>The expectation, rounded up.</returns>
    internal static int ExpectedMost(IReadOnlyList<int> lengths, int drawn)
    {
        var sum = 0.0;
        foreach (var (index, length) in lengths.Order().Index())
        {
            var (to, from) = ((index + 1.0) / lengths.Count, (double)index / lengths.Count);
            sum += length * (Math.Pow(to, drawn) - Math.Pow(from, drawn));
        }

        // Less the error of rounding: equal lengths are their own maximum.
        return (int)Math.Ceiling(sum - 1e-6);
    }

    private static int Up(int value, int most) => Math.Clamp((value + Step - 1) / Step * Step, 1, most);
}
