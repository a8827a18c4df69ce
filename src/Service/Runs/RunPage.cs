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
    /// <summary>The header with the place after which a page begins, in requests and answers, as in Durable
    /// Functions.</summary>
    public const string TokenHeader = "x-ms-continuation-token";

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

    /// <summary>Gets a value indicating whether the runs to show are those of a filter.</summary>
    public bool IsFiltered => IsSearched || Statuses.Count > 0 || Group is not null || From is not null
        || To is not null;

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

    /// <summary>Reads the query of a request, in which each filter has a name of Durable Functions, too.</summary>
    /// <param name="query">The query.</param>
    /// <param name="token">The cursor in the header <see cref="TokenHeader"/>; null or empty for none.</param>
    /// <returns>The page.</returns>
    /// <exception cref="RunRequestException">A parameter is wrong; every one is listed.</exception>
    public static RunPage Of(IQueryCollection query, string? token = null)
    {
        var errors = new List<FieldError>();
        var statuses = StatusesOf(query, "status", WireName.All<RunStatus>(), word =>
            WireName.TryParse<RunStatus>(word, out var status) ? status : null, errors);
        var others = StatusesOf(query, "runtimeStatus", RuntimeStatuses.All, RuntimeStatuses.Find, errors);
        var (limit, top) = (LimitOf(query, "limit", errors), LimitOf(query, "top", errors));
        var (after, header) = (
            query.TryGetValue("after", out var place) ? PlaceOf(place.ToString(), "after", errors) : null,
            string.IsNullOrEmpty(token) ? null : PlaceOf(token, TokenHeader, errors));
        var (from, to) = (TimeOf(query, "from", errors), TimeOf(query, "to", errors));
        var (createdFrom, createdTo) = (
            TimeOf(query, "createdTimeFrom", errors), TimeOf(query, "createdTimeTo", errors));
        var (prefix, idPrefix) = (TextOf(query, "prefix"), TextOf(query, "instanceIdPrefix"));
        Same(statuses is null || others is null || statuses.SetEquals(others), "status", "runtimeStatus");
        Same(limit is null || top is null || limit == top, "limit", "top");
        Same(after is null || header is null || after == header, "after", TokenHeader);
        Same(from is null || createdFrom is null || from == createdFrom, "from", "createdTimeFrom");
        Same(to is null || createdTo is null || to == createdTo, "to", "createdTimeTo");
        Same(prefix is null || idPrefix is null || prefix == idPrefix, "prefix", "instanceIdPrefix");
        if ((from ?? createdFrom) >= (to ?? createdTo))
        {
            errors.Add(new FieldError(
                to is null ? "createdTimeTo" : "to",
                $"It is not after {(from is null ? "createdTimeFrom" : "from")}, so that no run fits.",
                "Use a later time."));
        }

        return errors.Count > 0
            ? throw new RunRequestException(errors)
            : new RunPage
            {
                Statuses = statuses ?? others ?? [],
                Name = TextOf(query, "name"),
                Prefix = prefix ?? idPrefix,
                Text = TextOf(query, "text"),
                Group = TextOf(query, "group"),
                From = from ?? createdFrom,
                To = to ?? createdTo,
                Limit = limit ?? top ?? Default,
                After = after ?? header,
            };

        void Same(bool isSame, string ours, string theirs)
        {
            if (!isSame)
            {
                errors.Add(new FieldError(
                    theirs, $"It is another name of '{ours}', which has another value.", "Give one of them."));
            }
        }
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
            string.Create(CultureInfo.InvariantCulture, $"limit={Limit}"),
            $"after={CursorOf(last.CreatedAt, last.Id.Value)}",
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

    private static HashSet<RunStatus>? StatusesOf(
        IQueryCollection query, string field, IReadOnlyList<string> all, Func<string, RunStatus?> find,
        List<FieldError> errors)
    {
        var statuses = new HashSet<RunStatus>();
        foreach (var word in query[field].SelectMany(each => (each ?? "").Split(
            ',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
        {
            if (find(word) is { } status)
            {
                statuses.Add(status);
            }
            else
            {
                errors.Add(new FieldError(
                    field, $"'{SafeText.Of(word, 50)}' is no status of a run.", $"Use {string.Join(", ", all)}."));
            }
        }

        return statuses.Count > 0 ? statuses : null;
    }

    private static int? LimitOf(IQueryCollection query, string field, List<FieldError> errors)
    {
        if (!query.TryGetValue(field, out var given))
        {
            return null;
        }

        if (int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= Most)
        {
            return limit;
        }

        errors.Add(new FieldError(
            field, $"'{SafeText.Of(given, 50)}' is no size of a page.", $"Use 1 to {Most}."));
        return null;
    }

    /// <summary>Returns the cursor of a place: opaque to callers, who follow links.</summary>
    public static string CursorOf(DateTimeOffset createdAt, string id) => Base64Url.EncodeToString(
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{createdAt.UtcTicks}~{id}")));

    private static (DateTimeOffset CreatedAt, string Id)? PlaceOf(
        string cursor, string field, List<FieldError> errors)
    {
        var bytes = new byte[cursor.Length];
        if (cursor.Length <= MostCursor && Base64Url.IsValid(cursor)
            && Base64Url.TryDecodeFromChars(cursor, bytes, out var count)
            && Encoding.ASCII.GetString(bytes, 0, count).Split('~') is [var ticks, var id] && RunId.TryParse(id, out _)
            && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number <= DateTimeOffset.MaxValue.UtcTicks)
        {
            return (new DateTimeOffset(number, TimeSpan.Zero), id);
        }

        errors.Add(new FieldError(
            field, $"'{SafeText.Of(cursor, 50)}' is no place of the list.",
            field == TokenHeader
                ? $"Send the {TokenHeader} of the page before, or leave it out."
                : "Follow the address in the Link header of the page before, or leave it out."));
        return null;
    }
}
