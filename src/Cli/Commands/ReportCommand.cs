using System.CommandLine;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows report ID: shows the report of a run that has ended.</summary>
internal static class ReportCommand
{
    public static Command Create() => new Command(
        "report", "Print the report of a run as JSON: workflows report run-1a2b3c4d5e")
    {
        WatchCommand.Id,
    }.With(async (parsed, link, cancellation) =>
    {
        Console.WriteLine(await link.ReportAsync(parsed.GetValue(WatchCommand.Id)!, cancellation));
        return ExitCodes.Done;
    });
}
