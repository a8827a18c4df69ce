namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// The rows of the examples of one pass: each example in a row of its own, or several one after the other in a row. An
/// example takes one position less than it has tokens, since the last token predicts nothing.
/// </summary>
/// <param name="Shape">Sizes of the pass.</param>
/// <param name="Rows">The examples of each row in their order; at most as many rows as the shape has.</param>
internal sealed record BatchLayout(BatchShape Shape, IReadOnlyList<IReadOnlyList<TrainingExample>> Rows)
{
    /// <summary>Puts each example in a row of its own; further rows stay empty.</summary>
    public static BatchLayout Alone(IReadOnlyList<TrainingExample> examples, int batch) =>
        new(BatchShape.Of(examples, batch), [.. examples.Select(example => (TrainingExample[])[example])]);

    /// <summary>
    /// Puts examples in as few rows as first-fit decreasing finds (Johnson 1973: within 11/9 of the fewest), each as
    /// long as the longest example needs. The batch has the same examples, so the loss and its gradients are those of
    /// the batch without packing.
    /// </summary>
    /// <param name="examples">The examples.</param>
    /// <param name="rowLength">Positions of a row; null for those of the longest example.</param>
    public static BatchLayout Packed(IReadOnlyList<TrainingExample> examples, int? rowLength = null)
    {
        var length = rowLength ?? BatchShape.RoundLength(examples.Max(Positions));
        var (rows, free) = (new List<List<TrainingExample>>(), new List<int>());
        foreach (var example in examples.OrderByDescending(Positions))
        {
            var row = free.FindIndex(left => left >= Positions(example));
            if (row < 0)
            {
                row = rows.Count;
                rows.Add([]);
                free.Add(length);
            }

            rows[row].Add(example);
            free[row] -= Positions(example);
        }

        var answers = examples.Sum(example => example.Tokens.Length - example.PromptLength);
        var shape = new BatchShape(
            rows.Count, length, BatchShape.RoundRows(answers, rows.Count, length), IsPacked: true);
        return new BatchLayout(shape, rows);
    }

    public static int Positions(TrainingExample example) => example.Tokens.Length - 1;
}
