using System.CommandLine;
using System.Text.Json.Nodes;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows resume ID: continues a stopped run from its newest checkpoint.</summary>
internal static class ResumeCommand
{
    private static readonly Option<string[]> Set = new("--set")
    {
        Description = "Change one field of the run, as often as needed: --set budgetUsd=20 --set training.steps=300.",
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<bool> NoWait = new("--no-wait")
    {
        Description = "Resume the run, print its id and return; needs a running service.",
    };

    public static Command Create() => new Command(
        "resume",
        "Continue a stopped run from its newest checkpoint: workflows resume run-1a2b3c4d5e --set budgetUsd=20")
    {
        WatchCommand.Id, Set, CommonOptions.Reason, NoWait, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        RunCommand.RequireService(link, isWatched: !parsed.GetValue(NoWait));
        var id = parsed.GetValue(WatchCommand.Id)!;
        var changes = new JsonObject(RequestFile.AnyCase);
        RequestChange.Apply(changes, parsed.GetValue(Set)!);

        // The facts until now were shown when they happened.
        var events = await link.EventsAsync(id, 0, cancellation);
        await link.ResumeAsync(
            id, changes.ToJsonString(), parsed.GetValue(CommonOptions.Reason), cancellation);
        if (parsed.GetValue(NoWait))
        {
            Console.WriteLine(id);
            return ExitCodes.Done;
        }

        return await Watcher.WatchAsync(
            link, id, parsed.GetValue(CommonOptions.Json), cancellation,
            after: events.Count > 0 ? events[^1].Sequence : 0);
    });
}
