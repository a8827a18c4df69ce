using Workflows.Capacity.Bench.Markets;
using Workflows.Capacity.Bench.Output;

namespace Workflows.Capacity.Tests.Simulation;

/// <summary>What docs/capacity.md says of its table, on a small part of it: a change of the product that makes it
/// dearer than its peers, late, or leave nodes behind, fails here and not at the next long comparison.</summary>
public sealed class PolicyTableTests
{
    private const int Jobs = 8;

    [Fact]
    public async Task Comparison_OfASmallGrid_KeepsWhatTheTableOfTheDocumentationSays()
    {
        var zones = SpotWorld.Priced(TraceGenerator.Generate(TraceGenerator.Measured, 45, 1));

        var rows = await Comparison.RunAsync(zones, new ComparisonPart(2, [3], [1.1, 1.5], [60, 900], []));

        Assert.All(
            Comparison.Policies, policy => Assert.Equal(Jobs, rows.Count(row => row.Policy == policy)));
        var ours = rows.Where(row => row.Policy == Comparison.Ours).ToList();
        Assert.DoesNotContain(ours, row => row.IsMissed);
        Assert.DoesNotContain(rows, row => row.Outcome.Leaks > 0);
        Assert.All(
            [Comparison.Uniform, Comparison.GreedyName, Comparison.OnDemand],
            policy => Assert.True(
                MeanUsd(Comparison.Ours) < MeanUsd(policy),
                $"The product costs {MeanUsd(Comparison.Ours):0.00} USD on average, {policy} {MeanUsd(policy):0.00}."));
        Assert.All(rows.Where(row => !row.IsMissed), row => Assert.True(
            row.Outcome.Usd >= BoundOf(row) - 1e-9,
            $"{row.Policy} costs {row.Outcome.Usd:0.00} USD, below the optimum of {BoundOf(row):0.00}: {row}"));

        double MeanUsd(string policy) => rows.Where(row => row.Policy == policy).Average(row => row.Outcome.Usd);

        double BoundOf(ComparisonRow row) => rows.Single(each => each.Policy == Comparison.Optimal
            && (each.Slack, each.Restart, each.Begin) == (row.Slack, row.Restart, row.Begin)).Outcome.Usd;
    }
}
