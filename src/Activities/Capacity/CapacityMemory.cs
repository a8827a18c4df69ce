using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Remembers refused places for all runs. A place that was refused for a lasting reason is skipped until its entry
/// expires, so that the next run does not repeat every failure of the last.
/// </summary>
public sealed class CapacityMemory(string stateDirectory, TimeProvider clock)
{
    private readonly Lock _lock = new();
    private readonly string _path = Path.Combine(stateDirectory, "capacity-memory.json");

    /// <summary>Remembers a refusal.</summary>
    /// <param name="project">The project that was refused.</param>
    /// <param name="candidate">The place.</param>
    /// <param name="refusal">The refusal; one whose time to be remembered is zero is not kept.</param>
    /// <param name="pace">Factor of the time for which it is remembered: a rehearsal's clock runs faster.</param>
    public void Remember(string project, Candidate candidate, Refusal refusal, double pace = 1)
    {
        if (refusal.RememberSeconds <= 0 || refusal.Scope is RefusalScope.Project or RefusalScope.Request)
        {
            return;
        }

        var until = clock.GetUtcNow().AddSeconds(refusal.RememberSeconds * pace);
        var place = refusal.Scope == RefusalScope.Region ? candidate.Region : candidate.Zone;
        lock (_lock)
        {
            var all = Load();
            all[Key(project, place, candidate)] = new Remembered(until, refusal.Code, refusal.Reason);
            Store(all);
        }
    }

    /// <summary>Looks a place up.</summary>
    /// <param name="project">The project.</param>
    /// <param name="candidate">The place.</param>
    /// <returns>The refusal that still holds, or null.</returns>
    public Remembered? Find(string project, Candidate candidate)
    {
        lock (_lock)
        {
            var all = Load();
            var now = clock.GetUtcNow();
            return new[] { candidate.Zone, candidate.Region }
                .Select(place => all.GetValueOrDefault(Key(project, place, candidate)))
                .FirstOrDefault(found => found is not null && found.Until > now);
        }
    }

    /// <summary>Lists the refusals that still hold.</summary>
    /// <returns>The refusals, by project, place, type and provisioning.</returns>
    public IReadOnlyList<RememberedPlace> All()
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            return
            [
                .. Load().Where(pair => pair.Value.Until > now).OrderBy(pair => pair.Key, StringComparer.Ordinal)
                    .Select(pair => (Parts: pair.Key.Split('/'), Refusal: pair.Value))
                    .Where(each => each.Parts.Length == 4)
                    .Select(each => new RememberedPlace(
                        each.Parts[0], each.Parts[1], each.Parts[2], each.Parts[3], each.Refusal.Until,
                        each.Refusal.Code, each.Refusal.Reason)),
            ];
        }
    }

    /// <summary>Forgets refusals, so that the next run tries those places again.</summary>
    /// <param name="place">A zone or region, in all its projects and types; null for all.</param>
    /// <returns>The number of refusals forgotten.</returns>
    public int Forget(string? place)
    {
        lock (_lock)
        {
            var all = Load();
            var now = clock.GetUtcNow();
            var gone = all.Where(pair => place is null || pair.Key.Split('/') is [_, var its, ..] && its == place)
                .ToList();
            foreach (var (key, _) in gone)
            {
                all.Remove(key);
            }

            Store(all);
            return gone.Count(pair => pair.Value.Until > now);
        }
    }

    private static string Key(string project, string place, Candidate candidate) =>
        $"{project}/{place}/{candidate.AcceleratorType}/{WireName.Of(candidate.Provisioning)}";

    private Dictionary<string, Remembered> Load()
    {
        try
        {
            var read = File.Exists(_path)
                ? JsonSerializer.Deserialize<Dictionary<string, Remembered?>>(
                    File.ReadAllText(_path), RunLedger.Json)
                : null;
            return (read ?? []).Where(pair => pair.Value is not null)
                .ToDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.Ordinal);
        }
        catch (JsonException)
        {
            // The file is only a cache: losing it costs a few refused attempts.
            return [];
        }
    }

    private void Store(Dictionary<string, Remembered> all)
    {
        var now = clock.GetUtcNow();
        var alive = all.Where(pair => pair.Value.Until > now).ToDictionary(StringComparer.Ordinal);
        Directory.CreateDirectory(stateDirectory);
        var aside = _path + ".new";
        File.WriteAllText(aside, JsonSerializer.Serialize(alive, RunLedger.Json));
        File.Move(aside, _path, overwrite: true);
    }
}

/// <summary>A remembered refusal.</summary>
/// <param name="Until">Time at which the entry expires.</param>
/// <param name="Code">Its code.</param>
/// <param name="Reason">The cloud's message.</param>
public sealed record Remembered(DateTimeOffset Until, string Code, string Reason);

/// <summary>A remembered refusal with its place.</summary>
/// <param name="Project">The project that was refused.</param>
/// <param name="Place">A zone, or a region.</param>
/// <param name="AcceleratorType">The requested type.</param>
/// <param name="Provisioning">The requested mode.</param>
/// <param name="Until">Time at which the entry expires.</param>
/// <param name="Code">Its code in docs/errors.md.</param>
/// <param name="Reason">The cloud's message.</param>
public sealed record RememberedPlace(
    string Project, string Place, string AcceleratorType, string Provisioning, DateTimeOffset Until, string Code,
    string Reason);
