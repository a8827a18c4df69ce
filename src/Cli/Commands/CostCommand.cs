using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows cost ID: shows the cost of a run by stage and day.</summary>
internal static class CostCommand
{
    public static Command Create() => new Command(
        "cost", "Show what a run has cost so far, by stage and day: workflows cost run-1a2b3c4d5e")
    {
        WatchCommand.Id, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var cost = await link.CostAsync(parsed.GetValue(WatchCommand.Id)!, cancellation);
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(cost, RunLedger.Json));
            return ExitCodes.Done;
        }

        Say($"{cost.Id}  {cost.ActualUsd:0.0000} USD of {cost.BudgetUsd:0.00} USD");
        if (cost.EstimatedUsd is { } estimate)
        {
            Say($"  {"estimate",-12} {estimate,10:0.0000} USD");
        }

        foreach (var (name, usd) in cost.ByStage.Concat(cost.ByDay))
        {
            Say($"  {name,-12} {usd,10:0.0000} USD");
        }

        if (cost.Egress is { } egress)
        {
            Say($"  {"egress",-12} {egress.Usd,10:0.0000} USD, not in the sums. {egress.Basis}");
        }

        if (cost.UsdPerHour > 0)
        {
            Say($"  its nodes cost {cost.UsdPerHour:0.00} USD an hour now");
        }

        foreach (var node in cost.Nodes)
        {
            Console.WriteLine($"  {TerminalText.Of(LeftNodes.TextOf(node))}");
        }

        return ExitCodes.Done;
    });

    private static void Say(FormattableString line) =>
        Console.WriteLine(TerminalText.Of(line.ToString(CultureInfo.InvariantCulture)));
}
