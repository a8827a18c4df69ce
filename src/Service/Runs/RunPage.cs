using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>
/// Selects a page of the list of runs, which is in the order of their creation, newest first, and of their ids where
/// two are of the same time. A page begins after a place, not at a number: runs that start meanwhile move nothing.
/// </summary>
internal sealed record RunPage
{
    private const int Default = 100, Most = 500;

    /// <summary>Gets the statuses to show; empty for all.</summary>
    public IReadOnlySet<RunStatus> Statuses { get; private init; } = new HashSet<RunStatus>();

    /// <summary>Gets a part of the name or id of the runs to show, in any case; null for all.</summary>
    public string? Name { get; private init; }

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

        return errors.Count > 0
            ? throw new RunRequestException(errors)
            : new RunPage
            {
                Statuses = statuses,
                Name = query.TryGetValue("name", out var name) && name.ToString() is { Length: > 0 } part ? part : null,
                Limit = limit,
                After = after,
            };
    }

    /// <summary>Formats the query of the page after a run.</summary>
    public string QueryAfter(RunView last)
    {
        var parts = new List<string>
        {
            string.Create(CultureInfo.InvariantCulture, $"limit={Limit}"),
            string.Create(CultureInfo.InvariantCulture, $"after={last.CreatedAt.UtcTicks}~{last.Id}"),
        };
        parts.AddRange(Statuses.Order().Select(status => $"status={WireName.Of(status)}"));
        if (Name is not null)
        {
            parts.Add($"name={Uri.EscapeDataString(Name)}");
        }

        return "?" + string.Join('&', parts);
    }

    private static (DateTimeOffset CreatedAt, string Id)? PlaceOf(string text) =>
        text.Split('~') is [var ticks, var id] && RunId.TryParse(id, out _)
            && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number <= DateTimeOffset.MaxValue.UtcTicks
            ? (new DateTimeOffset(number, TimeSpan.Zero), id)
            : null;
}
