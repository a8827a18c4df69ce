using System.Numerics.Tensors;

namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>
/// Generates the most likely next token repeatedly, for many prompts at once, with a key-value cache. Compiled programs
/// are kept between calls. Not thread-safe.
/// </summary>
/// <param name="model">The model; its weights are read in place.</param>
/// <param name="threads">Threads of the numeric loops, 1 or more.</param>
public sealed class GreedyDecoder(Gemma3Checkpoint model, int threads) : IDisposable
{
    private readonly DecodePrograms _programs = new(model, threads);

    /// <summary>Continues every prompt.</summary>
    /// <param name="prompts">Token ids, each with the begin token in front; at least one token each.</param>
    /// <param name="options">Lengths, stop tokens, batch size.</param>
    /// <param name="onCompleted">Called with the number of finished prompts when it grows; null for none.</param>
    /// <param name="cancellationToken">Checked before every token.</param>
    /// <returns>The new tokens of each prompt, in the prompts' order, including the stop token if one was
    /// produced.</returns>
    /// <exception cref="ModelInputException">
    /// A prompt is empty, too long, or has tokens outside the vocabulary.
    /// </exception>
    /// <exception cref="NonFiniteOutputException">The model's scores are not finite numbers.</exception>
    public int[][] Generate(
        IReadOnlyList<int[]> prompts, DecodeOptions options, Action<int>? onCompleted,
        CancellationToken cancellationToken)
    {
        DecodeRequests.RequireUsable(model.Config, prompts, options);
        var stops = (options.StopTokens ?? model.Config.EndTokens).ToHashSet();
        var results = new int[prompts.Count][];
        var completed = 0;

        // Prompts of similar length share a batch, so that little of it is padding.
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
    public void Dispose() => _programs.Dispose();

    private void Decode(
        List<DecodedText> active, Predicate<DecodedText> isFinished, Action<DecodedText> onFinished,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (prefill, step) = _programs.Begin([.. active.Select(text => text.Prompt)]);
        Choose(active, prefill.Logits.Floats);
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
    /// Moves the unfinished rows to the front, or to a smaller batch or a larger cache if needed.
    /// </summary>
    private DecodeStep Repack(DecodeStep step, int[] kept, List<DecodedText> active)
    {
        var capacity = Math.Max(step.Capacity, DecodePrograms.CapacityFor(active.Max(text => text.Position)));
        var next = _programs.StepFor(DecodePrograms.RowsFor(active.Count), capacity);
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

    private static void Choose(List<DecodedText> active, float[] logits)
    {
        var width = active.Count == 0 ? 0 : logits.Length / DecodePrograms.RowsFor(active.Count);
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
}
