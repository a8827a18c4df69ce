namespace Workflows.Translation.Metrics;

/// <summary>
/// Sums doubles in numpy's order of addition, so that means are equal to the last digit printed: up to 128 numbers in
/// eight interleaved sums, longer arrays by halves (Higham 1993, pairwise summation).
/// </summary>
internal static class NumpySum
{
    private const int Lanes = 8;
    private const int BlockLength = 128;

    public static double Mean(ReadOnlySpan<double> values) => Of(values) / values.Length;

    public static double Of(ReadOnlySpan<double> values)
    {
        if (values.Length < Lanes)
        {
            var few = 0.0;
            foreach (var value in values)
            {
                few += value;
            }

            return few;
        }

        if (values.Length > BlockLength)
        {
            var half = values.Length / 2;
            half -= half % Lanes;
            return Of(values[..half]) + Of(values[half..]);
        }

        Span<double> sums = stackalloc double[Lanes];
        values[..Lanes].CopyTo(sums);
        var at = Lanes;
        for (; at < values.Length - values.Length % Lanes; at++)
        {
            sums[at % Lanes] += values[at];
        }

        var total = sums[0] + sums[1] + (sums[2] + sums[3]) + (sums[4] + sums[5] + (sums[6] + sums[7]));
        for (; at < values.Length; at++)
        {
            total += values[at];
        }

        return total;
    }
}
