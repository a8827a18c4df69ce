using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Cli.Watching;

/// <summary>
/// Reports the nodes for whose end a teardown waits: once a deletion takes longer than usual, then ever more rarely. A
/// deletion that never ends must not look like a command that hangs.
/// </summary>
/// <param name="clock">Gives the time.</param>
internal sealed class LeftNodes(TimeProvider clock)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(10), Longest = TimeSpan.FromMinutes(5);

    private TimeSpan _pause = First;
    private DateTimeOffset? _next;
    private bool _hasNamedTheReport;

    /// <summary>Formats a node that is not proved gone.</summary>
    public static string TextOf(NodeView node) =>
        $"still there: {node.Node} in {node.Zone} for {node.Seconds:0} s, {node.Usd:0.0000} USD so far";

    /// <summary>Returns the lines that are due.</summary>
    /// <param name="run">The run's state.</param>
    /// <param name="events">Its new facts; the teardown's beginning is one of them, also for a later watcher.</param>
    /// <returns>A line for each node, and once the place of the report that exists already; none if not due.</returns>
    public IReadOnlyList<string> Due(RunView run, IReadOnlyList<RunEvent> events)
    {
        if (run.Stage != RunStageName.Teardown)
        {
            return [];
        }

        var now = clock.GetUtcNow();
        _next ??= events.Where(fact => fact.Kind == LedgerKinds.Stage)
            .Select(fact => fact.At).DefaultIfEmpty(now).Max() + First;
        if (run.Nodes.Count == 0 || now < _next)
        {
            return [];
        }

        _next = now + _pause;
        _pause = _pause * 2 < Longest ? _pause * 2 : Longest;
        List<string> lines = [.. run.Nodes.Select(TextOf)];
        if (run.Report is { } report && !_hasNamedTheReport)
        {
            _hasNamedTheReport = true;
            lines.Add($"the report is there, as a draft: {report}");
        }

        return lines;
    }
}
