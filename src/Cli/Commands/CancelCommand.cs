using System.CommandLine;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows cancel ID: stops a run cleanly and waits until everything is released.</summary>
internal static class CancelCommand
{
    private static readonly Option<string> Reason = new("--reason")
    {
        Description = "Why, for the record.",
        DefaultValueFactory = _ => "cancelled by the user",
    };

    public static Command Create() => new Command(
        "cancel", "Stop a run, give everything back, report: workflows cancel run-1a2b3c4d5e")
    {
        // Nothing ends a run without its teardown.
        Aliases = { "terminate" },
        Arguments = { WatchCommand.Id },
        Options = { Reason, CommonOptions.Json },
    }.With(async (parsed, link, cancellation) =>
    {
        var id = parsed.GetValue(WatchCommand.Id)!;
        await link.CancelAsync(id, parsed.GetValue(Reason)!, cancellation);
        var code = await Watcher.WatchAsync(link, id, parsed.GetValue(CommonOptions.Json), cancellation);
        return code == ExitCodes.Cancelled ? ExitCodes.Done : code;
    });
}
