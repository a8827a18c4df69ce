using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Workflows.Activities.Provisioning;
using Workflows.Orchestrations;

namespace Workflows.Activities.Readiness;

/// <summary>
/// The images of TPU VMs that the cloud lists in its zones. A generation needs an image of its own series, such as
/// <c>v2-alpha-tpuv6e</c>: if a zone no longer lists the catalog's, the newest one of the series that it does list is
/// used.
/// </summary>
/// <param name="byZone">The images of each zone that answered.</param>
public sealed partial class RuntimeVersions(IReadOnlyDictionary<string, IReadOnlyList<string>> byZone)
{
    /// <summary>Most zones that are asked, those that are tried first, and at once; chosen.</summary>
    private const int MostZones = 20, AtOnce = 8;

    /// <summary>No zone has answered.</summary>
    public static RuntimeVersions Unknown { get; } =
        new(new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal));

    /// <summary>Returns a place with an image that its zone lists.</summary>
    /// <param name="place">The place, with the catalog's image.</param>
    /// <returns>The place as it is, if its zone has not answered, or lists no image of the series.</returns>
    public Candidate Fit(Candidate place)
    {
        ArgumentNullException.ThrowIfNull(place);
        return !byZone.TryGetValue(place.Zone, out var listed) || listed.Contains(place.RuntimeVersion)
            ? place
            : listed.Where(each => SeriesOf(each) == SeriesOf(place.RuntimeVersion)).MaxBy(NumberOf) is { } newest
            ? place with { RuntimeVersion = newest }
            : place;
    }

    /// <summary>Tells of zones that do not list the catalog's image: nobody has seen the other one work.</summary>
    /// <param name="places">Places with the catalog's images.</param>
    /// <returns>One sentence for each zone and image; none for zones that have not answered.</returns>
    public IReadOnlyList<string> Say(IEnumerable<Candidate> places)
    {
        ArgumentNullException.ThrowIfNull(places);
        return
        [
            .. places.DistinctBy(place => (place.Zone, place.RuntimeVersion))
                .Where(place => byZone.TryGetValue(place.Zone, out var listed)
                    && !listed.Contains(place.RuntimeVersion))
                .Select(place => Fit(place).RuntimeVersion is var other && other != place.RuntimeVersion
                    ? $"{place.Zone} does not list the catalog's image {place.RuntimeVersion}; its nodes get {other}, "
                        + "the newest one of that series there. tpu.runtimeVersion names another one."
                    : $"{place.Zone} lists no image of the series of {place.RuntimeVersion}, which the catalog has for "
                        + $"{place.AcceleratorType}; a request there may be refused. tpu.runtimeVersion names another "
                        + "one."),
        ];
    }

    /// <summary>Asks zones for their images; one that does not answer is left out.</summary>
    /// <param name="cloud">The TPU API.</param>
    /// <param name="project">The project.</param>
    /// <param name="zones">The zones, those that are tried first in front.</param>
    /// <param name="cancellation">Ends the questions.</param>
    /// <returns>The answers until then.</returns>
    internal static async Task<RuntimeVersions> ReadAsync(
        ITpuCloud cloud, string project, IEnumerable<string> zones, CancellationToken cancellation)
    {
        var found = new ConcurrentDictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        try
        {
            var connection = await cloud.ConnectAsync(project, isRehearsal: false, cancellation);
            await Parallel.ForEachAsync(
                zones.Distinct(StringComparer.Ordinal).Take(MostZones),
                new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation },
                async (zone, token) =>
                {
                    var list = await ListAsync(connection, $"projects/{project}/locations/{zone}", token);
                    if (list.Count > 0)
                    {
                        found[zone] = list;
                    }
                });
        }
        catch (Exception exception) when (exception is OperationCanceledException or RunFaultException
            or InvalidOperationException or RpcException)
        {
            // The catalog's images are used where no answer came in time.
        }

        return new RuntimeVersions(found);
    }

    private static async Task<IReadOnlyList<string>> ListAsync(
        TpuConnection connection, string parent, CancellationToken cancellation)
    {
        var versions = new List<string>();
        var request = new ListRuntimeVersionsRequest { Parent = parent };
        try
        {
            do
            {
                var page = await connection.Tpu.ListRuntimeVersionsAsync(
                    request, TpuConnection.Routed("parent", parent, cancellation));
                versions.AddRange(page.RuntimeVersions.Select(each => each.Version).Where(each => each.Length > 0));
                request.PageToken = page.NextPageToken;
            }
            while (request.PageToken.Length > 0);
        }
        catch (RpcException)
        {
            // A part of a list does not show what it lacks.
            return [];
        }

        return versions;
    }

    /// <summary>Returns a name without the number of its version.</summary>
    private static string SeriesOf(string version) => Number().Replace(version, "#");

    private static long NumberOf(string version) => long.TryParse(
        Number().Match(version).Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    [GeneratedRegex(@"(?<=^v)[0-9]{1,9}(?=-)|(?<=^tpu-ubuntu)[0-9]{1,9}(?=-)", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
