using System.CommandLine;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows purge: deletes an ended run, or those of filters.</summary>
internal static class PurgeCommand
{
    /// <summary>Most deleted things that are listed for people.</summary>
    private const int MostShown = 20;

    private static readonly Option<bool> Artifacts = new("--artifacts")
    {
        Description = "Delete checkpoints and tuned models in the bucket, too.",
    };

    private static readonly Argument<string?> Id = new("id")
    {
        Description = "The run's id; without one, the runs of the filters.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string?> Status = new("--status")
    {
        Description = "The ended runs of these statuses, separated by commas: failed,cancelled.",
    };

    private static readonly Option<string?> From = new("--from")
    {
        Description = "The ended runs created at this time or later: 2026-11-29 or 2026-11-29T08:30:00Z.",
    };

    private static readonly Option<string?> Before = new("--before")
    {
        Description = "The ended runs created before this time.",
    };

    private static readonly Option<string?> Prefix = new("--prefix")
    {
        Description = "The ended runs whose id begins so.",
    };

    private static readonly Option<bool> All = new("--all") { Description = "All ended runs, in place of filters." };

    private static readonly Option<bool> Delete = new("--delete")
    {
        Description = "Delete the runs of the filters; without it they are listed.",
    };

    public static Command Create() => new Command(
        "purge", "Delete an ended run, its ledger and its report: workflows purge run-1a2b3c4d5e; or list the ended "
            + "runs of filters, and delete them with --delete")
    {
        Id, Artifacts, Status, From, Before, Prefix, All, Delete, CommonOptions.Reason, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var query = QueryOf(parsed);
        return parsed.GetValue(Id) is { } id
            ? await PurgeOneAsync(parsed, link, id, cancellation)
            : parsed.GetValue(Delete)
            ? await PurgeSomeAsync(parsed, link, query, cancellation)
            : await ListAsync(parsed, link, query, cancellation);
    });

    /// <summary>Returns the filters as a query, an ampersand before each; empty with an id.</summary>
    /// <exception cref="CommandException">There is an id and a filter, or neither.</exception>
    private static string QueryOf(ParseResult parsed)
    {
        var query = string.Concat(new[]
        {
            ("status", parsed.GetValue(Status)), ("from", parsed.GetValue(From)), ("to", parsed.GetValue(Before)),
            ("prefix", parsed.GetValue(Prefix)),
        }.Where(each => each.Item2 is not null).Select(each => $"&{each.Item1}={Uri.EscapeDataString(each.Item2!)}"));
        var isAll = parsed.GetValue(All);
        if (parsed.GetValue(Id) is not null)
        {
            return query.Length == 0 && !isAll && !parsed.GetValue(Delete) ? "" : throw new CommandException(
                "purge: a run's id needs no filter and no --delete. Name the run alone, or leave it out.",
                ExitCodes.Invalid);
        }

        return query.Length > 0 == isAll
            ? throw new CommandException(
                "purge: name a run, or filters such as --status failed --before 2026-11-01, or --all alone.",
                ExitCodes.Invalid)
            : isAll ? "&all=true" : query;
    }

    /// <summary>Lists the ended runs that a purge would delete.</summary>
    private static async Task<int> ListAsync(
        ParseResult parsed, ServiceLink link, string query, CancellationToken cancellation)
    {
        var (ended, hasMore) = (new List<RunView>(), false);
        await foreach (var (runs, more) in link.ListAsync(
            query.Replace("&all=true", "", StringComparison.Ordinal), ServiceLink.MostOfAPage, _ => { }, cancellation))
        {
            ended.AddRange(runs.Where(run => run.HasEnded));
            hasMore = more;
        }

        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(ended, RunLedger.Json));
            return ExitCodes.Done;
        }

        foreach (var run in ended)
        {
            Console.WriteLine(
                $"{run.Id.Value,-28} {WireName.Of(run.Status),-10} {run.CreatedAt:yyyy-MM-dd HH:mm}  "
                + TerminalText.Of(run.Name));
        }

        Console.WriteLine(
            $"{Counted.Of(ended.Count, "ended run")}{(hasMore ? " and more" : "")}: --delete deletes them.");
        return ExitCodes.Done;
    }

    private static async Task<int> PurgeSomeAsync(
        ParseResult parsed, ServiceLink link, string query, CancellationToken cancellation)
    {
        var (instances, hasMore, token) = (0, false, null as string);
        var (purged, kept, left) = (new List<string>(), new List<string>(), new List<LeftRun>());
        do
        {
            var (view, next) = await link.PurgeSomeAsync(
                query, parsed.GetValue(Artifacts), parsed.GetValue(CommonOptions.Reason), token, cancellation);
            instances += view.InstancesDeleted;
            purged.AddRange(view.Purged);
            kept.AddRange(view.Kept);

            // Runs under way are told with each page.
            left.AddRange(view.Left.ExceptBy(left.Select(run => run.Id), run => run.Id));
            (token, hasMore) = (next, view.HasMore);
        }
        while (token is not null);

        // A service that stops ends its answer without a token.
        var code = hasMore || left.Count > 0 ? ExitCodes.LeftOver : ExitCodes.Done;
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new PurgedRunsView(instances, purged, kept, left, hasMore), RunLedger.Json));
            return code;
        }

        purged.ForEach(id => Console.WriteLine($"deleted  {id}"));
        kept.ForEach(place => Console.WriteLine($"kept     {TerminalText.Of(place)}"));
        left.ForEach(run => Console.WriteLine($"left     {run.Id}: {run.Code}: {TerminalText.Of(run.Detail)}"));
        Console.WriteLine(
            $"{Counted.Of(purged.Count, "run")} deleted, {left.Count} left."
            + (hasMore ? " The service stopped meanwhile: repeat the command." : ""));
        return code;
    }

    private static async Task<int> PurgeOneAsync(
        ParseResult parsed, ServiceLink link, string id, CancellationToken cancellation)
    {
        var purged = await link.PurgeAsync(
            id, parsed.GetValue(Artifacts), parsed.GetValue(CommonOptions.Reason), cancellation);
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
    }
}
