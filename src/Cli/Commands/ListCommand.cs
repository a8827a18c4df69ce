using System.CommandLine;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows list: shows every run, newest first.</summary>
internal static class ListCommand
{
    public static Command Create() => new Command("list", "List the runs, newest first: workflows list")
    {
        CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var runs = await link.ListAsync(cancellation);
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(runs, RunLedger.Json));
            return ExitCodes.Done;
        }

        foreach (var run in runs)
        {
            Console.WriteLine(
                $"{run.Id.Value,-28} {WireName.Of(run.Status),-10} {WireName.Of(run.Stage),-9} "
                + $"{run.CreatedAt:yyyy-MM-dd HH:mm}  {run.AccruedUsd,8:0.0000} USD  {TerminalText.Of(run.Name)}");
        }

        if (runs.Count == 0)
        {
            Console.WriteLine("There are no runs yet: workflows run samples/ko-en.json");
        }

        return ExitCodes.Done;
    });
}
