using System.CommandLine;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows purge ID: deletes an ended run.</summary>
internal static class PurgeCommand
{
    /// <summary>Most deleted things that are listed for people.</summary>
    private const int MostShown = 20;

    private static readonly Option<bool> Artifacts = new("--artifacts")
    {
        Description = "Delete its checkpoints and its tuned model in the bucket, too.",
    };

    public static Command Create() => new Command(
        "purge", "Delete an ended run, its ledger and its report: workflows purge run-1a2b3c4d5e")
    {
        WatchCommand.Id, Artifacts, CommonOptions.Reason, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var purged = await link.PurgeAsync(
            parsed.GetValue(WatchCommand.Id)!, parsed.GetValue(Artifacts), parsed.GetValue(CommonOptions.Reason),
            cancellation);
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(purged, RunLedger.Json));
            return ExitCodes.Done;
        }

        foreach (var each in purged.Deleted.Take(MostShown))
        {
            Console.WriteLine($"deleted  {TerminalText.Of(each)}");
        }

        if (purged.Deleted.Count > MostShown)
        {
            Console.WriteLine($"deleted  and {purged.Deleted.Count - MostShown} more: --json lists them");
        }

        foreach (var each in purged.Kept)
        {
            Console.WriteLine(
                $"kept     {TerminalText.Of(each)}: workflows purge {purged.Id} --artifacts deletes it");
        }

        return ExitCodes.Done;
    });
}
