using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>
/// Selects a page of the list of runs, which is in the order of their creation, newest first, and of their ids where
/// two are of the same time. A page begins after a place, not at a number: runs that start meanwhile move nothing.
/// </summary>
internal sealed record RunPage
{
    private const int Default = 100, Most = 500, MostCursor = 200;

    private static readonly string[] Times =
        ["yyyy-MM-dd", "yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mmK", "yyyy-MM-ddTHH:mm:ss.FFFFFFFK"];

    /// <summary>Gets the statuses to show; empty for all.</summary>
    public IReadOnlySet<RunStatus> Statuses { get; private init; } = new HashSet<RunStatus>();

    /// <summary>Gets a part of the name or id of the runs to show, in any case; null for all.</summary>
    public string? Name { get; private init; }

    /// <summary>Gets the beginning of the ids to show; null for all.</summary>
    public string? Prefix { get; private init; }

    /// <summary>Gets a part of the name, id, model or failure of the runs to show, in any case; null for all.</summary>
    public string? Text { get; private init; }

    /// <summary>Gets the run whose variants are shown; null for runs of their own.</summary>
    public string? Group { get; private init; }

    /// <summary>Gets a value indicating whether a name or text is searched for, which variants may have, too.</summary>
    private bool IsSearched => (Name ?? Prefix ?? Text) is not null;

    /// <summary>Gets the first time of creation to show; null for no limit.</summary>
    public DateTimeOffset? From { get; private init; }

    /// <summary>Gets the time before which the runs to show were created; null for no limit.</summary>
    public DateTimeOffset? To { get; private init; }

    /// <summary>Gets the most runs of the page.</summary>
    public int Limit { get; private init; } = Default;

    /// <summary>Gets the place after which the page begins; null for the newest.</summary>
    public (DateTimeOffset CreatedAt, string Id)? After { get; private init; }

    /// <summary>Reads the query of a request.</summary>
    /// <param name="query">The query.</param>
    /// <returns>The page.</returns>
    /// <exception cref="RunRequestException">A parameter is wrong; every one is listed.</exception>
    public static RunPage Of(IQueryCollection query)
    {
        var errors = new List<FieldError>();
        var statuses = new HashSet<RunStatus>();
        foreach (var word in query["status"].SelectMany(each => (each ?? "").Split(
            ',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
        {
            if (WireName.TryParse<RunStatus>(word, out var status))
            {
                statuses.Add(status);
            }
            else
            {
                errors.Add(new FieldError(
                    "status", $"'{SafeText.Of(word, 50)}' is no status of a run.",
                    $"Use {string.Join(", ", WireName.All<RunStatus>())}."));
            }
        }

        var limit = Default;
        if (query.TryGetValue("limit", out var given)
            && !(int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out limit)
                && limit is >= 1 and <= Most))
        {
            errors.Add(new FieldError(
                "limit", $"'{SafeText.Of(given, 50)}' is no size of a page.", $"Use 1 to {Most}."));
        }

        var after = query.TryGetValue("after", out var place) ? PlaceOf(place.ToString()) : null;
        if (after is null && place.Count > 0)
        {
            errors.Add(new FieldError(
                "after", $"'{SafeText.Of(place, 50)}' is no place of the list.",
                "Follow the address in the Link header of the page before, or leave it out."));
        }

        var (from, to) = (TimeOf(query, "from", errors), TimeOf(query, "to", errors));
        if (from >= to)
        {
            errors.Add(new FieldError("to", "It is not after from, so that no run fits.", "Use a later time."));
        }

        return errors.Count > 0
            ? throw new RunRequestException(errors)
            : new RunPage
            {
                Statuses = statuses,
                Name = TextOf(query, "name"),
                Prefix = TextOf(query, "prefix"),
                Text = TextOf(query, "text"),
                Group = TextOf(query, "group"),
                From = from,
                To = to,
                Limit = limit,
                After = after,
            };
    }

    /// <summary>Returns whether a run is shown, on this page or a later one.</summary>
    public bool Has(RunRow row) =>
        (After is not { } place || row.CreatedAt < place.CreatedAt
            || (row.CreatedAt == place.CreatedAt && string.CompareOrdinal(row.Id, place.Id) > 0))
        && (Statuses.Count == 0 || Statuses.Contains(row.Status))
        && !(row.CreatedAt < From) && !(row.CreatedAt >= To)
        && (Group is null ? row.Group is null || IsSearched : row.Group == Group)
        && (Prefix is null || row.Id.StartsWith(Prefix, StringComparison.Ordinal))
        && (Name is null || Contains(row.Id, Name) || Contains(row.Name, Name))
        && (Text is null || Contains(row.Id, Text) || Contains(row.Name, Text) || Contains(row.Model, Text)
            || Contains(row.Failure, Text));

    /// <summary>Formats the query of the page after a run.</summary>
    public string QueryAfter(RunView last)
    {
        var parts = new List<string>
        {
            string.Create(CultureInfo.InvariantCulture, $"limit={Limit}"), $"after={CursorOf(last)}",
        };
        parts.AddRange(Statuses.Order().Select(status => $"status={WireName.Of(status)}"));
        parts.AddRange(new[]
        {
            ("name", Name), ("prefix", Prefix), ("text", Text), ("group", Group),
            ("from", $"{From:O}"), ("to", $"{To:O}"),
        }.Where(each => !string.IsNullOrEmpty(each.Item2)).Select(
            each => $"{each.Item1}={Uri.EscapeDataString(each.Item2!)}"));
        return "?" + string.Join('&', parts);
    }

    private static bool Contains(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);

    private static string? TextOf(IQueryCollection query, string field) =>
        query.TryGetValue(field, out var given) && given.ToString() is { Length: > 0 } text ? text : null;

    internal static DateTimeOffset? TimeOf(IQueryCollection query, string field, List<FieldError> errors)
    {
        if (!query.TryGetValue(field, out var given))
        {
            return null;
        }

        // A plus sign in a query is a blank, and only an offset has one.
        var text = given.ToString().Replace(' ', '+');
        if (DateTimeOffset.TryParseExact(
            text, Times, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return time;
        }

        errors.Add(new FieldError(
            field, $"'{SafeText.Of(given, 50)}' is no time.",
            "Use 2026-11-29, 2026-11-29T08:30:00Z or 2026-11-29T17:30:00+09:00."));
        return null;
    }

    /// <summary>Returns the cursor of a place: opaque to callers, who follow links.</summary>
    private static string CursorOf(RunView last) => Base64Url.EncodeToString(Encoding.ASCII.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{last.CreatedAt.UtcTicks}~{last.Id}")));

    private static (DateTimeOffset CreatedAt, string Id)? PlaceOf(string cursor)
    {
        var bytes = new byte[cursor.Length];
        return cursor.Length <= MostCursor && Base64Url.IsValid(cursor)
            && Base64Url.TryDecodeFromChars(cursor, bytes, out var count)
            && Encoding.ASCII.GetString(bytes, 0, count).Split('~') is [var ticks, var id] && RunId.TryParse(id, out _)
            && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number <= DateTimeOffset.MaxValue.UtcTicks
            ? (new DateTimeOffset(number, TimeSpan.Zero), id)
            : null;
    }
}
