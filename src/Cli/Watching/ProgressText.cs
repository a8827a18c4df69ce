using Workflows.Activities.Reporting;
using Workflows.Service.Runs;

namespace Workflows.Cli.Watching;

/// <summary>Formats progress.</summary>
internal static class ProgressText
{
    /// <summary>
    /// Returns the progress to show below new facts. The state was read before them: if they report a loss, it may
    /// still be that of the lost node.
    /// </summary>
    public static ProgressView? ProgressAfter(this RunView run, IReadOnlyList<RunEvent> events) =>
        events.Any(fact => fact.Kind == LedgerKinds.Loss) ? null : run.Progress;

    public static string Of(RunView run, ProgressView progress) =>
        $"{TerminalText.Of(progress.Detail)}  {progress.Step}/{progress.Steps}  {Figures(run, progress)}";

    public static string Figures(RunView run, ProgressView progress)
    {
        var parts = new List<string>();
        if (progress.Loss is { } loss)
        {
            parts.Add($"loss {loss:0.000}");
            if (progress.TokensPerSecond > 0)
            {
                // The rate is unknown until a worker has made two steps: at its start, and after a loss.
                parts.Add($"{progress.TokensPerSecond:0} tokens/s");
            }
        }
        else if (progress.TokensPerSecond > 0)
        {
            // The rate is unknown before the first step, while a device compiles.
            parts.Add($"{progress.TokensPerSecond:0.0} sentences/s");
        }

        parts.Add($"{run.AccruedUsd:0.0000} USD");
        if (progress.SecondsLeft is { } left)
        {
            parts.Add($"{left:0} s left");
        }

        return string.Join("  ", parts);
    }
}
