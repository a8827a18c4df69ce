using System.Collections.Concurrent;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>
/// Lists pages of the runs. Only runs of the page are read whole, which takes a look at the ledger and curve of each;
/// the views of runs that have ended are kept, because they do not change until the run is resumed.
/// </summary>
internal sealed class RunList(RunIndex index, RunService runs)
{
    /// <summary>Most views that are kept, some kilobytes each.</summary>
    private const int MostKept = 2000;

    private readonly ConcurrentDictionary<string, (DateTimeOffset InstanceAt, RunView View)> _ended =
        new(StringComparer.Ordinal);

    /// <summary>Lists a page.</summary>
    /// <param name="page">The page.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The runs, and whether there are more after them.</returns>
    public async Task<(IReadOnlyList<RunView> Runs, bool HasMore)> ReadAsync(
        RunPage page, CancellationToken cancellation)
    {
        var rows = await index.FindAsync(page.Has, page.Limit + 1, cancellation);
        var views = new List<RunView>();
        foreach (var row in rows.Take(page.Limit))
        {
            if (await ViewAsync(row, cancellation) is { } view)
            {
                views.Add(view);
            }
        }

        return (views, rows.Count > page.Limit && views.Count > 0);
    }

    private async Task<RunView?> ViewAsync(RunRow row, CancellationToken cancellation)
    {
        if (!row.IsLive && _ended.TryGetValue(row.Id, out var kept) && kept.InstanceAt == row.InstanceAt)
        {
            return kept.View;
        }

        var id = new RunId(row.Id);
        var view = await runs.FindAsync(id, cancellation);
        if (view is null)
        {
            // Purged meanwhile.
            index.Forget(id);
            _ended.TryRemove(row.Id, out _);
        }
        else if (!row.IsLive && view is { HasEnded: true, Nodes.Count: 0 })
        {
            // A run that was terminated in the engine may have nodes, which cost.
            if (_ended.Count >= MostKept)
            {
                _ended.Clear();
            }

            _ended[row.Id] = (row.InstanceAt, view);
        }

        return view;
    }
}

/// <summary>Reads the newest page and the spending once at the start of the service, so that the first caller does not
/// wait for the index, nor for the sums where they have to be made anew.</summary>
internal sealed partial class RunListWarmUp(RunList list, SpendLimits limits, ILogger<RunListWarmUp> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            await list.ReadAsync(RunPage.Of(new QueryCollection()), stoppingToken);
            await limits.ViewAsync(stoppingToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // The first caller reads it, and gets the error if it lasts.
            NotRead(logger, exception);
        }
    }

    [LoggerMessage(4296, LogLevel.Warning, "The list of runs or their spending could not be read ahead")]
    private static partial void NotRead(ILogger logger, Exception exception);
}
