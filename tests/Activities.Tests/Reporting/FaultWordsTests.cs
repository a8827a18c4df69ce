using System.Text.RegularExpressions;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>Codes in Korean: each code of a run or an attempt, and no other.</summary>
public sealed partial class FaultWordsTests
{
    [Fact]
    public void Codes_OfAttemptsAndRuns_AreAllExplainedInKorean()
    {
        var page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "errors.md")).Split("## The HTTP API")[0];
        var documented = Row().Matches(page).SelectMany(row => Code().Matches(row.Groups[1].Value))
            .Select(match => match.Groups[1].Value).ToHashSet(StringComparer.Ordinal);

        Assert.True(documented.Count > 80);
        Assert.Equal(documented.Order(StringComparer.Ordinal), FaultWords.Codes.Order(StringComparer.Ordinal));
        Assert.All(RefusalRules.All, rule => Assert.Contains(rule.Code, FaultWords.Codes));
        Assert.All(FaultWords.Codes, code => Assert.Matches("[가-힣].*\\.$", FaultWords.Of(code, Language.Korean)));
    }

    [Theory]
    [InlineData("NO_CAPACITY", Language.English)]
    [InlineData("A_CODE_OF_ANOTHER_VERSION", Language.Korean)]
    [InlineData(null, Language.Korean)]
    public void Of_WhereTheMessageIsAllThereIs_IsNull(string? code, Language language) =>
        Assert.Null(FaultWords.Of(code, language));

    [Fact]
    public void Page_OfAFailedRunInKorean_ExplainsTheCode()
    {
        var report = Reports.Report(Reports.Verdict(VerdictOutcome.Finer, 4, 0.001, 40)) with
        {
            Failure = new RunFailure("BUDGET_EXHAUSTED", "The run has cost all.", "Raise budgetUsd."),
        };

        string Page(Language language) => ReportPage.Render(report, [], language);

        Assert.Contains(
            "<p><code>BUDGET_EXHAUSTED</code> 노드를 반납하는 데 드는 몫을 남기고 예산을 모두 썼거나,",
            Page(Language.Korean), StringComparison.Ordinal);
        Assert.DoesNotContain("예산을 모두", Page(Language.English), StringComparison.Ordinal);
    }

    [GeneratedRegex("^\\| (`[A-Z].*?) \\|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`([A-Z_]+)`")]
    private static partial Regex Code();
}
