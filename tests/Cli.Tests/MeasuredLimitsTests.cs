using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>The exit code of the programs below bench/, which would let a slower version pass otherwise.</summary>
public sealed class MeasuredLimitsTests
{
    [Theory]
    [InlineData(3000, 19.9, 0)]
    [InlineData(2999, 19.9, 3)]
    [InlineData(3000, 20, 3)]
    [InlineData(double.NaN, 1, 3)]
    [InlineData(4000, double.NaN, 3)]
    public void Finish_AfterMeasurements_FailsForAnyThatMissesItsLimit(double rate, double time, int expected)
    {
        var limits = MeasuredLimits.Of(["--runs", "7"], out var others);
        limits.AtLeast("answers a second", rate, 3000);
        limits.Below("99th percentile, ms", time, 20);

        Assert.Equal(expected, limits.Finish(TextWriter.Null));
        Assert.Equal(["--runs", "7"], others);
    }

    [Fact]
    public void Finish_WithReportOnly_TellsWhatWasMissedAndDoesNotFail()
    {
        using var output = new StringWriter();
        var limits = MeasuredLimits.Of(["--report-only", "--runs", "7"], out var others);
        limits.AtLeast("answers a second", 1234.5, 3000);
        limits.Below("99th percentile, ms", 5, 20);

        Assert.Equal(0, limits.Finish(output));
        Assert.Equal(["--runs", "7"], others);
        Assert.Equal(
            ["MISSED   answers a second: 1234.5, at least 3000", "1 of 2 limits are kept."],
            output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }
}
