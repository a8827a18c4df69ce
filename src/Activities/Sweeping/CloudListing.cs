using System.Collections.Concurrent;
using Google.Cloud.Location;
using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Workflows.Activities.Capacity;

namespace Workflows.Activities.Sweeping;

/// <summary>
/// The resources of a project, listed over all locations at once and in each zone that the cloud or the price catalog
/// names, since a list over all locations may omit zones that do not answer.
/// </summary>
/// <param name="Resources">The resources, each once, by name.</param>
/// <param name="Zones">Zones that answered.</param>
/// <param name="RefusedZones">Zones that the project may not use.</param>
/// <param name="Problem">Zones that did not answer, with the first reason; null for none.</param>
internal sealed record CloudListing(
    IReadOnlyList<CloudResource> Resources, int Zones, int RefusedZones, string? Problem)
{
    private const int ZonesAtOnce = 8, PageSize = 100;

    /// <summary>Lists the resources of a project.</summary>
    /// <param name="connection">The cloud.</param>
    /// <param name="project">The project.</param>
    /// <param name="known">Zones to list, besides those that the cloud names.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <exception cref="RpcException">The project cannot be listed at all.</exception>
    public static async Task<CloudListing> ReadAsync(
        TpuConnection connection, string project, IEnumerable<string> known, CancellationToken cancellation)
    {
        var found = new ConcurrentDictionary<string, CloudResource>(StringComparer.Ordinal);
        var zones = new HashSet<string>(known, StringComparer.Ordinal);
        var problems = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        zones.UnionWith(await ListAsync(connection, project, "-", found, cancellation));
        try
        {
            zones.UnionWith(await LocationsAsync(connection, project, cancellation));
        }
        catch (RpcException exception) when (!cancellation.IsCancellationRequested)
        {
            problems["the list of locations"] = WordsOf(exception);
        }

        var refused = 0;
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = ZonesAtOnce,
            CancellationToken = cancellation,
        };
        await Parallel.ForEachAsync(zones, options, async (zone, token) =>
        {
            try
            {
                await ListAsync(connection, project, zone, found, token);
            }
            catch (RpcException exception) when (IsNoZone(exception))
            {
                Interlocked.Increment(ref refused);
            }
            catch (RpcException exception) when (!token.IsCancellationRequested)
            {
                problems[zone] = WordsOf(exception);
            }
        });

        var silent = problems.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToList();
        return new CloudListing(
            [.. found.Values.OrderBy(each => each.Name, StringComparer.Ordinal)],
            zones.Count - refused - silent.Count(pair => zones.Contains(pair.Key)), refused,
            silent.Count == 0
                ? null
                : $"No answer came from {string.Join(", ", silent.Select(pair => pair.Key))}: {silent[0].Value}");
    }

    /// <summary>Lists one location, or all with <c>-</c>.</summary>
    /// <returns>Locations that the cloud could not reach.</returns>
    private static async Task<IReadOnlyList<string>> ListAsync(
        TpuConnection connection, string project, string zone, ConcurrentDictionary<string, CloudResource> found,
        CancellationToken cancellation)
    {
        var parent = $"projects/{project}/locations/{zone}";
        var unreachable = new List<string>();
        await PagesAsync(async token =>
        {
            var page = await connection.Tpu.ListNodesAsync(
                new ListNodesRequest { Parent = parent, PageSize = PageSize, PageToken = token },
                TpuConnection.Routed("parent", parent, cancellation));
            Keep(page.Nodes.Select(node => CloudResource.Of(project, node)));
            unreachable.AddRange(page.Unreachable);
            return page.NextPageToken;
        });
        try
        {
            await PagesAsync(async token =>
            {
                var page = await connection.Tpu.ListQueuedResourcesAsync(
                    new ListQueuedResourcesRequest { Parent = parent, PageSize = PageSize, PageToken = token },
                    TpuConnection.Routed("parent", parent, cancellation));
                Keep(page.QueuedResources.Select(each => CloudResource.Of(project, each)));
                unreachable.AddRange(page.Unreachable);
                return page.NextPageToken;
            });
        }
        catch (RpcException exception) when (zone == "-" && exception.StatusCode == StatusCode.InvalidArgument)
        {
            // The cloud may refuse a list of queued resources over all locations; each zone is listed below.
        }

        return [.. unreachable.Select(each => each.Split('/')[^1]).Where(each => each.Length > 0 && each != "-")];

        void Keep(IEnumerable<CloudResource?> resources)
        {
            foreach (var resource in resources.OfType<CloudResource>().Where(each => each.IsLabelled))
            {
                found[resource.Name] = resource;
            }
        }
    }

    private static async Task<IReadOnlyList<string>> LocationsAsync(
        TpuConnection connection, string project, CancellationToken cancellation)
    {
        var name = $"projects/{project}";
        var zones = new List<string>();
        await PagesAsync(async token =>
        {
            var page = await connection.Locations.ListLocationsAsync(
                new ListLocationsRequest { Name = name, PageSize = PageSize, PageToken = token },
                TpuConnection.Routed("name", name, cancellation));
            zones.AddRange(page.Locations.Select(each => each.LocationId).Where(each => each.Length > 0));
            return page.NextPageToken;
        });
        return zones;
    }

    /// <summary>Reads all pages of a list.</summary>
    /// <param name="readAsync">Reads the page of a token (the first: empty) and returns the token of the next.</param>
    private static async Task PagesAsync(Func<string, Task<string>> readAsync)
    {
        var token = "";
        do
        {
            token = await readAsync(token);
        }
        while (token.Length > 0);
    }

    /// <summary>Returns whether a zone does not exist or may not be used; it has no resources of the project.</summary>
    private static bool IsNoZone(RpcException exception) => exception.StatusCode is StatusCode.PermissionDenied
        or StatusCode.InvalidArgument or StatusCode.NotFound;

    private static string WordsOf(RpcException exception)
    {
        var refusal = RefusalClassifier.Classify(exception);
        return $"{refusal.Code}: {refusal.Reason}";
    }
}
