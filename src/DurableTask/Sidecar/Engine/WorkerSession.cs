using System.Threading.Channels;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>One worker connection: the work that it takes, its limits, and the work that it has.</summary>
internal sealed class WorkerSession
{
    private readonly Dictionary<Route, bool> _accepts = [];
    private readonly WorkItemFilters _filters;
    private readonly bool _takesEverything;

    public WorkerSession(string hub, GetWorkItemsRequest request, int defaultConcurrency, bool isEncoded)
    {
        Hub = hub;
        IsEncoded = isEncoded;
        _filters = request.WorkItemFilters ?? new WorkItemFilters();
        _takesEverything = _filters.Orchestrations.Count + _filters.Activities.Count + _filters.Entities.Count == 0;
        FreeEpisodes = Limit(request.MaxConcurrentOrchestrationWorkItems);
        FreeActivities = Limit(request.MaxConcurrentActivityWorkItems);
        FreeEntities = Limit(request.MaxConcurrentEntityWorkItems);
        StreamsHistory = request.Capabilities.Contains(WorkerCapability.HistoryStreaming);

        int Limit(int announced) => announced > 0 ? announced : defaultConcurrency;
    }

    public string Hub { get; }

    public bool StreamsHistory { get; }

    public Channel<WorkItemFrame> Items { get; } = Channel.CreateUnbounded<WorkItemFrame>(
        new UnboundedChannelOptions { SingleReader = true });

    /// <summary>
    /// Gets a value indicating whether histories are encoded for it, rather than passed as objects.
    /// </summary>
    public bool IsEncoded { get; }

    public HashSet<Work> Outstanding { get; } = [];

    public HashSet<EntityWork> OutstandingEntities { get; } = new(ReferenceEqualityComparer.Instance);

    public int FreeEntities { get; set; }

    public int FreeEpisodes { get; set; }

    public int FreeActivities { get; set; }

    public bool CanTake(Route route) =>
        route.Hub == Hub && Free(route.Kind) > 0 && Accepts(route);

    /// <summary>Returns whether the worker takes work of this route.</summary>
    public bool Takes(Route route) => route.Hub == Hub && Accepts(route);

    private int Free(WorkKind kind) => kind switch
    {
        WorkKind.Activity => FreeActivities,
        WorkKind.Entity => FreeEntities,
        _ => FreeEpisodes,
    };

    private bool Accepts(Route route)
    {
        if (_takesEverything)
        {
            return true;
        }

        if (!_accepts.TryGetValue(route, out bool accepts))
        {
            accepts = route.Kind switch
            {
                WorkKind.Activity =>
                    _filters.Activities.Any(filter => Matches(route, filter.Name, filter.Versions)),
                WorkKind.Entity => _filters.Entities.Any(filter => Matches(route, filter.Name, [])),
                _ => _filters.Orchestrations.Any(filter => Matches(route, filter.Name, filter.Versions)),
            };
            _accepts[route] = accepts;
        }

        return accepts;
    }

    private static bool Matches(Route route, string name, Google.Protobuf.Collections.RepeatedField<string> versions) =>
        string.Equals(route.Name, name, StringComparison.OrdinalIgnoreCase)
        && (versions.Count == 0 || versions.Contains(route.Version, StringComparer.OrdinalIgnoreCase));
}
