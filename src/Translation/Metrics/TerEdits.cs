namespace Workflows.Translation.Metrics;

/// <summary>Counts the edits of TER: blocks are moved as long as that reduces the edits.</summary>
/// <remarks>Snover et al. 2006, with the limits and the order of choices of sacreBLEU.</remarks>
internal static class TerEdits
{
    private const int LongestBlock = 10;
    private const int FarthestMove = 50;
    private const int MostCandidates = 1000;

    /// <summary>Returns the fewest edits found from the output to the reference.</summary>
    public static int Count(int[] output, int[] reference)
    {
        if (reference.Length == 0)
        {
            return output.Length;
        }

        var matrix = new EditMatrix(reference, output.Length);
        var candidates = new EditMatrix(reference, output.Length);
        var (moves, tried) = (0, 0);
        while (true)
        {
            var distance = matrix.Distance(output);
            var best = BestMove(output, reference, distance, matrix.Trace(), candidates, ref tried);
            // The result of a search that was cut short is not used, as in the original.
            if (tried >= MostCandidates || best is not { Gain: > 0 } move)
            {
                return moves + distance;
            }

            output = Move(output, move.Start, move.Length, move.Target);
            moves++;
        }
    }

    private static Candidate? BestMove(
        int[] output, int[] reference, int distance, EditStep[] trace, EditMatrix matrix, ref int tried)
    {
        var alignment = new Alignment(output.Length, reference.Length, trace);
        Candidate? best = null;
        foreach (var (start, target, length) in Blocks(output, reference))
        {
            // Only words that are wrong on both sides are moved, and not within themselves.
            var aligned = alignment.Positions[target];
            if (!alignment.HasOutputError(start, length) || !alignment.HasReferenceError(target, length)
                || (start <= aligned && aligned < start + length))
            {
                continue;
            }

            var previous = -1;
            for (var offset = -1; offset < length && target + offset < reference.Length; offset++)
            {
                var index = target + offset < 0 ? 0 : alignment.Positions[target + offset] + 1;
                if (index == previous)
                {
                    continue;
                }

                previous = index;
                tried++;
                var gain = distance - matrix.Distance(Move(output, start, length, index));
                var candidate = new Candidate(gain, length, start, index);
                best = best is null || candidate.IsBetterThan(best.Value) ? candidate : best;
            }

            if (tried >= MostCandidates)
            {
                break;
            }
        }

        return best;
    }

    private static IEnumerable<(int Start, int Target, int Length)> Blocks(int[] output, int[] reference)
    {
        for (var start = 0; start < output.Length; start++)
        {
            var from = Math.Max(0, start - FarthestMove);
            var to = Math.Min(reference.Length - 1, start + FarthestMove);
            for (var target = from; target <= to; target++)
            {
                for (var length = 0; length < LongestBlock && start + length < output.Length
                    && target + length < reference.Length
                    && output[start + length] == reference[target + length];)
                {
                    length++;
                    yield return (start, target, length);
                }
            }
        }
    }

    private static int[] Move(int[] words, int start, int length, int target)
    {
        var (block, rest) = (words[start..(start + length)], (int[])[.. words[..start], .. words[(start + length)..]]);
        // A target before or within the block counts the words before it; one after the block counts its words as well.
        var at = Math.Min(target > start + length ? target - length : target, rest.Length);
        return [.. rest[..at], .. block, .. rest[at..]];
    }

    private readonly record struct Candidate(int Gain, int Length, int Start, int Target)
    {
        public bool IsBetterThan(Candidate other) =>
            (Gain, Length, -Start, -Target).CompareTo((other.Gain, other.Length, -other.Start, -other.Target)) > 0;
    }

    /// <summary>The position of each word of the reference in the output, and the words that are wrong.</summary>
    private sealed class Alignment
    {
        private readonly bool[] _outputErrors;
        private readonly bool[] _referenceErrors;

        public Alignment(int outputLength, int referenceLength, EditStep[] trace)
        {
            Positions = new int[referenceLength];
            _outputErrors = new bool[outputLength];
            _referenceErrors = new bool[referenceLength];
            var (output, reference) = (-1, -1);
            foreach (var step in trace)
            {
                if (step != EditStep.Insert)
                {
                    _outputErrors[++output] = step != EditStep.Keep;
                }

                if (step != EditStep.Delete)
                {
                    _referenceErrors[++reference] = step != EditStep.Keep;
                    Positions[reference] = output;
                }
            }
        }

        public int[] Positions { get; }

        public bool HasOutputError(int start, int length) => _outputErrors.AsSpan(start, length).Contains(true);

        public bool HasReferenceError(int start, int length) => _referenceErrors.AsSpan(start, length).Contains(true);
    }
}
