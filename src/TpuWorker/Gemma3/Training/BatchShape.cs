namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The static sizes of a training batch, rounded up so that few different programs are compiled.</summary>
/// <param name="Batch">Rows: examples, or packs of them.</param>
/// <param name="Length">Positions of each.</param>
/// <param name="Rows">Positions, of all examples, for which the loss is computed.</param>
/// <param name="IsPacked">true if a row holds several examples, each attending only to itself.</param>
internal readonly record struct BatchShape(int Batch, int Length, int Rows, bool IsPacked = false)
{
    private const int RowSteps = 8;
    private const int MinStep = 8;

    public static BatchShape Of(IReadOnlyList<TrainingExample> examples, int batch)
    {
        var length = RoundLength(examples.Max(example => example.Tokens.Length - 1));
        var rows = examples.Sum(example => example.Tokens.Length - example.PromptLength);
        return new BatchShape(batch, length, RoundRows(rows, batch, length));
    }

    /// <summary>Rounds up by at most an eighth of all positions.</summary>
    public static int RoundRows(int rows, int batch, int length) =>
        RoundUp(rows, Math.Max(1, batch * length / RowSteps));

    /// <summary>
    /// Rounds a length up by at most an eighth, to a multiple of 8, which gives at most 8 lengths for each doubling.
    /// </summary>
    public static int RoundLength(int length)
    {
        var step = MinStep;
        while (step * RowSteps * 2 < length)
        {
            step *= 2;
        }

        return RoundUp(length, step);
    }

    private static int RoundUp(int value, int step) => (value + step - 1) / step * step;
}
