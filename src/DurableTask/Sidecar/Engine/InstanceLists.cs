using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Answers calls for many instances. Pages are read from the file, outside the engine's thread, and corrected
/// by the instances in memory.</summary>
internal sealed class InstanceLists(
    EngineLoop loop, TaskHubSidecarOptions options, InstanceTable instances, EntityHost entities)
    : EnginePart(loop, options)
{
    private const int MostInPage = 1000;
    private const int DefaultPage = 100;
    public const int MostInBatch = 500;
    public const int MostBytesInPage = 2_000_000;

    public async Task<QueryInstancesResponse> QueryAsync(string hub, InstanceQuery query)
    {
        var response = new QueryInstancesResponse();
        if (query.TaskHubNames.Count > 0 && !query.TaskHubNames.Contains(hub))
        {
            return response;
        }

        CheckTime(query.CreatedTimeFrom, "created time");
        CheckTime(query.CreatedTimeTo, "created time");
        int count = PageSize(query.MaxInstanceCount);
        IReadOnlyList<StoredInstance> rows = await ListedAsync(new InstanceFilter(
            hub,
            query.RuntimeStatus,
            query.CreatedTimeFrom?.ToDateTimeOffset().UtcTicks,
            query.CreatedTimeTo?.ToDateTimeOffset().UtcTicks,
            null,
            null,
            NullIfEmpty(query.InstanceIdPrefix),
            NullIfEmpty(query.ContinuationToken),
            count + 1));
        List<StoredInstance> page = [.. rows.Take(count)];
        IReadOnlyDictionary<string, OrchestrationState> live = await SnapshotsAsync(
            hub, page.ConvertAll(row => row.Id), query.FetchInputsAndOutputs);
        string? next = rows.Count > count ? page[^1].Id : null;
        int bytes = 0;
        foreach (StoredInstance row in page)
        {
            OrchestrationState state = live.TryGetValue(row.Id, out OrchestrationState? current)
                ? current
                : InstanceTable.Visible(row.Summary, query.FetchInputsAndOutputs);
            if (query.RuntimeStatus.Count == 0 || query.RuntimeStatus.Contains(state.OrchestrationStatus))
            {
                response.OrchestrationState.Add(state);
            }

            // Official clients accept 4 MB at most, so a page with large data is cut short.
            bytes += state.CalculateSize();
            if (bytes > MostBytesInPage)
            {
                next = row.Id == page[^1].Id ? next : row.Id;
                break;
            }
        }

        // Never an empty text, since clients would request the first page again, forever.
        response.ContinuationToken = next;
        return response;
    }

    public async Task<ListInstanceIdsResponse> ListIdsAsync(string hub, ListInstanceIdsRequest request)
    {
        CheckTime(request.CompletedTimeFrom, "completed time");
        CheckTime(request.CompletedTimeTo, "completed time");
        int count = PageSize(request.PageSize);
        IReadOnlyList<StoredInstance> rows = await ListedAsync(new InstanceFilter(
            hub,
            request.RuntimeStatus,
            null,
            null,
            request.CompletedTimeFrom?.ToDateTimeOffset().UtcTicks,
            request.CompletedTimeTo?.ToDateTimeOffset().UtcTicks,
            null,
            NullIfEmpty(request.LastInstanceKey),
            count + 1));
        var response = new ListInstanceIdsResponse();
        response.InstanceIds.AddRange(rows.Take(count).Select(row => row.Id));
        response.LastInstanceKey = rows.Count > count ? response.InstanceIds[^1] : null;
        return response;
    }

    public async Task<PurgeInstancesResponse> PurgeAsync(string hub, PurgeInstancesRequest request)
    {
        switch (request.RequestCase)
        {
            case PurgeInstancesRequest.RequestOneofCase.InstanceId when EntityId.IsEntity(request.InstanceId):
                return Purged(await entities.PurgeAsync(hub, request.InstanceId));
            case PurgeInstancesRequest.RequestOneofCase.InstanceId:
                return Purged(await PurgeAsync(hub, [request.InstanceId], request.Recursive, mustBeTerminal: true));
            case PurgeInstancesRequest.RequestOneofCase.InstanceBatch
                when request.InstanceBatch.InstanceIds.Count > MostInBatch:
                throw Refuse(StatusCode.InvalidArgument, $"A batch may name {MostInBatch} instances at most.");
            case PurgeInstancesRequest.RequestOneofCase.InstanceBatch:
                return Purged(await PurgeAsync(
                    hub, request.InstanceBatch.InstanceIds, request.Recursive, mustBeTerminal: false));
            case PurgeInstancesRequest.RequestOneofCase.PurgeInstanceFilter:
                return await PurgeAsync(hub, request.PurgeInstanceFilter, request.Recursive);
            default:
                throw Refuse(StatusCode.InvalidArgument, "The request does not say what to purge.");
        }
    }

    /// <summary>Returns the history of an ended instance; null if there is none.</summary>
    public IReadOnlyList<HistoryEvent>? StoredHistory(string hub, string id) => Beside(() =>
        Store.Find(hub, id) is { } row ? Store.LoadState(row)?.History : null);

    private async Task<IReadOnlyList<StoredInstance>> ListedAsync(InstanceFilter filter)
    {
        // Results of workers are answered before their commit, and whoever has such an answer may read next.
        await AskAsync<bool>(answer => Answer(answer, true));
        return Beside(() => Store.Query(filter));
    }

    // Reads on the caller's thread; a file that cannot be read stops the engine, and all other callers get the same
    // error.
    private static T Beside<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (TaskHubStoreException error)
        {
            throw Refuse(StatusCode.Unavailable, error.Message);
        }
    }

    private static PurgeInstancesResponse Purged(int count, bool isComplete = true) =>
        new() { DeletedInstanceCount = count, IsComplete = isComplete };

    private async Task<PurgeInstancesResponse> PurgeAsync(string hub, PurgeInstanceFilter filter, bool recursive)
    {
        CheckTime(filter.CreatedTimeFrom, "created time");
        CheckTime(filter.CreatedTimeTo, "created time");
        long started = Time.GetTimestamp();
        TimeSpan? limit = filter.Timeout?.ToTimeSpan();
        OrchestrationStatus[] terminal =
        [
            OrchestrationStatus.Completed, OrchestrationStatus.Failed,
            OrchestrationStatus.Terminated, OrchestrationStatus.Canceled,
        ];
        OrchestrationStatus[] statuses = filter.RuntimeStatus.Count == 0
            ? terminal
            : [.. filter.RuntimeStatus.Intersect(terminal)];
        if (statuses.Length == 0)
        {
            return Purged(0);
        }

        int purged = 0;
        string? after = null;
        while (true)
        {
            IReadOnlyList<StoredInstance> rows = await ListedAsync(new InstanceFilter(
                hub,
                statuses,
                filter.CreatedTimeFrom?.ToDateTimeOffset().UtcTicks,
                filter.CreatedTimeTo?.ToDateTimeOffset().UtcTicks,
                null,
                null,
                null,
                after,
                500));
            if (rows.Count == 0)
            {
                return Purged(purged);
            }

            purged += await PurgeAsync(hub, [.. rows.Select(row => row.Id)], recursive, mustBeTerminal: false);
            after = rows[^1].Id;
            if (limit is not null && limit > TimeSpan.Zero && Time.GetElapsedTime(started) > limit)
            {
                return Purged(purged, isComplete: false);
            }
        }
    }

    private Task<int> PurgeAsync(string hub, ICollection<string> ids, bool recursive, bool mustBeTerminal) =>
        AskAsync<int>(answer =>
        {
            if (mustBeTerminal && instances.FindRunning(hub, ids.First()) is not null)
            {
                throw Refuse(
                    StatusCode.FailedPrecondition,
                    $"Orchestration '{ids.First()}' has not ended; only ended ones can be purged.");
            }

            int count = 0;
            var seen = new HashSet<string>();
            var next = new Queue<string>(ids);
            while (next.TryDequeue(out string? id))
            {
                if (!seen.Add(id) || instances.FindRunning(hub, id) is not null
                    || instances.Stored(hub, new() { InstanceId = id }) is null)
                {
                    continue;
                }

                if (recursive)
                {
                    foreach (StoredInstance child in Store.Children(hub, id))
                    {
                        next.Enqueue(child.Id);
                    }
                }

                instances.Remove(hub, id);
                count++;
            }

            Answer(answer, count);
        });

    private Task<IReadOnlyDictionary<string, OrchestrationState>> SnapshotsAsync(
        string hub, List<string> ids, bool withData) =>
        AskAsync<IReadOnlyDictionary<string, OrchestrationState>>(answer =>
        {
            var found = new Dictionary<string, OrchestrationState>();
            foreach (string id in ids)
            {
                if (instances.Find(hub, id) is { } slot)
                {
                    found[id] = slot.State.Snapshot(withData);
                }
            }

            Answer(answer, found);
        });

    public static int PageSize(int asked) => asked <= 0 ? DefaultPage : Math.Min(asked, MostInPage);

    public static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
