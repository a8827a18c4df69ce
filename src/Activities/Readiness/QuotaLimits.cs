using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Workflows.Orchestrations;

namespace Workflows.Activities.Readiness;

/// <summary>A limit of a quota in one place.</summary>
/// <param name="Quota">Its name, such as <c>TPUV6EPreemptiblePerProjectPerZoneForTPUAPI</c>.</param>
/// <param name="Place">A zone or a region.</param>
/// <param name="Limit">The limit, in the units of the types' names.</param>
public sealed record ReadQuota(string Quota, string Place, long Limit);

/// <summary>
/// The limits of a project's TPU quotas that can be read. Spot and flex-start nodes count against the quotas that are
/// named preemptible. What cannot be read, or has a name of no known family, is taken as large enough.
/// </summary>
/// <param name="limits">The limits.</param>
/// <param name="problem">The reason why none can be read; null if they can.</param>
public sealed partial class QuotaLimits(IReadOnlyList<ReadQuota> limits, string? problem = null)
{
    /// <summary>Most pages of an answer; chosen. A project has some dozen TPU quotas.</summary>
    private const int MostPages = 20;

    private const string Preemptible = "Preemptible";

    /// <summary>The families in the names of quotas, each with the slices that count against it. Slices of v5e with up
    /// to eight chips count against the quota for serving; the quota of v2-8 and v3-8, which are no pods, is not
    /// known.</summary>
    private static readonly (string Name, string Generation, long Least, long? Most)[] Families =
    [
        ("V2sPod", "v2", 9, null),
        ("V3sPod", "v3", 9, null),
        ("V4sPod", "v4", 1, null),
        ("V5sLitepodServing", "v5litepod", 1, 8),
        ("V5sLitepod", "v5litepod", 9, null),
        ("V5P", "v5p", 1, null),
        ("V6E", "v6e", 1, null),
    ];

    /// <summary>No limit is known.</summary>
    public static QuotaLimits Unknown { get; } = new([]);

    /// <summary>Gets the reason why no limit can be read; null if they can.</summary>
    public string? Problem => problem;

    /// <summary>Leaves out places whose quota is smaller than their slice. If it is everywhere, all are kept: the
    /// cloud's own refusal names the quota.</summary>
    /// <param name="places">The places.</param>
    /// <returns>The remaining ones, in their order.</returns>
    public IReadOnlyList<Candidate> LeaveOut(IReadOnlyList<Candidate> places)
    {
        List<Candidate> left = [.. places.Where(place => LackOf(place) is null)];
        return left.Count > 0 ? left : places;
    }

    /// <summary>Returns the limit that is smaller than a slice.</summary>
    /// <param name="place">The place.</param>
    /// <returns>null if none is known to be.</returns>
    public ReadQuota? LackOf(Candidate place)
    {
        ArgumentNullException.ThrowIfNull(place);
        return LackOf(place.AcceleratorType, place.Provisioning, place.Zone);
    }

    /// <summary>Puts a lack into words.</summary>
    /// <param name="lack">The limit.</param>
    /// <param name="type">The accelerator type.</param>
    /// <returns>A clause.</returns>
    internal static string Words(ReadQuota lack, string type) => string.Create(
        CultureInfo.InvariantCulture, $"{lack.Quota} is {lack.Limit} in {lack.Place}, {type} needs {UnitsOf(type)}");

    /// <summary>Returns the limit that is smaller than a slice.</summary>
    /// <param name="type">The accelerator type.</param>
    /// <param name="mode">The provisioning mode.</param>
    /// <param name="zone">The zone.</param>
    /// <returns>null if none is known to be.</returns>
    internal ReadQuota? LackOf(string type, ProvisioningMode mode, string zone) => limits.FirstOrDefault(limit =>
        limit.Limit >= 0 && limit.Limit < UnitsOf(type) && IsIn(zone, limit.Place)
        && Counts(type, mode, limit.Quota));

    /// <summary>Reads the limits of a project.</summary>
    /// <param name="google">Google's services.</param>
    /// <param name="api">The name of the TPU API.</param>
    /// <param name="project">The project.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <returns>The limits, or the reason why they cannot be read.</returns>
    internal static async Task<QuotaLimits> ReadAsync(
        GoogleRest google, string api, string project, CancellationToken cancellation)
    {
        var limits = new List<ReadQuota>();
        var page = "";
        for (var number = 0; number < MostPages; number++)
        {
            var answer = await google.CallAsync(
                "cloudquotas.googleapis.com",
                $"/v1/projects/{project}/locations/global/services/{api}/quotaInfos?pageSize=500"
                + (page.Length > 0 ? $"&pageToken={Uri.EscapeDataString(page)}" : ""), null, cancellation);
            if (!answer.IsOk)
            {
                return new QuotaLimits([], answer.Words);
            }

            limits.AddRange(Read(answer.Json));
            page = answer.Text("nextPageToken") ?? "";
            if (page.Length == 0)
            {
                break;
            }
        }

        return new QuotaLimits(limits);
    }

    private static bool IsIn(string zone, string place) =>
        zone == place || zone.StartsWith($"{place}-", StringComparison.Ordinal);

    /// <summary>Returns whether a slice counts against a quota, by the quota's name.</summary>
    private static bool Counts(string type, ProvisioningMode mode, string quota)
    {
        // A reservation has its own room.
        if (mode == ProvisioningMode.Reserved)
        {
            return false;
        }

        var isPreemptible = quota.Contains(Preemptible, StringComparison.OrdinalIgnoreCase);
        return isPreemptible != (mode == ProvisioningMode.OnDemand)
            && Name().Match(quota.Replace(Preemptible, "", StringComparison.OrdinalIgnoreCase))
                is { Success: true } name
            && name.Groups[1].Value.Equals(FamilyOf(type), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Returns the family in the names of a type's quotas, without the word preemptible.</summary>
    private static string? FamilyOf(string type) => Families
        .Where(each => each.Generation == type.Split('-')[0] && UnitsOf(type) >= each.Least
            && !(UnitsOf(type) > each.Most))
        .Select(each => each.Name).FirstOrDefault();

    /// <summary>Returns the slices for which a quota that refused one of them is too small.</summary>
    /// <param name="quota">The quota's name.</param>
    /// <param name="limit">Its limit, in the units of the types' names.</param>
    /// <param name="place">A zone or a region.</param>
    /// <param name="asked">The mode of the refused slice.</param>
    /// <returns>null for a name of no known family, or if every slice of it fits.</returns>
    internal static QuotaReach? ReachOf(string quota, long limit, string place, ProvisioningMode asked)
    {
        var name = Name().Match(quota.Replace(Preemptible, "", StringComparison.OrdinalIgnoreCase));
        var (_, generation, least, most) = Families.FirstOrDefault(each => name.Success
            && each.Name.Equals(name.Groups[1].Value, StringComparison.OrdinalIgnoreCase));
        if (generation is null || limit >= most || limit == long.MaxValue)
        {
            return null;
        }

        // A project without a quota for spot nodes counts them against the one on demand. That one says nothing about
        // spot nodes if it refused another mode, and a reservation has its own room.
        ProvisioningMode[] modes = quota.Contains(Preemptible, StringComparison.OrdinalIgnoreCase)
            ? [ProvisioningMode.Spot, ProvisioningMode.FlexStart] : [ProvisioningMode.OnDemand];
        return new QuotaReach(
            generation, Math.Max(least, limit + 1), most, [.. modes.Append(asked).Distinct()], place);
    }

    /// <summary>Returns the number in a type's name, which is the unit of quotas.</summary>
    internal static long UnitsOf(string type) => long.TryParse(
        type.Split('-')[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : 1;

    private static IEnumerable<ReadQuota> Read(JsonElement answer) =>
        from info in List(answer, "quotaInfos")
        where info.ValueKind == JsonValueKind.Object
        let quota = new GoogleAnswer(200, info).Text("quotaId")
        where quota is not null
        from limit in List(info, "dimensionsInfos")
        where limit.ValueKind == JsonValueKind.Object
        let number = NumberOf(limit)
        where number is not null
        from place in new GoogleAnswer(200, limit).Texts("applicableLocations")
        select new ReadQuota(quota, place, number.Value);

    /// <summary>Reads a limit; -1 stands for no limit.</summary>
    private static long? NumberOf(JsonElement limit) =>
        limit.TryGetProperty("details", out var details) && details.ValueKind == JsonValueKind.Object
        && details.TryGetProperty("value", out var value)
        && long.TryParse($"{value}", NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number : null;

    private static JsonElement.ArrayEnumerator List(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var list)
        && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : default;

    [GeneratedRegex(
        "^TPU([A-Z0-9]+)PerProjectPer(?:Zone|Region)(?:ForTPUAPI)?\\z",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
