namespace Workflows.Translation.Metrics;

/// <summary>The counts of every segment, from which any sum, resampled or not, gives a score.</summary>
internal sealed class SegmentStatistics(int segments, int width)
{
    private readonly double[] _values = new double[segments * width];

    public int Segments => segments;

    public int Width => width;

    /// <summary>References of each segment; null if their number varies.</summary>
    public int? ReferenceCount { get; set; }

    public Span<double> Row(int segment) => _values.AsSpan(segment * width, width);

    public double[] Sum()
    {
        var sum = new double[width];
        for (var i = 0; i < segments; i++)
        {
            Add(sum, i);
        }

        return sum;
    }

    public void Add(Span<double> sum, int segment)
    {
        var row = Row(segment);
        for (var k = 0; k < row.Length; k++)
        {
            sum[k] += row[k];
        }
    }
}
