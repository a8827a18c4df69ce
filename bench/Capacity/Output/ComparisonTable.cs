using System.Globalization;
using System.Text;

namespace Workflows.Capacity.Bench.Output;

/// <summary>Writes the comparison as tables.</summary>
internal static class ComparisonTable
{
    /// <summary>Writes every job as CSV.</summary>
    /// <param name="rows">The jobs.</param>
    public static string Csv(IEnumerable<ComparisonRow> rows)
    {
        var text = new StringBuilder(
            "zones,deadline_over_work,restart_seconds,begin,policy,usd,hours,missed,nodes,leaks\n");
        foreach (var row in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Zones},{row.Slack},{row.Restart},{row.Begin},")
                .Append(CultureInfo.InvariantCulture, $"{row.Policy},")
                .Append(CultureInfo.InvariantCulture, $"{row.Outcome.Usd:0.000},{Hours(row)},{(row.IsMissed ? 1 : 0)},")
                .Append(CultureInfo.InvariantCulture, $"{row.Outcome.Nodes},{row.Outcome.Leaks}\n");
        }

        return text.ToString();
    }

    /// <summary>Writes the means of each set of zones and policy as a table of Markdown.</summary>
    /// <param name="rows">The jobs.</param>
    public static string Markdown(IReadOnlyList<ComparisonRow> rows)
    {
        var text = new StringBuilder(
            "| zones | policy | USD | of on-demand | over the optimum | hours | missed | leaks |\n"
            + "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        foreach (var zones in rows.GroupBy(row => row.Zones))
        {
            foreach (var policy in Comparison.Policies)
            {
                List<ComparisonRow> own = [.. zones.Where(row => row.Policy == policy)];
                var usd = own.Average(row => row.Outcome.Usd);
                var isBound = policy is Comparison.Optimal or Comparison.Paying;
                text.Append(CultureInfo.InvariantCulture, $"| {zones.Key} | {policy} | {usd:0.00} ")
                    .Append(CultureInfo.InvariantCulture, $"| {usd / Mean(zones, Comparison.OnDemand):0 %} ")
                    .Append(
                        CultureInfo.InvariantCulture,
                        $"| {usd / Mean(zones, Comparison.Optimal) - 1:+0 %;-0 %;0 %} ")
                    .Append(isBound ? "| " : string.Create(
                        CultureInfo.InvariantCulture,
                        $"| {own.Average(row => Math.Min(row.Outcome.Seconds, Comparison.Work * 30)) / 3600:0.0} "))
                    .Append(isBound ? "| " : string.Create(
                        CultureInfo.InvariantCulture, $"| {own.Count(row => row.IsMissed)} of {own.Count} "))
                    .Append(isBound ? "| |\n" : string.Create(
                        CultureInfo.InvariantCulture, $"| {own.Sum(row => row.Outcome.Leaks)} |\n"));
            }
        }

        return text.ToString();
    }

    private static double Mean(IEnumerable<ComparisonRow> rows, string policy) =>
        rows.Where(row => row.Policy == policy).Average(row => row.Outcome.Usd);

    private static string Hours(ComparisonRow row) => double.IsFinite(row.Outcome.Seconds)
        ? (row.Outcome.Seconds / 3600).ToString("0.000", CultureInfo.InvariantCulture) : "never";
}
