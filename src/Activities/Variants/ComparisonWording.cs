using System.Globalization;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>Formats comparisons of variants; no other code does.</summary>
public static class ComparisonWording
{
    /// <summary>Says how the best variant is chosen.</summary>
    public const string Rule =
        "The best variant has the best validation score of the weights that became its model. The test set does not "
        + "choose: a variant chosen by its test score would have a score that is too high.";

    /// <summary>Formats the choice of the best variant.</summary>
    /// <param name="best">The choice.</param>
    /// <returns>One sentence with its period.</returns>
    public static string Of(BestVariant best)
    {
        ArgumentNullException.ThrowIfNull(best);
        return best.Of == 1
            ? $"Only '{best.Variant}' has a validation score ({WireName.Of(best.Direction)}): "
                + $"{Score(best.Metric, best.Score)}."
            : $"Best of {best.Of} ({WireName.Of(best.Direction)}): '{best.Variant}', validation "
                + $"{Score(best.Metric, best.Score)}.";
    }

    /// <summary>Formats a validation score with its metric.</summary>
    /// <param name="metric"><c>loss</c> or <c>chrf</c>.</param>
    /// <param name="score">The score.</param>
    /// <returns>Such as <c>loss 1.234</c>.</returns>
    public static string Score(string? metric, double score) => metric == "chrf"
        ? string.Create(CultureInfo.InvariantCulture, $"chrF {score:0.00}")
        : string.Create(CultureInfo.InvariantCulture, $"loss {score:0.0000}");

    /// <summary>Formats the outcome of a test in one or two words.</summary>
    /// <param name="score">The test.</param>
    /// <returns>Such as <c>finer, p = 0.0010</c>.</returns>
    public static string Outcome(TestScore score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return WireName.Of(score.Outcome) + (score.PValue is { } p
            ? string.Create(CultureInfo.InvariantCulture, $", p = {p:0.0000}") : "");
    }

    /// <summary>Notes a variant whose test score is above that of the best by the validation set.</summary>
    /// <param name="rows">The variants of one direction.</param>
    /// <returns>One sentence, or none.</returns>
    internal static IEnumerable<string> OtherByTest(IReadOnlyList<VariantRow> rows)
    {
        var scored = rows.Where(row => row.Test.Count > 0).ToList();
        var best = scored.Find(row => row.IsBest);
        var first = scored.MaxBy(Mean);
        return best is null || first is null || Mean(first) <= Mean(best) ? [] :
        [
            $"'{first.Name}' has a higher BLEU on the test set than '{best.Name}'. That is no reason to choose it: the "
            + "highest of several test scores is partly luck.",
        ];

        static double Mean(VariantRow row) => row.Test.Average(score => score.TunedBleu);
    }

    /// <summary>Notes the boots that were saved because variants passed their nodes on.</summary>
    /// <param name="boots">Variants that got a node, and the mean seconds until a rented one could be used; null if
    /// none was rented.</param>
    /// <returns>One sentence, or none.</returns>
    internal static IEnumerable<string> Boots((int Saved, double? Seconds) boots) => boots.Saved == 0 ? [] :
    [
        $"{Counted.Of(boots.Saved, "variant")} got the node of another one: {Counted.Of(boots.Saved, "boot")} saved"
        + (boots.Seconds is { } seconds
            ? string.Create(
                CultureInfo.InvariantCulture, $", of {seconds:0} s each by the nodes that were rented.") : "."),
    ];

    /// <summary>Notes the nodes that variants may have left.</summary>
    /// <param name="rows">The variants.</param>
    /// <returns>One sentence, or none.</returns>
    internal static IEnumerable<string> NodesLeft(IReadOnlyList<VariantRow> rows) =>
        rows.Sum(row => row.NodesLeft) is > 0 and var count
            ? [$"{Counted.Of(count, "node")} not proved gone: see the reports of the variants."] : [];
}
