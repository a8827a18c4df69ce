using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows status ID: shows a run once.</summary>
internal static class StatusCommand
{
    public static Command Create() => new Command("status", "Show a run once: workflows status run-1a2b3c4d5e")
    {
        WatchCommand.Id, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var run = await link.ShowAsync(parsed.GetValue(WatchCommand.Id)!, cancellation);
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(run, RunLedger.Json));
            return ExitCodes.Done;
        }

        Console.WriteLine(
            $"{run.Id}  {WireName.Of(run.Status)}  {WireName.Of(run.Stage)}: {TerminalText.Of(run.Detail)}");
        Console.WriteLine(
            $"  {run.AccruedUsd:0.0000} USD of {run.BudgetUsd:0.00}, "
            + $"{run.Attempts} {(run.Attempts == 1 ? "attempt" : "attempts")}, "
            + $"{run.Recoveries} TPU lost");
        if (run.UsdPerHour > 0)
        {
            Console.WriteLine($"  its nodes cost {run.UsdPerHour:0.00} USD an hour");
        }

        if (run.Suspension is { } suspension)
        {
            Console.WriteLine(TerminalText.Of(
                $"  suspended since {suspension.Since:yyyy-MM-dd HH:mm:ss}Z: {suspension.Reason}\n  "
                + (suspension.IsHeld ? $"workflows unsuspend {run.Id}" : "its nodes are being given back")));
        }

        foreach (var line in PersonText.Lines(run))
        {
            Console.WriteLine(TerminalText.Of(line));
        }

        if (run.MaxRunHours is { } most)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"  flex-start: the cloud deletes each node after {most:0.###} hours"));
        }

        if (run.Waiting is { } waiting)
        {
            Console.WriteLine(TerminalText.Of(
                $"  queued in {waiting.Zone} since {waiting.Since:yyyy-MM-dd HH:mm:ss}Z, until "
                + $"{waiting.Until:yyyy-MM-dd HH:mm:ss}Z at the latest"));
        }

        if (run.Deadline is { } deadline)
        {
            Console.WriteLine($"  deadline {TerminalText.Of(DeadlineText.Of(deadline))}");
        }

        foreach (var line in VariantText.Lines(run))
        {
            Console.WriteLine(TerminalText.Of(line));
        }

        if (run.Group is { } group)
        {
            Console.WriteLine($"  a variant of {group}, whose budget it shares");
        }

        if (run.Progress is { } progress)
        {
            Console.WriteLine($"  {TerminalText.Of(progress.Detail)}: {progress.Step}/{progress.Steps}");
        }

        if (run.Failure is { } failure)
        {
            Console.WriteLine(TerminalText.Of($"  {failure.Code}: {failure.Message}\n  {failure.Fix}"));
        }

        if (run.Resume is { } command)
        {
            Console.WriteLine($"  {command}");
        }

        foreach (var node in run.Nodes)
        {
            Console.WriteLine($"  {TerminalText.Of(LeftNodes.TextOf(node))}");
        }

        return ExitCodes.Done;
    });
}
