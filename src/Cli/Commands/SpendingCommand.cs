using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Service.Runs;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows spending: shows the cost of all runs today and in this month, and the
/// limits.</summary>
internal static class SpendingCommand
{
    public static Command Create() => new Command(
        "spending", "Show what all runs that pay cost today and in this month (UTC), and the service's limits")
    {
        CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var spending = await link.SpendingAsync(cancellation);
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(spending, RunLedger.Json));
            return ExitCodes.Done;
        }

        Say(spending.Day);
        Say(spending.Month);
        foreach (var run in spending.Runs)
        {
            Console.WriteLine(TerminalText.Of(string.Create(
                CultureInfo.InvariantCulture,
                $"run {run.Id}: {run.SpentUsd:0.00} USD of its budget of {run.BudgetUsd:0.00} USD")));
        }

        return ExitCodes.Done;
    });

    private static void Say(SpendWindow window) => Console.WriteLine(TerminalText.Of(string.Create(
        CultureInfo.InvariantCulture,
        $"{window.Window,-10} {window.SpentUsd,10:0.00} USD spent, {window.ReservedUsd,10:0.00} USD reserved, ")
        + (window.LimitUsd is { } limit
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{Math.Max(0, window.LeftUsd ?? 0):0.00} of {limit:0.00} USD left until "
                + $"{window.TurnsOverAt:yyyy-MM-dd HH:mm}Z ({window.Setting})")
            : $"no limit ({window.Setting})")));
}
