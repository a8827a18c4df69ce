using System.CommandLine;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows report ID: shows the report of a run that has ended.</summary>
internal static class ReportCommand
{
    private static readonly Option<bool> Text = new("--text")
    {
        Description = "Print the lines with which \"workflows run\" ends in place of JSON, "
            + "in the language of --lang.",
    };

    public static Command Create() => new Command(
        "report", "Print the report of a run as JSON: workflows report run-1a2b3c4d5e")
    {
        WatchCommand.Id, Text, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var report = await link.ReportAsync(parsed.GetValue(WatchCommand.Id)!, cancellation);
        if (parsed.GetValue(Text) && !parsed.GetValue(CommonOptions.Json))
        {
            Watcher.WriteReport(report, Console.Out, Watcher.StateOf(link), link.Language);
        }
        else
        {
            Console.WriteLine(report);
        }

        return ExitCodes.Done;
    });
}
