using System.Numerics.Tensors;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>
/// Generates the likeliest next token again and again, for many prompts at once, with a key-value cache. Compiled
/// programs are kept between calls. Not thread-safe.
/// </summary>
/// <param name="model">The model; its weights are read in place.</param>
/// <param name="threads">Threads of the numeric loops, 1 or more.</param>
public sealed class GreedyDecoder(Gemma3Checkpoint model, int threads) : IDisposable
{
    private const int MaxPrograms = 12;

    // Chosen: a cache grows by this many positions, so that attention costs little more than the text is long.
    private const int CapacityStep = 64;

    private readonly ProgramCache<(int Batch, int Length), PrefillProgram> _prefills = new(MaxPrograms);
    private readonly ProgramCache<(int Batch, int Capacity), DecodeStep> _steps = new(MaxPrograms);

    /// <summary>Continues every prompt.</summary>
    /// <param name="prompts">Token ids, each with the begin token in front; at least one token each.</param>
    /// <param name="options">Lengths, stop tokens, batch size.</param>
    /// <param name="onCompleted">Told how many prompts are done, as that number grows; null for nobody.</param>
    /// <param name="cancellationToken">Looked at before every token.</param>
    /// <returns>The new tokens of each prompt in its place, the stop token included where one was produced.</returns>
    /// <exception cref="ModelInputException">
    /// A prompt is empty, too long, or has tokens outside the vocabulary.
    /// </exception>
    /// <exception cref="NonFiniteOutputException">The model's scores are not finite numbers.</exception>
    public int[][] Generate(
        IReadOnlyList<int[]> prompts, DecodeOptions options, Action<int>? onCompleted,
        CancellationToken cancellationToken)
    {
        RequireUsable(prompts, options);
        var stops = (options.StopTokens ?? model.Config.EndTokens).ToHashSet();
        var results = new int[prompts.Count][];
        var completed = 0;

        // Prompts of like length share a batch, so that little of it is padding.
        var byLength = Enumerable.Range(0, prompts.Count).OrderBy(i => prompts[i].Length);
        foreach (var batch in byLength.Chunk(options.BatchSize))
        {
            var texts = batch.Select(index => new DecodedText(index, prompts[index])).ToList();
            void Finish(DecodedText text)
            {
                results[text.Index] = [.. text.NewTokens];
                onCompleted?.Invoke(++completed);
            }

            Decode(texts, text => text.IsFinished(options.MaxNewTokens, stops), Finish, cancellationToken);
        }

        return results;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _prefills.Dispose();
        _steps.Dispose();
    }

    private void Decode(
        List<DecodedText> active, Predicate<DecodedText> isFinished, Action<DecodedText> onFinished,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var rows = RowsFor(active.Count);
        var length = BatchShape.RoundLength(active.Max(text => text.Position));
        var prefill = _prefills.Get((rows, length), key => new PrefillProgram(model, key.Batch, key.Length, threads));
        prefill.Run([.. active.Select(text => text.Prompt)]);
        Choose(active, prefill.Logits.Floats);
        var step = StepFor(rows, length);
        prefill.CopyCacheTo(step);
        while (true)
        {
            active.FindAll(isFinished).ForEach(onFinished);
            var kept = UnfinishedRows(active, isFinished);
            if (kept.Length == 0)
            {
                return;
            }

            cancellationToken.ThrowIfCancellationRequested();
            active.RemoveAll(isFinished);
            step = Repack(step, kept, active);
            step.Run(
                [.. active.Select(text => text.NewTokens[^1])], [.. active.Select(text => text.Position - 1)]);
            Choose(active, step.Scores.Floats);
        }
    }

    /// <summary>
    /// Moves the unfinished rows to the front, to a smaller batch or a larger cache where that is due.
    /// </summary>
    private DecodeStep Repack(DecodeStep step, int[] kept, List<DecodedText> active)
    {
        var capacity = Math.Max(step.Capacity, CapacityFor(active.Max(text => text.Position)));
        var next = StepFor(RowsFor(active.Count), capacity);
        if (!ReferenceEquals(next, step))
        {
            next.TakeRows(step, kept);
        }
        else if (kept.Length != kept[^1] + 1)
        {
            // Rows move towards the front within one cache, so none is overwritten before it was read.
            step.TakeRows(step, kept);
        }

        return next;
    }

    private static int[] UnfinishedRows(List<DecodedText> texts, Predicate<DecodedText> isFinished) =>
        [.. Enumerable.Range(0, texts.Count).Where(row => !isFinished(texts[row]))];

    private DecodeStep StepFor(int rows, int positions) => _steps.Get(
        (rows, CapacityFor(positions)), key => new DecodeStep(model, key.Batch, key.Capacity, threads));

    private static int CapacityFor(int positions) => (positions + CapacityStep - 1) / CapacityStep * CapacityStep;

    /// <summary>The next power of two: few shapes, and never more than twice the rows that are needed.</summary>
    private static int RowsFor(int count) => (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)count);

    private static void Choose(List<DecodedText> active, float[] logits)
    {
        var width = active.Count == 0 ? 0 : logits.Length / RowsFor(active.Count);
        for (var row = 0; row < active.Count; row++)
        {
            var scores = logits.AsSpan(row * width, width);
            var best = TensorPrimitives.IndexOfMax<float>(scores);
            if (!float.IsFinite(scores[best]))
            {
                throw new NonFiniteOutputException(active[row].Index, active[row].Position - 1);
            }

            active[row].NewTokens.Add(best);
        }
    }

    private void RequireUsable(IReadOnlyList<int[]> prompts, DecodeOptions options)
    {
        if (options.MaxNewTokens < 1 || options.BatchSize < 1)
        {
            throw new ModelInputException(
                "decoding", $"of {options.MaxNewTokens} tokens, {options.BatchSize} at once: wanted 1 or more of both");
        }

        for (var i = 0; i < prompts.Count; i++)
        {
            var (prompt, longest) = (prompts[i], model.Config.MaxPositions - options.MaxNewTokens);
            if (prompt.Length < 1 || prompt.Length > longest)
            {
                throw new ModelInputException($"prompt {i}", $"has {prompt.Length} tokens, wanted 1 to {longest}");
            }

            if (Array.FindIndex(prompt, token => token < 0 || token >= model.Config.VocabularySize) is var at and >= 0)
            {
                throw new ModelInputException(
                    $"prompt {i}", $"has token {prompt[at]}, wanted 0 to {model.Config.VocabularySize - 1}");
            }
        }
    }
}
