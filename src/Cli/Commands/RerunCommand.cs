using System.CommandLine;
using System.Text.Json.Nodes;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows rerun ID: starts another run from a run's request, and watches it.</summary>
internal static class RerunCommand
{
    private static readonly Option<string[]> Set = new("--set")
    {
        Description = "Change one field of the request, as often as needed: --set training.steps=300 --set name=again.",
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<string?> From = new Option<string?>("--from")
    {
        Description = "Begin with this stage, and take over the finished work of the stages before it.",
    }.AcceptOnlyFromAmong("prepare", "train", "evaluate", "report");

    private static readonly Option<bool> NoWait = new("--no-wait")
    {
        Description = "Start the run, print its id and return; needs a running service.",
    };

    public static Command Create() => new Command(
        "rerun", "Start another run from a run's request: workflows rerun run-1a2b3c4d5e --set training.seed=2")
    {
        WatchCommand.Id, From, Set, CommonOptions.Reason, NoWait, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var isWatched = !parsed.GetValue(NoWait);
        RunCommand.RequireService(link, isWatched);
        var changes = new JsonObject(RequestFile.AnyCase);
        RequestChange.Apply(changes, parsed.GetValue(Set)!);
        var id = await link.RerunAsync(
            parsed.GetValue(WatchCommand.Id)!, parsed.GetValue(From), changes.ToJsonString(),
            parsed.GetValue(CommonOptions.Reason), cancellation);
        if (!isWatched)
        {
            Console.WriteLine(id);
            return ExitCodes.Done;
        }

        return await Watcher.WatchAsync(link, id, parsed.GetValue(CommonOptions.Json), cancellation);
    });
}
