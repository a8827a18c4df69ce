using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Logs;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows logs ID: prints the log of a run, of service and workers.</summary>
internal static class LogsCommand
{
    private static readonly Option<bool> Follow = new("--follow", "-f")
    {
        Description = "Print new lines until the run ends.",
    };

    private static readonly Option<string?> Node = new("--node") { Description = "Only lines about this node." };

    private static readonly Option<string?> Level = new("--level")
    {
        Description = "Only lines of this level or above: debug, information, warning, error.",
    };

    private static readonly Option<string?> Since = new("--since")
    {
        Description = "Only lines of this time or later: 2026-11-29T08:30:00Z.",
    };

    private static readonly Option<int?> Tail = new("--tail") { Description = "Most lines from the end (200)." };

    private static readonly Option<string?> Source = new("--source") { Description = "Only of service or worker." };

    public static Command Create() => new Command(
        "logs", "Print the log of a run, of service and workers: workflows logs run-1a2b3c4d5e -f")
    {
        WatchCommand.Id, Follow, Node, Tail, Source, Level, Since, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        var id = parsed.GetValue(WatchCommand.Id)!;
        var isJson = parsed.GetValue(CommonOptions.Json);
        var query = string.Concat(new[]
        {
            ("node", parsed.GetValue(Node)), ("level", parsed.GetValue(Level)), ("since", parsed.GetValue(Since)),
            ("tail", parsed.GetValue(Tail)?.ToString(CultureInfo.InvariantCulture)),
            ("source", parsed.GetValue(Source)),
        }.Where(each => each.Item2 is not null).Select((each, at) =>
            $"{(at == 0 ? '?' : '&')}{each.Item1}={Uri.EscapeDataString(each.Item2!)}"));
        if (parsed.GetValue(Follow))
        {
            await link.FollowLogsAsync(
                id, query,
                text => Console.WriteLine(isJson
                    ? text : TextOf(JsonSerializer.Deserialize<LogView>(text, RunLedger.Json)!)),
                Console.Error.WriteLine, cancellation);
            return ExitCodes.Done;
        }

        var lines = await link.LogsAsync(id, query, cancellation);
        if (isJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(lines, RunLedger.Json));
            return ExitCodes.Done;
        }

        foreach (var line in lines)
        {
            Console.WriteLine(TextOf(line));
        }

        return ExitCodes.Done;
    });

    /// <summary>Formats a line; whatever its author wrote, it begins no other.</summary>
    internal static string TextOf(LogView line)
    {
        var level = line.Level == LogSeverity.Information ? "" : $" {WireName.Of(line.Level)}:";
        var source = line.Source == LogSource.Worker ? line.Node ?? "worker" : "service";
        return TerminalText.Of(
            $"{line.At.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z {source,-12}{level} "
            + line.Text.Replace("\r\n", "\n", StringComparison.Ordinal)
                .Replace("\n", "\n    ", StringComparison.Ordinal));
    }
}
