using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// Decodes on a device: the cache stays there, and a launch returns several tokens of greedy decoding, or the most
/// likely ones of each beam.
/// </summary>
/// <param name="executor">Compiles the programs.</param>
/// <param name="config">Sizes of the model.</param>
/// <param name="tensors">The weights; the cache needs memory beside them while a batch is decoded.</param>
/// <param name="ownsWeights">true if the weights are disposed with the decoder.</param>
internal sealed class PjrtTextDecoder(
    PjrtExecutor executor, Gemma3Config config, PjrtTensors tensors, bool ownsWeights) : ITextDecoder
{
    // Tokens of a launch: few enough that a text that ends early wastes little, enough to hide the launch.
    private const int LaunchTokens = 8;

    private static readonly HashSet<string> Cache = [LeanDecode.Keys, LeanDecode.Values];
    private static readonly string[] States =
        [LeanDecode.Keys, LeanDecode.Values, LeanDecode.Tokens, LeanDecode.Ended, LeanDecode.Count];

    private readonly Dictionary<string, Programs> _programs = new(StringComparer.Ordinal);

    /// <summary>Gets the adapter that is separate from the weights; null for none.</summary>
    public LoraOptions? Lora { get; init; }

    /// <summary>Gets the element types; the type of frozen weights is the one in which they are stored here.</summary>
    public required PrecisionPolicy Precision { get; init; }

    /// <inheritdoc />
    public int[][] Generate(
        IReadOnlyList<int[]> prompts, DecodeOptions options, Action<int>? onCompleted,
        CancellationToken cancellationToken)
    {
        DecodeRequests.RequireUsable(config, prompts, options);
        var results = new int[prompts.Count][];
        if (prompts.Count == 0)
        {
            return results;
        }

        var stops = (options.StopTokens ?? config.EndTokens).ToHashSet();
        var texts = Math.Max(1, options.BatchSize / options.BeamSize);
        var batches = Enumerable.Range(0, prompts.Count).OrderBy(i => prompts[i].Length).Chunk(texts).ToList();
        var lengths = StepShapes.OfPrompts([.. batches.Select(batch => batch.Max(i => prompts[i].Length))]);
        var completed = 0;
        foreach (var batch in batches)
        {
            var length = lengths.First(each => each >= batch.Max(i => prompts[i].Length));
            var programs = ProgramsFor(PlanOf(texts * options.BeamSize, length, options, stops));
            void Finish(int index, int[] tokens)
            {
                results[index] = tokens;
                onCompleted?.Invoke(++completed);
            }

            if (options.BeamSize == 1)
            {
                Greedy(programs, prompts, batch, options, stops, Finish, cancellationToken);
            }
            else
            {
                Search(programs, prompts, batch, options, stops, Finish, cancellationToken);
            }
        }

        return results;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        Array.ForEach(States, tensors.Remove);
        if (ownsWeights)
        {
            tensors.Dispose();
        }
    }

    private DecodePlan PlanOf(int rows, int promptLength, DecodeOptions options, HashSet<int> stops)
    {
        var isGreedy = options.BeamSize == 1;

        // The first token comes from the prefill, the others from whole launches.
        var launch = isGreedy ? Math.Clamp(options.MaxNewTokens - 1, 1, LaunchTokens) : 1;
        var launches = Math.Max(1, (options.MaxNewTokens - 1 + launch - 1) / launch);
        return new DecodePlan
        {
            Batch = executor.RowsFor(rows),
            PromptLength = promptLength,
            NewTokens = launches * launch,
            LaunchTokens = launch,
            Candidates = isGreedy ? 1 : Math.Min(BeamSearch.KeptOf(options, stops), config.VocabularySize),
            EndTokens = isGreedy ? [.. stops.Order()] : [],
            Lora = Lora,
            Precision = Precision,
        };
    }

    private Programs ProgramsFor(DecodePlan plan)
    {
        var key = $"{plan.Batch} {plan.PromptLength} {plan.NewTokens} {plan.LaunchTokens} {plan.Candidates} "
            + string.Join(',', plan.EndTokens!);
        if (!_programs.TryGetValue(key, out var known))
        {
            known = new Programs(executor, LeanDecode.Build(config, plan), plan, tensors);
            _programs.Add(key, known);
        }

        return known;
    }

    private void Greedy(
        Programs programs, IReadOnlyList<int[]> prompts, int[] batch, DecodeOptions options, HashSet<int> stops,
        Action<int, int[]> onFinished, CancellationToken cancellation)
    {
        var plan = programs.Plan;
        var rows = Array.ConvertAll(batch, index => new DecodedText(index, prompts[index]));
        var (candidates, probabilities) = Prefill(programs, prompts, batch, cancellation);
        Take(rows, candidates, probabilities, options, stops, onFinished);
        tensors.Set(LeanDecode.Tokens, new HostTensor(new Shape(plan.Batch), candidates));
        tensors.Set(LeanDecode.Ended, HostTensor.OfBool(
            new Shape(plan.Batch),
            [.. candidates.Select((token, row) => row >= rows.Length || stops.Contains(token))]));
        var lengths = Lengths(plan, [.. rows.Select(row => row.Prompt.Length)]);
        while (Array.Exists(rows, row => !row.IsFinished(options.MaxNewTokens, stops)))
        {
            cancellation.ThrowIfCancellationRequested();
            var outputs = programs.Launch.Step(lengths);
            candidates = outputs[LeanDecode.Candidates].Ints;
            probabilities = outputs[LeanDecode.LogProbabilities].Floats;
            for (var token = 0; token < plan.LaunchTokens; token++)
            {
                var at = token * plan.Batch;
                Take(
                    rows, candidates.AsSpan(at, plan.Batch), probabilities.AsSpan(at, plan.Batch), options, stops,
                    onFinished);
            }
        }
    }

    private static void Take(
        DecodedText[] rows, ReadOnlySpan<int> tokens, ReadOnlySpan<float> probabilities, DecodeOptions options,
        HashSet<int> stops, Action<int, int[]> onFinished)
    {
        for (var row = 0; row < rows.Length; row++)
        {
            var text = rows[row];
            if (text.NewTokens.Count > 0 && text.IsFinished(options.MaxNewTokens, stops))
            {
                continue;
            }

            if (!float.IsFinite(probabilities[row]))
            {
                throw new NonFiniteOutputException(text.Index, text.Position - 1);
            }

            text.NewTokens.Add(tokens[row]);
            if (text.IsFinished(options.MaxNewTokens, stops))
            {
                onFinished(text.Index, [.. text.NewTokens]);
            }
        }
    }

    private void Search(
        Programs programs, IReadOnlyList<int[]> prompts, int[] batch, DecodeOptions options, HashSet<int> stops,
        Action<int, int[]> onFinished, CancellationToken cancellation)
    {
        var plan = programs.Plan;
        var active = batch.Select(i => new BeamSearch(i, prompts[i], options, stops)).ToList();
        var (candidates, probabilities) = Prefill(programs, prompts, batch, cancellation);
        tensors.Set(LeanDecode.Ended, HostTensor.Zeros(DType.Bool, new Shape(plan.Batch)));
        var sources = Advance(active, plan, candidates, probabilities, onFinished);
        while (active.Count > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            programs.MoveRows(sources);
            int[] tokens = [.. active.SelectMany(search => search.Running.Select(beam => beam.Tokens[^1]))];
            tensors.Set(LeanDecode.Tokens, Padded(plan, tokens, 0));
            var outputs = programs.Launch.Step(Lengths(
                plan, [.. active.SelectMany(search => search.Running.Select(_ => search.Prompt.Length))]));
            sources = Advance(
                active, plan, outputs[LeanDecode.Candidates].Ints, outputs[LeanDecode.LogProbabilities].Floats,
                onFinished);
        }
    }

    /// <summary>Extends all beams by a token and drops finished searches.</summary>
    /// <returns>For each row of the next launch, the row that it continues.</returns>
    private static List<int> Advance(
        List<BeamSearch> active, DecodePlan plan, int[] candidates, float[] probabilities,
        Action<int, int[]> onFinished)
    {
        var (sources, row, width) = (new List<int>(), 0, plan.Candidates);
        foreach (var search in active)
        {
            var count = search.Running.Count;
            var parents = search.Advance(
                candidates.AsSpan(row * width, count * width), probabilities.AsSpan(row * width, count * width));
            if (search.IsFinished)
            {
                onFinished(search.Index, search.Results[0].Tokens);
            }
            else
            {
                sources.AddRange(parents.Select(parent => row + parent));
            }

            row += count;
        }

        active.RemoveAll(search => search.IsFinished);
        return sources;
    }

    /// <summary>Runs the prompts, each in its own row, and leaves their cache on the device.</summary>
    private (int[] Candidates, float[] LogProbabilities) Prefill(
        Programs programs, IReadOnlyList<int[]> prompts, int[] batch, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var plan = programs.Plan;
        var tokens = HostTensor.Zeros(DType.Int32, new Shape(plan.Batch, plan.PromptLength));
        for (var row = 0; row < batch.Length; row++)
        {
            prompts[batch[row]].CopyTo(tokens.Ints, row * plan.PromptLength);
        }

        var inputs = Lengths(plan, [.. batch.Select(index => prompts[index].Length)]);
        inputs.Add(LeanDecode.Prompts, tokens);
        var outputs = programs.Prefill.Step(inputs, Cache);
        tensors.Set(LeanDecode.Count, HostTensor.Zeros(DType.Int32, Shape.Scalar));
        return (outputs[LeanDecode.Candidates].Ints, outputs[LeanDecode.LogProbabilities].Floats);
    }

    private static Dictionary<string, HostTensor> Lengths(DecodePlan plan, int[] lengths) =>
        new(StringComparer.Ordinal) { [LeanDecode.Lengths] = Padded(plan, lengths, 1) };

    private static HostTensor Padded(DecodePlan plan, int[] values, int rest) => new(
        new Shape(plan.Batch), [.. values, .. Enumerable.Repeat(rest, plan.Batch - values.Length)]);

    /// <summary>The compiled programs of one size.</summary>
    private sealed class Programs
    {
        private readonly PjrtExecutor _executor;
        private readonly LeanDecode _decode;
        private readonly PjrtTensors _tensors;
        private PjrtSession? _reorder;

        public Programs(PjrtExecutor executor, LeanDecode decode, DecodePlan plan, PjrtTensors tensors)
        {
            (_executor, _decode, Plan, _tensors) = (executor, decode, plan, tensors);
            Prefill = Compile("the prefill", decode.PrefillGraph);
            Launch = Compile("the decoding", decode.LaunchGraph);
        }

        public DecodePlan Plan { get; }

        public PjrtSession Prefill { get; }

        public PjrtSession Launch { get; }

        /// <summary>Replaces the first rows of the cache by other rows.</summary>
        public void MoveRows(List<int> sources)
        {
            if (sources.Index().All(source => source.Item == source.Index))
            {
                return;
            }

            _reorder ??= Compile("the reordering", _decode.BuildReorder());
            _reorder.Step(new Dictionary<string, HostTensor>(StringComparer.Ordinal)
            {
                [LeanDecode.Rows] = Padded(Plan, [.. sources], 0),
            });
        }

        private PjrtSession Compile(string name, Graph graph) => new(
            _executor.Compile($"{name}, {Plan.Batch} x {Plan.PromptLength}", graph), _tensors);
    }
}
