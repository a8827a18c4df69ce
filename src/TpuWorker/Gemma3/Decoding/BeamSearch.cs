namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>
/// The beams of one prompt, running and ended. Equal to transformers' beam search with early_stopping=False: a beam
/// ends at a stop token or the length limit, and the search ends when the best running beam, if it ended now, could not
/// beat the worst of a full set of ended ones.
/// </summary>
internal sealed class BeamSearch(int index, int[] prompt, DecodeOptions options, HashSet<int> stops)
{
    private readonly int _kept = KeptOf(options, stops);
    private readonly List<ScoredText> _ended = [];

    /// <summary>Its index among the caller's prompts.</summary>
    public int Index { get; } = index;

    public int[] Prompt { get; } = prompt;

    /// <summary>Running beams, best first; the empty text before the first step.</summary>
    public List<(int[] Tokens, double LogProbability)> Running { get; private set; } = [([], 0)];

    public bool IsFinished { get; private set; }

    /// <summary>Number of tokens so far, which is the next one's position.</summary>
    public int Position => Prompt.Length + Running[0].Tokens.Length;

    /// <summary>Ended beams, best first.</summary>
    public ScoredText[] Results => [.. _ended];

    /// <summary>Extends every running beam by one token.</summary>
    /// <param name="logits">Scores of the whole vocabulary, for each running beam.</param>
    /// <returns>For each beam that continues, the running beam from which it continues.</returns>
    public int[] Advance(ReadOnlySpan<float> logits) => Advance(BestContinuations(logits));

    /// <summary>Extends every running beam by one token.</summary>
    /// <param name="candidates">For each running beam its most likely tokens, as many as are kept of all.</param>
    /// <param name="logProbabilities">Their log-probabilities.</param>
    /// <returns>For each beam that continues, the running beam from which it continues.</returns>
    public int[] Advance(ReadOnlySpan<int> candidates, ReadOnlySpan<float> logProbabilities)
    {
        var width = candidates.Length / Running.Count;
        var all = new List<(double Sum, int Beam, int Token)>();
        for (var i = 0; i < candidates.Length; i++)
        {
            if (!float.IsFinite(logProbabilities[i]))
            {
                throw new NonFiniteOutputException(Index, Position - 1);
            }

            all.Add((Running[i / width].LogProbability + logProbabilities[i], i / width, candidates[i]));
        }

        return Advance([.. all.OrderByDescending(each => each.Sum).Take(_kept)]);
    }

    /// <summary>Returns the continuations that a search considers in each step: enough for all beams if some
    /// end.</summary>
    public static int KeptOf(DecodeOptions options, IReadOnlySet<int> stops) =>
        Math.Max(2, 1 + stops.Count) * options.BeamSize;

    private int[] Advance(List<(double Sum, int Beam, int Token)> best)
    {
        var length = Running[0].Tokens.Length + 1;
        var isLast = length == options.MaxNewTokens;
        var divisor = Math.Pow(length, options.LengthPenalty);
        var (next, parents) = (new List<(int[] Tokens, double LogProbability)>(), new List<int>());
        for (var rank = 0; rank < best.Count; rank++)
        {
            var (sum, beam, token) = best[rank];
            if (!isLast && !stops.Contains(token))
            {
                if (next.Count < options.BeamSize)
                {
                    next.Add(([.. Running[beam].Tokens, token], sum));
                    parents.Add(beam);
                }
            }
            else if (rank < options.BeamSize)
            {
                _ended.Add(new ScoredText([.. Running[beam].Tokens, token], sum / divisor));
            }
        }

        _ended.Sort((left, right) => right.Score.CompareTo(left.Score));
        _ended.RemoveRange(Math.Min(options.BeamSize, _ended.Count), Math.Max(0, _ended.Count - options.BeamSize));
        IsFinished = next.Count == 0
            || (_ended.Count == options.BeamSize && next[0].LogProbability / divisor <= _ended[^1].Score);
        Running = IsFinished ? Running : next;
        return [.. parents];
    }

    /// <summary>Finds the most likely one-token continuations of all beams, best first.</summary>
    private List<(double Sum, int Beam, int Token)> BestContinuations(ReadOnlySpan<float> logits)
    {
        var width = logits.Length / Running.Count;
        var best = new PriorityQueue<(double Sum, int Beam, int Token), double>();
        for (var beam = 0; beam < Running.Count; beam++)
        {
            var row = logits.Slice(beam * width, width);
            var offset = Running[beam].LogProbability - LogOfSum(row);
            var least = best.Count < _kept ? double.NegativeInfinity : best.Peek().Sum;
            for (var token = 0; token < width; token++)
            {
                var sum = row[token] + offset;
                if (sum <= least)
                {
                    continue;
                }

                best.Enqueue((sum, beam, token), sum);
                if (best.Count > _kept)
                {
                    best.Dequeue();
                }

                least = best.Count < _kept ? double.NegativeInfinity : best.Peek().Sum;
            }
        }

        var ordered = new List<(double Sum, int Beam, int Token)>(best.Count);
        while (best.TryDequeue(out var continuation, out _))
        {
            ordered.Add(continuation);
        }

        ordered.Reverse();
        return ordered;
    }

    private double LogOfSum(ReadOnlySpan<float> row)
    {
        var largest = System.Numerics.Tensors.TensorPrimitives.Max(row);
        if (!float.IsFinite(largest))
        {
            throw new NonFiniteOutputException(Index, Position - 1);
        }

        var sum = 0.0;
        foreach (var value in row)
        {
            sum += MathF.Exp(value - largest);
        }

        return largest + Math.Log(sum);
    }
}
