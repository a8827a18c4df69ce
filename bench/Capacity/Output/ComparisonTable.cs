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
            "zones,deadline_over_work,restart_seconds,begin,policy,usd,hours,missed,nodes,leaks,"
            + "spot_hours,spot_usd,on_demand_hours,double_hours\n");
        foreach (var row in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Zones},{row.Slack},{row.Restart},{row.Begin},")
                .Append(CultureInfo.InvariantCulture, $"{row.Policy},")
                .Append(CultureInfo.InvariantCulture, $"{row.Outcome.Usd:0.000},{Hours(row)},{(row.IsMissed ? 1 : 0)},")
                .Append(CultureInfo.InvariantCulture, $"{row.Outcome.Nodes},{row.Outcome.Leaks},")
                .Append(
                    CultureInfo.InvariantCulture,
                    $"{row.Outcome.Times.Spot / 3600:0.000},{row.Outcome.Times.SpotUsd:0.000},")
                .Append(
                    CultureInfo.InvariantCulture,
                    $"{row.Outcome.Times.OnDemand / 3600:0.000},{row.Outcome.Times.Double / 3600:0.000}\n");
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
                if (own.Count == 0)
                {
                    continue;
                }

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

    /// <summary>Writes the mean hours and costs of the nodes of each setting as a table of Markdown.</summary>
    /// <param name="rows">The jobs.</param>
    public static string Where(IReadOnlyList<ComparisonRow> rows)
    {
        var text = new StringBuilder(
            "| zones | deadline | restart | policy | USD | bound | spot h | USD/h | on demand h | nodes | lost h "
            + "| two nodes h | none h | end h |\n"
            + "| ---: | ---: | ---: | --- |" + string.Concat(Enumerable.Repeat(" ---: |", 10)) + "\n");
        foreach (var cell in rows.GroupBy(row => (row.Zones, row.Slack, row.Restart)))
        {
            var bound = Mean(cell, Comparison.Optimal);
            foreach (var own in cell.GroupBy(row => row.Policy)
                .Where(own => own.Key is not (Comparison.Optimal or Comparison.Paying)))
            {
                var spot = own.Average(row => row.Outcome.Times.Spot) / 3600;
                var onDemand = own.Average(row => row.Outcome.Times.OnDemand) / 3600;
                var both = own.Average(row => row.Outcome.Times.Double) / 3600;
                var end = own.Average(row => Math.Min(row.Outcome.Seconds, Comparison.Work * 30)) / 3600;
                var nodes = own.Average(row => row.Outcome.Nodes);
                var lost = spot + onDemand - both - (nodes * cell.Key.Restart / 3600) - (Comparison.Work / 3600);
                var usd = own.Average(row => row.Outcome.Usd);
                var perHour = own.Average(row => row.Outcome.Times.SpotUsd) / Math.Max(spot, 1e-9);
                text.Append(CultureInfo.InvariantCulture, $"| {cell.Key.Zones} | {cell.Key.Slack} ")
                    .Append(CultureInfo.InvariantCulture, $"| {cell.Key.Restart} | {own.Key} | {usd:0.00} ")
                    .Append(CultureInfo.InvariantCulture, $"| {bound:0.00} | {spot:0.00} | {perHour:0.00} ")
                    .Append(CultureInfo.InvariantCulture, $"| {onDemand:0.00} | {nodes:0.0} | {lost:0.00} ")
                    .Append(CultureInfo.InvariantCulture, $"| {both:0.00} | {end - spot - onDemand + both:0.00} ")
                    .Append(CultureInfo.InvariantCulture, $"| {end:0.0} |\n");
            }
        }

        return text.ToString();
    }

    private static double Mean(IEnumerable<ComparisonRow> rows, string policy) =>
        rows.Where(row => row.Policy == policy).Select(row => row.Outcome.Usd).DefaultIfEmpty(double.NaN).Average();

    private static string Hours(ComparisonRow row) => double.IsFinite(row.Outcome.Seconds)
        ? (row.Outcome.Seconds / 3600).ToString("0.000", CultureInfo.InvariantCulture) : "never";
}
