using System.Text.Json;
using Spectre.Console;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Cli.Watching;

/// <summary>
/// Shows a run until it ends: bars on a terminal, plain lines in a pipe, only the report with --json.
/// </summary>
internal static class Watcher
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(400);

    public static Task<int> WatchAsync(
        ServiceLink link, string id, bool json, CancellationToken cancellation, int after = 0)
    {
        IRunDisplay display = json || Console.IsOutputRedirected
            ? new PlainDisplay(json ? Console.Error : Console.Out)
            : new LiveDisplay(AnsiConsole.Console);
        return WatchAsync(link, id, display, json, Console.Out, cancellation, after);
    }

    internal static async Task<int> WatchAsync(
        ServiceLink link, string id, IRunDisplay display, bool json, TextWriter output,
        CancellationToken cancellation, int after = 0)
    {
        RunView? run = null;
        try
        {
            await display.RunAsync(update => FollowAsync(
                link, id, after,
                (state, events) =>
                {
                    run = state;
                    update(state, events);
                }, display.Notice, cancellation));
            var report = await link.PersistAsync(
                () => link.ReportAsync(id, cancellation), display.Notice, cancellation);
            if (json)
            {
                await output.WriteAsync(report);
            }
            else
            {
                WriteReport(report, output, StateOf(link), link.Language);
            }

            return run!.Status switch
            {
                RunStatus.Succeeded => ExitCodes.Done,
                RunStatus.Cancelled => ExitCodes.Cancelled,
                _ => ExitCodes.Failed,
            };
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync(Detached(link, id, run));
            return ExitCodes.Detached;
        }
    }

    /// <summary>Writes a report for people: of a run with variants their comparison.</summary>
    /// <param name="report">The report as JSON.</param>
    /// <param name="output">Receives the text.</param>
    /// <param name="options">Options with which a further command finds the run, after a space; empty for none.</param>
    /// <param name="language">The language.</param>
    internal static void WriteReport(string report, TextWriter output, string options, Language language)
    {
        using var content = JsonDocument.Parse(report);
        if (content.RootElement.TryGetProperty("variants", out _))
        {
            VariantText.Write(
                content.Deserialize<VariantComparison>(RunLedger.Json)!, output, options, language);
        }
        else
        {
            VerdictText.Write(content.Deserialize<RunReport>(RunLedger.Json)!, output, options, language);
        }
    }

    /// <summary>Passes each new fact and the newest state to the display, until the run has ended.</summary>
    private static async Task FollowAsync(
        ServiceLink link, string id, int after, Action<RunView, IReadOnlyList<RunEvent>> update,
        Action<string> notice, CancellationToken cancellation)
    {
        var seen = after;
        var isFirst = true;
        while (true)
        {
            // A named service that never answered is reported at once; one that has answered is retried.
            var (run, events) = isFirst && link.IsNamed
                ? await LookAsync()
                : await link.PersistAsync(LookAsync, notice, cancellation);
            isFirst = false;
            seen = events.Count > 0 ? events[^1].Sequence : seen;
            update(run, events);
            if (run.HasEnded)
            {
                return;
            }

            await Task.Delay(LookEvery, cancellation);
        }

        // The state is read first: if it has ended, the facts read after it are complete.
        async Task<(RunView Run, IReadOnlyList<RunEvent> Events)> LookAsync() =>
            (await link.ShowAsync(id, cancellation), await link.EventsAsync(id, seen, cancellation));
    }

    /// <summary>Returns the option with which another command finds the run.</summary>
    internal static string StateOf(ServiceLink link) => link.IsNamed ? $" --service {link.Address}"
        : link.StateDirectory == ".workflows" ? "" : $" --state {link.StateDirectory}";

    private static string Detached(ServiceLink link, string id, RunView? run)
    {
        var state = StateOf(link);
        var where = link.IsInProcess
            ? $"The run is kept in {link.StateDirectory} and goes on with the next command; a TPU that it "
                + "holds goes on too."
            : $"The run goes on in the service at {link.Address}.";
        var left = string.Concat((run?.Nodes ?? []).Select(
            node => $"\n  {TerminalText.Of(LeftNodes.TextOf(node))}"));
        return $"""

            Detached from {id}. {where}{left}
              watch again:  workflows watch {id}{state}
              stop it:      workflows cancel {id}{state}
            """;
    }
}
