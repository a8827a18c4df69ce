using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows list: shows the runs, newest first.</summary>
internal static class ListCommand
{
    private static readonly Option<string?> Status = new("--status")
    {
        Description = "Only these, separated by commas: running,failed.",
    };

    private static readonly Option<string?> Name = new("--name") { Description = "Only whose name or id has this." };

    private static readonly Option<string?> Prefix = new("--prefix") { Description = "Only whose id begins so." };

    private static readonly Option<string?> Text = new("--text")
    {
        Description = "Only whose name, id, model or failure has this.",
    };

    private static readonly Option<string?> From = new("--from")
    {
        Description = "Only those created at this time or later: 2026-11-29 or 2026-11-29T08:30:00Z.",
    };

    private static readonly Option<string?> To = new("--to") { Description = "Only those created before this time." };

    private static readonly Option<int?> Limit = new("--limit") { Description = "Most runs, 1 to 500 (100)." };

    public static Command Create() => new Command(
        "list", "List the runs, newest first: workflows list --status running")
    {
        Aliases = { "ls" },
        Options = { Status, Name, Prefix, Text, From, To, Limit, CommonOptions.Json },
    }.With(async (parsed, link, cancellation) =>
    {
        var query = string.Concat(new[]
        {
            ("status", parsed.GetValue(Status)), ("name", parsed.GetValue(Name)),
            ("prefix", parsed.GetValue(Prefix)), ("text", parsed.GetValue(Text)),
            ("from", parsed.GetValue(From)), ("to", parsed.GetValue(To)),
            ("limit", parsed.GetValue(Limit)?.ToString(CultureInfo.InvariantCulture)),
        }.Where(each => each.Item2 is not null).Select((each, at) =>
            $"{(at == 0 ? '?' : '&')}{each.Item1}={Uri.EscapeDataString(each.Item2!)}"));
        var (runs, hasMore) = await link.ListAsync(query, cancellation);
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
            Console.WriteLine(query.Length > 0
                ? "No run is like that: workflows list"
                : "There are no runs yet: workflows run samples/ko-en.json");
        }
        else if (hasMore)
        {
            Console.WriteLine("Older runs are not shown: workflows list --limit 500, or GET /runs page by page.");
        }

        return ExitCodes.Done;
    });
}
