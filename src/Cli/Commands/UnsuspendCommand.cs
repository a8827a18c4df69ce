using System.CommandLine;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows unsuspend ID: continues a suspended run and watches it to its end.</summary>
internal static class UnsuspendCommand
{
    private static readonly Option<string> Reason = new("--reason")
    {
        Description = "Why, for the record.",
        DefaultValueFactory = _ => "unsuspended by the user",
    };

    private static readonly Option<bool> NoWait = new("--no-wait")
    {
        Description = "Continue the run, print its id and return; needs a running service.",
    };

    public static Command Create() => new Command(
        "unsuspend", "Continue a suspended run from its newest checkpoint: workflows unsuspend run-1a2b3c4d5e")
    {
        WatchCommand.Id, Reason, NoWait, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var isWatched = !parsed.GetValue(NoWait);
        RunCommand.RequireService(link, isWatched);
        var id = parsed.GetValue(WatchCommand.Id)!;

        // The facts until now were shown when they happened.
        var events = await link.EventsAsync(id, 0, cancellation);
        await link.UnsuspendAsync(id, parsed.GetValue(Reason)!, cancellation);
        if (!isWatched)
        {
            Console.WriteLine(id);
            return ExitCodes.Done;
        }

        return await Watcher.WatchAsync(
            link, id, parsed.GetValue(CommonOptions.Json), cancellation,
            after: events.Count > 0 ? events[^1].Sequence : 0);
    });
}
