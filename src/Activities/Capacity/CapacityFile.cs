using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Workflows.Activities.Reporting;

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

    /// <summary>Seconds until a node was usable, or for which it lived.</summary>
    public double? Seconds { get; init; }
}

/// <summary>
/// The file of the capacity memory: facts are appended, and the file is written anew without the expired ones once most
/// of it has expired. It is a cache: a damaged one is begun anew.
/// </summary>
internal sealed class CapacityFile
{
    /// <summary>Lines below which writing anew gains nothing, and most facts of one place; chosen.</summary>
    private const int FewLines = 1000, MostOfAPlace = 100;

    private const string Added = "added", Gone = "gone";

    private readonly string _directory;
    private readonly string _path;
    private readonly TimeProvider _clock;
    private Dictionary<CapacityKey, List<CapacityFact>>? _facts;
    private FactFile? _file;
    private int _lines;

    public CapacityFile(string directory, TimeProvider clock) =>
        (_directory, _path, _clock) = (directory, Path.Combine(directory, "capacity.jsonl"), clock);

    /// <summary>Returns the facts of a place that have not expired, oldest first.</summary>
    public IReadOnlyList<CapacityFact> Read(CapacityKey key)
    {
        var now = _clock.GetUtcNow();
        return Load().TryGetValue(key, out var facts) ? [.. facts.Where(fact => fact.Until > now)] : [];
    }

    /// <summary>Lists the places that have facts, by project, place, type and mode.</summary>
    public IReadOnlyList<(CapacityKey Key, IReadOnlyList<CapacityFact> Facts)> All() =>
        [.. Load().Keys.OrderBy(
                key => $"{key.Project}/{key.Place}/{key.AcceleratorType}/{key.Provisioning}", StringComparer.Ordinal)
            .Select(key => (key, Read(key))).Where(each => each.Item2.Count > 0)];

    /// <summary>Adds a fact.</summary>
    public void Add(CapacityKey key, CapacityFact fact)
    {
        Load();
        Append(Added, new Line(key, fact));
        Keep(key, fact);
        Tidy();
    }

    /// <summary>Forgets a place in all projects, types and modes; null for all places.</summary>
    public void Forget(string? place)
    {
        Load();
        Append(Gone, new ForgottenPlace(place));
        Remove(place);
        Tidy();
    }

    private Dictionary<CapacityKey, List<CapacityFact>> Load()
    {
        if (_facts is not null)
        {
            return _facts;
        }

        _facts = [];
        try
        {
            Directory.CreateDirectory(_directory);
            if (File.Exists(_path))
            {
                _file = new FactFile(_path);
                Replay(_file.Snapshot());
            }
            else
            {
                Import();
            }
        }
        catch (JsonException)
        {
            // Losing it costs a few refused attempts.
            _facts = [];
            Rewrite();
        }

        return _facts;
    }

    private void Replay(IReadOnlyList<LedgerEntry> entries)
    {
        _lines = entries.Count;
        foreach (var entry in entries)
        {
            if (entry.Kind == Gone)
            {
                Remove(entry.Data.Deserialize<ForgottenPlace>(RunLedger.Json)!.Place);
            }
            else if (entry.Data.Deserialize<Line>(RunLedger.Json) is { Key: { } key, Fact: { } fact })
            {
                Keep(key, fact);
            }
        }

        Tidy();
    }

    /// <summary>Reads the refusals that an earlier version kept in one JSON file.</summary>
    private void Import()
    {
        var old = Path.Combine(_directory, "capacity-memory.json");
        if (!File.Exists(old))
        {
            return;
        }

        var read = JsonSerializer.Deserialize<Dictionary<string, Remembered?>>(File.ReadAllText(old), RunLedger.Json);
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
        File.Delete(old);
    }

    private void Keep(CapacityKey key, CapacityFact fact)
    {
        if (!_facts!.TryGetValue(key, out var facts))
        {
            _facts.Add(key, facts = []);
        }

        if (fact.Kind == CapacityKind.Refused)
        {
            // The newest refusal replaces the others.
            facts.RemoveAll(each => each.Kind == CapacityKind.Refused);
        }

        facts.Add(fact);
        if (facts.Count > MostOfAPlace)
        {
            facts.RemoveAt(0);
        }
    }

    private void Remove(string? place)
    {
        foreach (var key in _facts!.Keys.Where(key => place is null || key.Place == place).ToList())
        {
            _facts.Remove(key);
        }
    }

    private void Append(string kind, object data)
    {
        _file ??= new FactFile(_path);
        _file.Append(EntryOf(kind, data));
        _lines++;
    }

    private LedgerEntry EntryOf(string kind, object data) => new(
        _clock.GetUtcNow(), kind, Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture),
        JsonSerializer.SerializeToElement(data, RunLedger.Json));

    /// <summary>Writes the file anew if most of its lines are of no use any more.</summary>
    private void Tidy()
    {
        if (_lines > FewLines && _lines > 4 * All().Sum(each => each.Facts.Count))
        {
            Rewrite();
        }
    }

    private void Rewrite()
    {
        var entries = All().SelectMany(each => each.Facts.Select(fact => EntryOf(Added, new Line(each.Key, fact))))
            .ToList();
        var aside = _path + ".new";
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            foreach (var entry in entries)
            {
                JsonSerializer.Serialize(file, entry, RunLedger.Json);
                file.WriteByte((byte)'\n');
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(aside, _path, overwrite: true);
        _file = new FactFile(_path);
        _lines = entries.Count;
        var now = _clock.GetUtcNow();
        _facts = _facts!.Select(each => (each.Key, Facts: each.Value.Where(fact => fact.Until > now).ToList()))
            .Where(each => each.Facts.Count > 0).ToDictionary(each => each.Key, each => each.Facts);
    }

    private sealed record Line(CapacityKey Key, CapacityFact Fact);

    private sealed record ForgottenPlace([property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Place);
}
