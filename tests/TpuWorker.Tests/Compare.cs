using System.Numerics.Tensors;

namespace Workflows.TpuWorker.Tests;

/// <summary>Comparison of tensors relative to the largest element, which is what rounding is proportional to.</summary>
internal static class Compare
{
    public static void Close(
        ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what = "")
    {
        Assert.Equal(expected.Length, actual.Length);
        var error = RelativeError(expected, actual);
        Assert.True(error <= tolerance, $"{what}: error {error:e2} of the largest element, allowed {tolerance:e1}");
    }

    /// <summary>How many elements differ by more than the tolerance.</summary>
    public static int CountApart(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance)
    {
        var (limit, count) = (tolerance * TensorPrimitives.MaxMagnitude(expected), 0);
        for (var i = 0; i < expected.Length; i++)
        {
            count += Math.Abs((double)expected[i] - actual[i]) > Math.Abs(limit) ? 1 : 0;
        }

        return count;
    }

    public static void Close(double expected, double actual, double tolerance, string what)
    {
        var error = Math.Abs(expected - actual) / Math.Max(Math.Abs(expected), 1e-12);
        Assert.True(
            error <= tolerance, $"{what}: {actual} instead of {expected}, error {error:e2}, allowed {tolerance:e1}");
    }

    public static double RelativeError(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        var (largest, error) = (1e-12, 0.0);
        for (var i = 0; i < expected.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(expected[i]));
            var difference = Math.Abs((double)expected[i] - actual[i]);
            error = Math.Max(error, double.IsNaN(difference) ? double.PositiveInfinity : difference);
        }

        return error / largest;
    }
}
