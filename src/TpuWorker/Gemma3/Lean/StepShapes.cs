using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>The static sizes of a pass.</summary>
/// <param name="Rows">Rows of a micro-batch.</param>
/// <param name="Length">Positions of a row.</param>
/// <param name="Answers">Positions of a row for which the loss is computed.</param>
internal readonly record struct StepShape(int Rows, int Length, int Answers)
{
    public bool Covers(StepShape need) => Rows >= need.Rows && Length >= need.Length && Answers >= need.Answers;
}

/// <summary>
/// The few sizes to which passes are padded: each size costs a compilation of seconds to minutes, and each position of
/// padding costs as much as a real one.
/// </summary>
internal sealed class StepShapes
{
    /// <summary>Most sizes of training.</summary>
    public const int MostTraining = 3;

    /// <summary>Most sizes of validation, and of prompts.</summary>
    public const int MostOther = 2;

    // One more size must save a tenth of the positions; chosen, so that a run of few steps does not compile for them.
    private const double WorthwhileShare = 0.9;

    private const int SmallStep = 8, LargeStep = 32, LargeLength = 256;

    private readonly IReadOnlyList<StepShape> _shapes;

    private StepShapes(IReadOnlyList<StepShape> shapes) => _shapes = shapes;

    /// <summary>Gets the sizes, the smallest first.</summary>
    public IReadOnlyList<StepShape> All => _shapes;

    /// <summary>Chooses sizes for passes of equally many rows, with one example in each row.</summary>
    /// <param name="rows">Rows of every pass.</param>
    /// <param name="longest">Positions of the longest example of each pass.</param>
    /// <param name="examples">All examples that can occur.</param>
    /// <param name="most">Most sizes.</param>
    public static StepShapes OfLengths(
        int rows, IEnumerable<int> longest, IReadOnlyList<TrainingExample> examples, int most)
    {
        var limit = RoundUp(examples.Max(BatchLayout.Positions));
        return new StepShapes([.. Choose(longest.Select(RoundUp), limit, most).Select(length => new StepShape(
            rows, length, AnswersWithin(examples, length)))]);
    }

    /// <summary>Chooses sizes for rows of several examples: one for the given passes, and the largest
    /// possible.</summary>
    /// <param name="rows">Rows of a pass without packing.</param>
    /// <param name="length">Positions of every row.</param>
    /// <param name="needs">Needs of passes.</param>
    public static StepShapes OfPacks(int rows, int length, IReadOnlyList<StepShape> needs)
    {
        var usual = new StepShape(
            needs.Max(need => need.Rows), length,
            Math.Min(length, Up(needs.Max(need => need.Answers), SmallStep)));
        var worst = new StepShape(rows, length, length);
        return new StepShapes(usual == worst ? [worst] : [usual, worst]);
    }

    /// <summary>Chooses sizes for prompts.</summary>
    /// <param name="lengths">Tokens of the longest prompt of each batch.</param>
    public static IReadOnlyList<int> OfPrompts(IReadOnlyList<int> lengths) =>
        Choose(lengths.Select(RoundUp), RoundUp(lengths.Max()), MostOther);

    /// <summary>Returns the smallest size that covers a need.</summary>
    public StepShape For(StepShape need) => _shapes.First(shape => shape.Covers(need));

    /// <summary>Rounds a length up, so that rows are aligned in a device's memory and lengths repeat.</summary>
    public static int RoundUp(int length) => Up(length, length > LargeLength ? LargeStep : SmallStep);

    private static int AnswersWithin(IReadOnlyList<TrainingExample> examples, int length)
    {
        var answers = examples.Where(example => BatchLayout.Positions(example) <= length)
            .Max(example => example.Tokens.Length - example.PromptLength);
        return Math.Min(length, Up(answers, SmallStep));
    }

    /// <summary>Chooses the lengths, the largest of them the limit, that need the least padding.</summary>
    private static List<int> Choose(IEnumerable<int> lengths, int limit, int most)
    {
        var counted = lengths.Append(limit).CountBy(length => length).OrderBy(pair => pair.Key).ToList();
        var (best, cost) = (new List<int> { limit }, Cost(counted, [limit]));
        for (var count = 2; count <= most; count++)
        {
            var (wider, less) = Best(counted, limit, count);
            if (less > WorthwhileShare * cost)
            {
                break;
            }

            (best, cost) = (wider, less);
        }

        return best;
    }

    /// <summary>Returns the best of all choices of a count: there are few lengths, and one or two to choose.</summary>
    private static (List<int> Lengths, long Cost) Best(
        List<KeyValuePair<int, int>> counted, int limit, int count)
    {
        (List<int> Lengths, long Cost) best = ([limit], long.MaxValue);
        Extend([], 0);
        return best;

        void Extend(List<int> chosen, int from)
        {
            if (chosen.Count == count - 1)
            {
                List<int> lengths = [.. chosen, limit];
                var cost = Cost(counted, lengths);
                best = cost < best.Cost ? (lengths, cost) : best;
                return;
            }

            for (var at = from; at < counted.Count - 1; at++)
            {
                Extend([.. chosen, counted[at].Key], at + 1);
            }
        }
    }

    private static long Cost(List<KeyValuePair<int, int>> counted, List<int> lengths) =>
        counted.Sum(pair => (long)pair.Value * lengths.First(length => length >= pair.Key));

    private static int Up(int value, int step) => (value + step - 1) / step * step;
}
