namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>
/// Decodes many prompts at once by beam search, with a key-value cache. Compiled programs are kept between calls. Not
/// thread-safe.
/// </summary>
/// <param name="model">The model; its weights are read in place.</param>
/// <param name="threads">Threads of the numeric loops, 1 or more.</param>
public sealed class BeamDecoder(Gemma3Checkpoint model, int threads) : IDisposable
{
    private readonly DecodePrograms _programs = new(model, threads);

    /// <summary>Continues every prompt.</summary>
    /// <param name="prompts">Token ids, each with the begin token in front; at least one token each.</param>
    /// <param name="options">Lengths, stop tokens, beams, rows at once.</param>
    /// <param name="onCompleted">Called with the number of finished prompts when it grows; null for none.</param>
    /// <param name="cancellationToken">Checked before every token.</param>
    /// <returns>For each prompt, in the prompts' order, its ended beams, best first, at most as many as
    /// requested.</returns>
    /// <exception cref="ModelInputException">
    /// A prompt is empty, too long, or has tokens outside the vocabulary; an option is out of range.
    /// </exception>
    /// <exception cref="NonFiniteOutputException">The model's scores are not finite numbers.</exception>
    public ScoredText[][] Generate(
        IReadOnlyList<int[]> prompts, DecodeOptions options, Action<int>? onCompleted,
        CancellationToken cancellationToken)
    {
        DecodeRequests.RequireUsable(model.Config, prompts, options);
        var stops = (options.StopTokens ?? model.Config.EndTokens).ToHashSet();
        var results = new ScoredText[prompts.Count][];
        var completed = 0;
        var byLength = Enumerable.Range(0, prompts.Count).OrderBy(i => prompts[i].Length);
        foreach (var batch in byLength.Chunk(Math.Max(1, options.BatchSize / options.BeamSize)))
        {
            var searches = batch.Select(i => new BeamSearch(i, prompts[i], options, stops)).ToList();
            Decode(searches, search =>
            {
                results[search.Index] = search.Results;
                onCompleted?.Invoke(++completed);
            }, cancellationToken);
        }

        return results;
    }

    /// <inheritdoc/>
    public void Dispose() => _programs.Dispose();

    private void Decode(List<BeamSearch> active, Action<BeamSearch> onFinished, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (prefill, step) = _programs.Begin([.. active.Select(search => search.Prompt)]);
        var rows = Advance(active, prefill.Logits.Floats, onFinished);
        while (active.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            step = Repack(step, rows, active.Max(search => search.Position));
            step.Run(
                [.. active.SelectMany(search => search.Running.Select(beam => beam.Tokens[^1]))],
                [.. active.SelectMany(search => search.Running.Select(_ => search.Position - 1))]);
            rows = Advance(active, step.Scores.Floats, onFinished);
        }
    }

    /// <summary>Extends all beams by a token and drops finished searches.</summary>
    /// <returns>For each row of the next step, the row that it continues.</returns>
    private int[] Advance(List<BeamSearch> active, float[] logits, Action<BeamSearch> onFinished)
    {
        var width = model.Config.VocabularySize;
        var (rows, row) = (new List<int>(), 0);
        foreach (var search in active)
        {
            var count = search.Running.Count;
            var parents = search.Advance(logits.AsSpan(row * width, count * width));
            if (search.IsFinished)
            {
                onFinished(search);
            }
            else
            {
                rows.AddRange(parents.Select(parent => row + parent));
            }

            row += count;
        }

        active.RemoveAll(search => search.IsFinished);
        return [.. rows];
    }

    private DecodeStep Repack(DecodeStep step, int[] rows, int positions)
    {
        var next = _programs.StepFor(
            DecodePrograms.RowsFor(rows.Length), Math.Max(step.Capacity, DecodePrograms.CapacityFor(positions)));
        if (ReferenceEquals(next, step))
        {
            step.ReorderRows(rows);
        }
        else
        {
            next.TakeRows(step, rows);
        }

        return next;
    }
}
