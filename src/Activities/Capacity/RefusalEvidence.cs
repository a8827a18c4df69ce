using System.Globalization;
using System.Text.RegularExpressions;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Workflows.Activities.Readiness;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>An error of the cloud in the form that the rules read.</summary>
/// <param name="Code">The status code, which does not tell causes apart by itself.</param>
/// <param name="Message">The cloud's message.</param>
/// <param name="Reason">Reason of the error's <see cref="ErrorInfo"/>; null if it has none.</param>
/// <param name="Quota">The violated quotas; null for none.</param>
internal sealed partial record RefusalEvidence(StatusCode Code, string Message, string? Reason, QuotaFailure? Quota)
{
    /// <summary>Longest wait that the cloud may ask for; chosen. A search that sleeps longer would look dead.</summary>
    private const double MostRetrySeconds = 600;

    private const string ResourceQuota = "RESOURCE_QUOTA_EXCEEDED";

    /// <summary>Gets the request that was refused.</summary>
    public RefusedRequest Asked { get; init; } = RefusedRequest.Unknown;

    /// <summary>Gets the facts beside the reason, such as <c>permission</c>, <c>service</c> or
    /// <c>quota_limit</c>.</summary>
    public IReadOnlyDictionary<string, string> Facts { get; init; } = new Dictionary<string, string>();

    /// <summary>Gets the wait that the cloud asks for; null for none.</summary>
    public Duration? RetryDelay { get; init; }

    /// <summary>Gets the units of quota that the asked slice needs; null if it is not known.</summary>
    public long? Slice => Asked.Place is { } place ? QuotaLimits.UnitsOf(place.AcceleratorType) : null;

    /// <summary>
    /// Gets the cloud's message, followed by the descriptions of violated quotas that the message does not name.
    /// </summary>
    public string Text { get; } =
        Quota is { Violations.Count: > 0 } && !QuotaText().IsMatch(Message)
            ? $"{Message} {string.Join(" ", Quota.Violations.Select(violation => violation.Description))}".Trim()
            : Message;

    /// <summary>Gets the seconds for which the cloud asks to wait; 0 for none.</summary>
    public double RetrySeconds => RetryDelay is null
        ? 0 : Math.Clamp(RetryDelay.Seconds + (RetryDelay.Nanos / 1e9), 0, MostRetrySeconds);

    /// <summary>Gets a value indicating whether too many requests were made in a short time. A message that names the
    /// limit of a place, or lacks capacity, is about nodes, whatever its details say.</summary>
    public bool IsRateLimit => Limits.Count == 0
        && (Reason == "RATE_LIMIT_EXCEEDED"
            || (Code == StatusCode.ResourceExhausted
                && (RateText().IsMatch(Text)
                    || (RetryDelay is not null && Reason != ResourceQuota && !PlaceText().IsMatch(Text)))));

    /// <summary>Gets a value indicating whether a limit of Compute Engine is reached, such as of addresses, VMs or
    /// disks.</summary>
    public bool IsInstanceLimit => Says("IN_USE_ADDRESSES") || Says("INSTANCES limit")
        || Limits is { Count: > 0 } limits && limits.All(each => each.IsOfComputeEngine);

    /// <summary>Gets a value indicating whether a quota of the project is used up.</summary>
    public bool IsQuota => Reason == ResourceQuota || (Code == StatusCode.ResourceExhausted
        && (Quota is not null || QuotaText().IsMatch(Text) || Says("exceed quota limits")));

    /// <summary>Gets a value indicating whether the slice would fit into every limit that is named: then the quota is
    /// in use, by a node that is being deleted or by another run, and not too small.</summary>
    public bool IsQuotaInUse => IsQuota && Slice is { } slice && Limits is { Count: > 0 } limits
        && limits.All(each => each.Number >= slice);

    /// <summary>Gets a value indicating whether a quota of the whole region refuses the slice. One that is too small
    /// for it counts, beside others that are in use.</summary>
    public bool IsOfRegion
    {
        get
        {
            var limits = Limits;
            var small = limits.Where(each => each.Number < Slice).ToList();
            return limits.Count == 0 ? Says(" in region ")
                : (small.Count > 0 ? small : limits).Any(each => each.IsOfRegion);
        }
    }

    /// <summary>Gets the quotas that are named with their limits, in the message, in the violations, or else beside the
    /// reason; a message can name several, separated by commas.</summary>
    public IReadOnlyList<QuotaLimit> Limits
    {
        get
        {
            List<QuotaLimit> limits =
            [
                .. (Quota?.Violations ?? []).Select(violation => violation.Description).Prepend(Message)
                    .SelectMany(text => LimitText().Matches(text)).SelectMany(LimitsOf).Distinct(),
            ];
            return limits.Count > 0 ? limits
                : Reason == ResourceQuota && Facts.GetValueOrDefault("quota_limit") is { Length: > 0 } name
                    && Facts.GetValueOrDefault("quota_limit_value") is { Length: > 0 } limit
                    && Facts.GetValueOrDefault("quota_location") is { Length: > 0 } place
                ? [new QuotaLimit(name, limit, $"{(ZoneName().IsMatch(place) ? "zone" : "region")} {place}")]
                : [];
        }
    }

    /// <summary>Gets the permission that is missing; null if it is not named.</summary>
    public string? Permission => Named("permission", PermissionName(), PermissionText())
        ?? (Reason == "USER_PROJECT_DENIED" ? "serviceusage.services.use" : null);

    /// <summary>Gets the API that is not enabled; null if it is not named.</summary>
    public string? Service => Named("service", ServiceName(), ServiceText());

    /// <summary>Gets the accelerator types that the text names as valid ones.</summary>
    public IReadOnlyList<string> ValidTypes => ValidText().Match(Text) is { Success: true } match
        ? [.. match.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)]
        : [];

    /// <summary>Returns whether the text contains the words, ignoring case.</summary>
    /// <param name="words">The words.</param>
    public bool Says(string words) => Text.Contains(words, StringComparison.OrdinalIgnoreCase);

    /// <summary>Returns a name beside the reason, or else in the text. One of another form is none, since remedies put
    /// it into commands.</summary>
    private string? Named(string fact, Regex name, Regex text) =>
        Facts.GetValueOrDefault(fact) is { } found && name.IsMatch(found) ? found
        : text.Match(Text) is { Success: true } match && name.IsMatch(match.Groups[1].Value) ? match.Groups[1].Value
        : null;

    private static IEnumerable<QuotaLimit> LimitsOf(Match match)
    {
        var (names, limits, places) = (Parts("names"), Parts("limits"), Parts("places"));
        return names.Length == limits.Length && names.Length == places.Length
            ? names.Select((name, index) => new QuotaLimit(name, limits[index], places[index]))
            : [];

        string[] Parts(string group) => match.Groups[group].Value.Split(',');
    }

    [GeneratedRegex(
        @"Quota (limit )?'(?<names>[A-Za-z0-9_,-]+)' (exhausted|exceeded|has been exceeded)\. +"
        + @"Limit:? (?<limits>\d+(\.\d+)?(,\d+(\.\d+)?)*) in "
        + "(?<places>(region|zone) [a-z0-9-]+(,(region|zone) [a-z0-9-]+)*)", RegexOptions.CultureInvariant)]
    private static partial Regex LimitText();

    [GeneratedRegex("Quota (limit )?'[A-Za-z0-9_,-]+'", RegexOptions.CultureInvariant)]
    private static partial Regex QuotaText();

    [GeneratedRegex(
        @"\b(requests|queries|calls|operations) per (second|minute|hour|day|\d+ seconds)\b|too many requests|"
        + @"\brate limit|for quota metric '[^']*(requests|queries)'",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex RateText();

    /// <summary>Matches texts about nodes: their capacity, and limits of Compute Engine.</summary>
    [GeneratedRegex(
        "capacity|IN_USE_ADDRESSES|INSTANCES limit|exceed quota limits|Quota (limit )?'TPU",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex PlaceText();

    [GeneratedRegex("(?:Permission|Required) '([A-Za-z.]+)'", RegexOptions.CultureInvariant)]
    private static partial Regex PermissionText();

    [GeneratedRegex(@"^[A-Za-z]+(\.[A-Za-z]+){2,3}\z", RegexOptions.CultureInvariant)]
    private static partial Regex PermissionName();

    [GeneratedRegex("/api/([a-z0-9.-]+)", RegexOptions.CultureInvariant)]
    private static partial Regex ServiceText();

    [GeneratedRegex(@"^[a-z][a-z0-9-]*\.googleapis\.com\z", RegexOptions.CultureInvariant)]
    private static partial Regex ServiceName();

    [GeneratedRegex("Valid values are \"([A-Za-z0-9, -]+)\"", RegexOptions.CultureInvariant)]
    private static partial Regex ValidText();

    [GeneratedRegex(@"^[a-z]+-[a-z]+\d+-[a-z0-9]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex ZoneName();
}

/// <summary>A quota of the project, as a refusal names it.</summary>
/// <param name="Name">Its name in the API.</param>
/// <param name="Limit">Chips or TensorCores that the project may have at once, as a number.</param>
/// <param name="Place">The place: <c>region us-central1</c> or <c>zone us-central1-a</c>.</param>
internal sealed record QuotaLimit(string Name, string Limit, string Place)
{
    /// <summary>Gets a value indicating whether it is one of all zones of a region.</summary>
    public bool IsOfRegion => Place.StartsWith("region ", StringComparison.Ordinal);

    /// <summary>Gets a value indicating whether it is one of Compute Engine, whose names are in capitals, for something
    /// other than TPUs.</summary>
    public bool IsOfComputeEngine => Name.Length > 0 && !Name.Any(char.IsAsciiLetterLower)
        && Name.Contains('_', StringComparison.Ordinal) && !Name.Contains("TPU", StringComparison.Ordinal);

    /// <summary>Gets the place without its kind.</summary>
    public string PlaceName => Place[(Place.IndexOf(' ', StringComparison.Ordinal) + 1)..];

    /// <summary>Gets the limit; null for one that is no number of this size.</summary>
    public long? Number => decimal.TryParse(
        Limit, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number <= long.MaxValue
            ? (long)number : null;
}

/// <summary>The request that the cloud refused, as far as it is known.</summary>
/// <param name="Project">The project that pays; null if it is not known.</param>
/// <param name="Place">The place that was asked for a node; null if the call asked for none.</param>
/// <param name="Catalog">The types of each zone; null if they are not known.</param>
internal sealed record RefusedRequest(string? Project, Candidate? Place, PriceCatalog? Catalog = null)
{
    /// <summary>Nothing is known of the request.</summary>
    public static RefusedRequest Unknown { get; } = new(null, null);
}
