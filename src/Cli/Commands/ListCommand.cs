using System.CommandLine;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

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

    private static readonly Option<int?> Limit = new("--limit") { Description = "Most runs (100)." };

    private static readonly Option<bool> All = new("--all") { Description = "All runs, however many." };

    public static Command Create() => new Command(
        "list", "List the runs, newest first: workflows list --status running")
    {
        Aliases = { "ls" },
        Options = { Status, Name, Prefix, Text, From, To, Limit, All, CommonOptions.Json },
    }.With(async (parsed, link, cancellation) =>
    {
        var filters = string.Concat(new[]
        {
            ("status", parsed.GetValue(Status)), ("name", parsed.GetValue(Name)),
            ("prefix", parsed.GetValue(Prefix)), ("text", parsed.GetValue(Text)),
            ("from", parsed.GetValue(From)), ("to", parsed.GetValue(To)),
        }.Where(each => each.Item2 is not null).Select(each => $"&{each.Item1}={Uri.EscapeDataString(each.Item2!)}"));
        var limit = parsed.GetValue(Limit);
        if (limit < 1)
        {
            throw new CommandException($"--limit: {limit} is no number of runs; use 1 or more, or --all.",
                ExitCodes.Invalid);
        }

        if (parsed.GetValue(All))
        {
            limit = limit is null ? int.MaxValue : throw new CommandException(
                "--all and --limit exclude each other: --all lists every run.", ExitCodes.Invalid);
        }

        var isJson = parsed.GetValue(CommonOptions.Json);
        var (found, count, hasMore) = (new List<RunView>(), 0, false);
        await foreach (var (runs, more) in link.ListAsync(
            filters, limit, line => Console.Error.WriteLine(TerminalText.Of(line)), cancellation))
        {
            (count, hasMore) = (count + runs.Count, more);
            if (isJson)
            {
                found.AddRange(runs);
                continue;
            }

            // Page by page, so that a long list begins at once.
            foreach (var run in runs)
            {
                Console.WriteLine(
                    $"{run.Id.Value,-28} {WireName.Of(run.Status),-10} {WireName.Of(run.Stage),-9} "
                    + $"{run.CreatedAt:yyyy-MM-dd HH:mm}  {run.AccruedUsd,8:0.0000} USD  {TerminalText.Of(run.Name)}");
            }
        }

        if (isJson)
        {
            // One array, also of many pages.
            Console.WriteLine(JsonSerializer.Serialize(found, RunLedger.Json));
        }
        else if (count == 0)
        {
            Console.WriteLine(filters.Length > 0
                ? "No run is like that: workflows list"
                : "There are no runs yet: workflows run samples/ko-en.json");
        }
        else if (hasMore)
        {
            Console.WriteLine("Older runs are not shown: workflows list --all, or --limit N.");
        }

        return ExitCodes.Done;
    });
}
