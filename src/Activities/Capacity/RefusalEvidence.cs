using System.Globalization;
using System.Text.RegularExpressions;
using Google.Rpc;
using Grpc.Core;

namespace Workflows.Activities.Capacity;

/// <summary>An error of the cloud in the form that the rules read.</summary>
/// <param name="Code">The status code, which does not tell causes apart by itself.</param>
/// <param name="Message">The cloud's message.</param>
/// <param name="Reason">Reason of the error's <see cref="ErrorInfo"/>; null if it has none.</param>
/// <param name="Quota">The violated quotas; null for none.</param>
internal sealed partial record RefusalEvidence(StatusCode Code, string Message, string? Reason, QuotaFailure? Quota)
{
    /// <summary>Gets the units of quota that the asked slice needs; null if it is not known.</summary>
    public long? Slice { get; init; }

    /// <summary>
    /// Gets the cloud's message, followed by the descriptions of violated quotas that the message does not name.
    /// </summary>
    public string Text { get; } =
        Quota is { Violations.Count: > 0 } && !QuotaText().IsMatch(Message)
            ? $"{Message} {string.Join(" ", Quota.Violations.Select(violation => violation.Description))}".Trim()
            : Message;

    /// <summary>Gets a value indicating whether a quota of the project is used up.</summary>
    public bool IsQuota => Code == StatusCode.ResourceExhausted
        && (Quota is not null || QuotaText().IsMatch(Text) || Says("exceed quota limits"));

    /// <summary>Gets a value indicating whether the slice would fit into every limit that the text names: then the
    /// quota is in use, by a node that is being deleted or by another run, and not too small.</summary>
    public bool IsQuotaInUse => IsQuota && Slice is { } slice && Limits is { Count: > 0 } limits
        && limits.All(each => long.TryParse(each.Limit, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit >= slice);

    /// <summary>Gets the quotas that the text names with their limits; it can name several, separated by
    /// commas.</summary>
    public IReadOnlyList<QuotaLimit> Limits
    {
        get
        {
            var match = LimitText().Match(Text);
            var (names, limits, places) = (Parts("names"), Parts("limits"), Parts("places"));
            return match.Success && names.Length == limits.Length && names.Length == places.Length
                ? [.. names.Select((name, index) => new QuotaLimit(name, limits[index], places[index]))]
                : [];

            string[] Parts(string group) => match.Groups[group].Value.Split(',');
        }
    }

    /// <summary>Returns whether the text contains the words, ignoring case.</summary>
    /// <param name="words">The words.</param>
    public bool Says(string words) => Text.Contains(words, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(
        @"Quota (limit )?'(?<names>[A-Za-z0-9,]+)' (exhausted|has been exceeded)\. Limit:? (?<limits>\d+(,\d+)*) in "
        + "(?<places>(region|zone) [a-z0-9-]+(,(region|zone) [a-z0-9-]+)*)", RegexOptions.CultureInvariant)]
    private static partial Regex LimitText();

    [GeneratedRegex("Quota (limit )?'[A-Za-z0-9,]+'", RegexOptions.CultureInvariant)]
    private static partial Regex QuotaText();
}

/// <summary>A quota of the project, as a refusal names it.</summary>
/// <param name="Name">Its name in the API.</param>
/// <param name="Limit">Chips that the project may have at once, as a number.</param>
/// <param name="Place">The place: <c>region us-central1</c> or <c>zone us-central1-a</c>.</param>
internal sealed record QuotaLimit(string Name, string Limit, string Place);
