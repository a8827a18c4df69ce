using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>A place with type, mode and project.</summary>
internal sealed record CapacityKey(string Project, string Place, string AcceleratorType, string Provisioning);

/// <summary>Kinds of remembered facts.</summary>
internal enum CapacityKind
{
    /// <summary>The cloud refused a node.</summary>
    Refused,

    /// <summary>A node was usable.</summary>
    Ready,

    /// <summary>A node was lost.</summary>
    Lost,

    /// <summary>A request for a node was in vain.</summary>
    InVain,
}

/// <summary>A remembered fact.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Until">Time at which it expires.</param>
internal sealed record CapacityFact(CapacityKind Kind, DateTimeOffset Until)
{
    /// <summary>Code of a refusal.</summary>
    public string? Code { get; init; }

    /// <summary>The cloud's message.</summary>
    public string? Reason { get; init; }

    /// <summary>Slices for which a quota is too small, beside the refused one.</summary>
    public IReadOnlyList<QuotaReach>? Quotas { get; init; }

    /// <summary>Seconds until a node was usable or the request was in vain, or for which the node lived.</summary>
    public double? Seconds { get; init; }
}

/// <summary>
/// The file of the capacity memory: facts are appended, and the file is written anew without the expired ones once most
/// of it has expired. It is a cache: a damaged one is begun anew, which the log tells, and a copy is kept beside it.
/// Facts of other services are read at each call.
/// </summary>
internal sealed partial class CapacityFile
{
    /// <summary>Lines below which writing anew gains nothing, and most facts of a kind about a place; chosen.</summary>
    private const int FewLines = 1000, MostOfAKind = 100;

    private const string Added = "added", Gone = "gone", Name = "capacity.jsonl", OldName = "capacity-memory.json";

    private readonly IStateStore _state;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private Dictionary<CapacityKey, List<CapacityFact>> _facts = [];

    /// <summary>The facts that were read last, of which only the number and the last one count.</summary>
    private (int Count, LedgerEntry? Last) _seen;

    private bool _isOpen;

    public CapacityFile(IStateStore state, TimeProvider clock, ILogger logger) =>
        (_state, _clock, _logger) = (state, clock, logger);

    /// <summary>Returns the facts of a place that have not expired, oldest first.</summary>
    public IReadOnlyList<CapacityFact> Read(CapacityKey key) =>
        Load().TryGetValue(key, out var facts) ? Valid(facts) : [];

    /// <summary>Lists the places that have facts, by project, place, type and mode.</summary>
    public IReadOnlyList<(CapacityKey Key, IReadOnlyList<CapacityFact> Facts)> All() =>
        [.. Load().OrderBy(
                each => $"{each.Key.Project}/{each.Key.Place}/{each.Key.AcceleratorType}/{each.Key.Provisioning}",
                StringComparer.Ordinal)
            .Select(each => (each.Key, Valid(each.Value))).Where(each => each.Item2.Count > 0)];

    /// <summary>Adds a fact.</summary>
    public void Add(CapacityKey key, CapacityFact fact)
    {
        Load();
        _state.AppendFact(Name, EntryOf(Added, new Line(key, fact)));
        Tidy();
    }

    /// <summary>Forgets places.</summary>
    public void Forget(ForgottenPlace forgotten)
    {
        Load();
        _state.AppendFact(Name, EntryOf(Gone, forgotten));
        Tidy();
    }

    private Dictionary<CapacityKey, List<CapacityFact>> Load()
    {
        if (!_isOpen)
        {
            _isOpen = true;
            Open();
        }

        Catch();
        return _facts;
    }

    private void Open()
    {
        try
        {
            if (!_state.HasFacts(Name))
            {
                Import();
            }

            Catch();
            Tidy();
        }
        catch (JsonException exception)
        {
            // Losing it costs a few refused attempts.
            var isOld = !_state.HasFacts(Name);
            var name = isOld ? OldName : Name;
            var copy = _state.SetAside(name) ?? "nowhere";
            Log.Damaged(_logger, name, exception.Message, copy);
            _facts = [];
            Rewrite();
            if (isOld)
            {
                _state.Delete(OldName);
            }
        }
    }

    /// <summary>Reads the facts that were written since the last call; all of them if the file was replaced.</summary>
    private void Catch()
    {
        var entries = _state.ReadFacts(Name);
        if (entries.Count < _seen.Count
            || (_seen.Count > 0 && !ReferenceEquals(entries[_seen.Count - 1], _seen.Last)))
        {
            (_facts, _seen) = ([], default);
        }

        for (; _seen.Count < entries.Count; _seen = (_seen.Count + 1, entries[_seen.Count]))
        {
            var entry = entries[_seen.Count];
            if (entry.Kind == Gone)
            {
                Remove(entry.Data.Deserialize<ForgottenPlace>(RunLedger.Json)!);
            }
            else if (entry.Data.Deserialize<Line>(RunLedger.Json) is { Key: { } key, Fact: { } fact })
            {
                Keep(key, fact);
            }
        }
    }

    /// <summary>Reads the refusals that an earlier version kept in one JSON file.</summary>
    private void Import()
    {
        if (_state.Read(OldName) is not { } old)
        {
            return;
        }

        var read = JsonSerializer.Deserialize<Dictionary<string, Remembered?>>(old, RunLedger.Json);
        foreach (var (name, refusal) in read ?? [])
        {
            if (refusal is not null && name.Split('/') is [var project, var place, var type, var mode])
            {
                Keep(
                    new CapacityKey(project, place, type, mode),
                    new CapacityFact(CapacityKind.Refused, refusal.Until)
                    {
                        Code = refusal.Code,
                        Reason = refusal.Reason,
                    });
            }
        }

        Rewrite();
        _state.Delete(OldName);
    }

    private IReadOnlyList<CapacityFact> Valid(List<CapacityFact> facts)
    {
        var now = _clock.GetUtcNow();
        return [.. facts.Where(fact => fact.Until > now)];
    }

    private void Keep(CapacityKey key, CapacityFact fact)
    {
        if (!_facts.TryGetValue(key, out var facts))
        {
            _facts.Add(key, facts = []);
        }

        if (fact.Kind == CapacityKind.Refused)
        {
            // The newest refusal replaces the others.
            facts.RemoveAll(each => each.Kind == CapacityKind.Refused);
        }

        facts.Add(fact);
        if (facts.Count(each => each.Kind == fact.Kind) > MostOfAKind)
        {
            facts.RemoveAt(facts.FindIndex(each => each.Kind == fact.Kind));
        }
    }

    private void Remove(ForgottenPlace forgotten)
    {
        foreach (var key in _facts.Keys.Where(forgotten.Has).ToList())
        {
            _facts.Remove(key);
        }
    }

    private LedgerEntry EntryOf(string kind, object data) => new(
        _clock.GetUtcNow(), kind, Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture),
        JsonSerializer.SerializeToElement(data, RunLedger.Json));

    /// <summary>Writes the file anew if most of its lines are of no use any more.</summary>
    private void Tidy()
    {
        if (_seen.Count > FewLines && _seen.Count > 4 * All().Sum(each => each.Facts.Count))
        {
            Rewrite();
        }
    }

    private void Rewrite()
    {
        _state.ReplaceFacts(Name, [.. _facts.SelectMany(each => Valid(each.Value)
            .Select(fact => EntryOf(Added, new Line(each.Key, fact))))]);
        (_facts, _seen) = ([], default);
        Catch();
    }

    private sealed record Line(CapacityKey Key, CapacityFact Fact);

    private static partial class Log
    {
        [LoggerMessage(4324, LogLevel.Warning,
            "The memory of capacity, {Name}, is damaged and begins anew: {Reason} Refusals, waits and lives of nodes "
            + "that it had are forgotten, so that the next runs may try places in vain. A copy is kept at: {Copy}.")]
        public static partial void Damaged(ILogger logger, string name, string reason, string copy);
    }
}

/// <summary>Places to forget; each null stands for all.</summary>
/// <param name="Place">A zone, or a region.</param>
/// <param name="AcceleratorType">The type.</param>
/// <param name="Provisioning">The mode, as it is written in requests.</param>
/// <param name="Project">The project.</param>
public sealed record ForgottenPlace(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Place, string? AcceleratorType = null,
    string? Provisioning = null, string? Project = null)
{
    /// <summary>Returns whether this names a place.</summary>
    internal bool Has(CapacityKey key) => (Place is null || Place == key.Place)
        && (AcceleratorType is null || AcceleratorType == key.AcceleratorType)
        && (Provisioning is null || Provisioning == key.Provisioning) && (Project is null || Project == key.Project);
}
