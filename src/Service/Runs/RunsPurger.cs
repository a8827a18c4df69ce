using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>
/// Deletes the ended runs of a filter, a page at a time, each as <see cref="RunPurger"/> deletes one: those it refuses
/// are left, and told. A client that goes away, or a stop of the service, ends it between two runs.
/// </summary>
internal sealed class RunsPurger(RunIndex index, RunPurger purger, IHostApplicationLifetime lifetime)
{
    /// <summary>Most runs under way that are told, since a filter may fit many.</summary>
    private const int MostLive = 100;

    /// <summary>Deletes the runs of a page.</summary>
    /// <param name="page">The page.</param>
    /// <param name="withArtifacts">true to delete their artifacts in the bucket, too.</param>
    /// <param name="cancellation">Cancels the call between two runs.</param>
    /// <returns>The deleted runs and those left; null if no run is like the filter.</returns>
    public async Task<PurgedRunsView?> PurgeAsync(
        RunPage page, bool withArtifacts, CancellationToken cancellation)
    {
        // At one moment: a run that ends meanwhile must not be told as left and be deleted, too.
        var (live, ended) = await index.FindAsync(
            row => row.IsLive && page.Has(row), MostLive, row => !row.IsLive && page.Has(row), page.Limit + 1,
            cancellation);
        if (live.Count + ended.Count == 0)
        {
            return null;
        }

        var view = new PurgedRunsView(0, [], [], [], false);
        var left = live.Select(row => new LeftRun(
            row.Id, Resumed.UnderWay, $"Run '{row.Id}' is under way. Cancel it, and purge it when it has ended."))
            .ToList();
        var done = new HashSet<string>(StringComparer.Ordinal);
        var isCut = false;

        // A group takes its variants with it, which are not purged without it.
        var rows = ended.Take(page.Limit).ToList();
        foreach (var row in rows.OrderBy(row => row.Group is not null))
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                isCut = true;
                break;
            }

            cancellation.ThrowIfCancellationRequested();
            if (row.Group is { } group && done.Contains(group))
            {
                continue;
            }

            var (purged, refusal) = await PurgeAsync(row, withArtifacts, cancellation);
            if (purged is not null)
            {
                done.Add(row.Id);
                view = view with
                {
                    InstancesDeleted = view.InstancesDeleted + purged.InstancesDeleted,
                    Kept = [.. view.Kept, .. purged.Kept],
                };
            }
            else if (refusal is { Status: not StatusCodes.Status404NotFound })
            {
                left.Add(new LeftRun(row.Id, refusal.Code, refusal.Detail));
            }
        }

        return view with
        {
            Purged = [.. rows.Where(row => done.Contains(row.Id)).Select(row => row.Id)],
            Left = left,
            HasMore = isCut || ended.Count > page.Limit,
            Next = !isCut && ended.Count > page.Limit && rows is [.., var last]
                ? RunPage.CursorOf(last.CreatedAt, last.Id) : null,
        };
    }

    private async Task<(PurgedView? View, Refused? Refusal)> PurgeAsync(
        RunRow row, bool withArtifacts, CancellationToken cancellation)
    {
        try
        {
            return await purger.PurgeAsync(new RunId(row.Id), withArtifacts, cancellation);
        }
        catch (ArtifactException exception)
        {
            return (null, new Refused(
                StatusCodes.Status502BadGateway, exception.ErrorCode,
                $"{exception.Address}: {exception.Problem} {exception.Fix} The run is still there: purge it again."));
        }
    }
}

/// <summary>The answer to a purge of several runs.</summary>
/// <param name="InstancesDeleted">Orchestrations that were deleted from the engine: runs, variants and stages.</param>
/// <param name="Purged">The deleted runs; variants went with their groups.</param>
/// <param name="Kept">Places of artifacts that were not deleted, because that was not asked for.</param>
/// <param name="Left">Runs that fit the filter and were not deleted; of those under way at most 100.</param>
/// <param name="HasMore">true if there are more ended runs that fit: send the request again, with
/// <c>x-ms-continuation-token</c> of the answer to pass over those left.</param>
public sealed record PurgedRunsView(
    int InstancesDeleted, IReadOnlyList<string> Purged, IReadOnlyList<string> Kept, IReadOnlyList<LeftRun> Left,
    bool HasMore)
{
    /// <summary>Gets the place after the last run that was looked at; null for no more.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string? Next { get; init; }
}

/// <summary>A run that was not deleted.</summary>
/// <param name="Id">The run.</param>
/// <param name="Code">A code of docs/errors.md.</param>
/// <param name="Detail">The reason in words.</param>
public sealed record LeftRun(string Id, string Code, string Detail);
