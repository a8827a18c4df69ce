using System.Globalization;
using System.Text.RegularExpressions;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>The curve of the report's page: training loss and each measurement on the validation pairs.</summary>
public sealed partial class ReportPageCurveTests
{
    private const double Bottom = 230, Top = 12, Left = 46, Right = 854;

    [Fact]
    public void Page_OfValidationLosses_HasEachAsAPointOnTheScaleOfTheLoss()
    {
        var page = Render([new(5, 4, "loss"), new(10, 2, "loss"), new(15, 1, "loss")]);

        var points = Points(page);
        Assert.Equal(3, points.Count);
        Assert.Equal([0.25, 0.5, 0.75], points.Select(point => (point.X - Left) / (Right - Left)));
        Assert.Equal([1, 0.5, 0.25], points.Select(point => Math.Round((Bottom - point.Y) / (Bottom - Top), 3)));
        Assert.Contains("<title>step 10: 2</title>", page, StringComparison.Ordinal);
        Assert.Contains("Points: mean cross-entropy of the validation pairs.", page, StringComparison.Ordinal);
        Assert.Contains("<tr><td>10</td><td>2 (kept)</td></tr>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_OfValidationChrf_HasItsOwnAxisFromZeroToAHundred()
    {
        var page = Render([new(10, 50, "chrf"), new(20, 100, "chrf")]);

        Assert.Equal([0.5, 1], Points(page).Select(point => Math.Round((Bottom - point.Y) / (Bottom - Top), 3)));
        Assert.Contains(">100</text>", page, StringComparison.Ordinal);
        Assert.Contains("chrF of the validation pairs, axis on the right", page, StringComparison.Ordinal);
        Assert.DoesNotContain("validation loss", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_WithoutAValidation_HasNoPoints()
    {
        var page = Render([]);

        Assert.Empty(Points(page));
        Assert.DoesNotContain("class=\"validation\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Points:", page, StringComparison.Ordinal);
    }

    /// <summary>A run that ended in its first steps may have a measurement and no curve.</summary>
    [Fact]
    public void Page_OfAMeasurementWithoutACurve_HasItInATable()
    {
        var page = ReportPage.Render(Reports.Report() with { Validations = [new(1, 2.5, "loss")] }, []);

        Assert.Contains("<tr><td>1</td><td>2.5</td></tr>", page, StringComparison.Ordinal);
        Assert.Empty(Points(page));
    }

    /// <summary>Numbers that a worker can send and that no chart can scale.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(-3, -3)]
    [InlineData(1e300, 1e-300)]
    [InlineData(double.MaxValue, -1)]
    public void Page_OfStrangeNumbers_DrawsNothingThatIsNoNumber(double loss, double score)
    {
        var page = Render([new(1, score, "loss"), new(100, score, "loss")], loss);

        Assert.DoesNotMatch("\"(NaN|∞|-∞|Infinity)", page);
    }

    private static string Render(IReadOnlyList<ValidationFact> validations, double first = 4) => ReportPage.Render(
        Reports.Report() with
        {
            Recoveries = [],
            Validations = validations,
            Training = new TrainingSection(20, 100, 5, first, 1, 20) { OutputStep = 10 },
        },
        [Point(1, first), Point(20, 1)]);

    private static MetricPoint Point(int step, double loss) =>
        new(DateTimeOffset.UnixEpoch, step, 20, loss, 1e-3, 1, 10, 5, 0);

    private static List<(double X, double Y)> Points(string page) =>
        [.. Circle().Matches(page).Select(match => (Number(match, 1), Number(match, 2)))];

    private static double Number(Match match, int group) =>
        double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("""<circle class="validation" r="4" cx="([0-9.-]+)" cy="([0-9.-]+)">""")]
    private static partial Regex Circle();
}
