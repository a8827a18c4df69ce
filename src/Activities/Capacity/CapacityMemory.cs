using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Remembers refused places for all runs. A place that was refused for a lasting reason is skipped until the memory
/// ends, so that the next run does not repeat every failure of the last.
/// </summary>
public sealed class CapacityMemory(string stateDirectory, TimeProvider clock)
{
    private readonly Lock _lock = new();
    private readonly string _path = Path.Combine(stateDirectory, "capacity-memory.json");

    /// <summary>Remembers a refusal.</summary>
    /// <param name="project">The project refused.</param>
    /// <param name="candidate">The place.</param>
    /// <param name="refusal">The refusal; nothing is kept when it is not to be remembered.</param>
    /// <param name="pace">Share of the time to remember it for: a rehearsal's clock runs quicker.</param>
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

    private static string Key(string project, string place, Candidate candidate) =>
        $"{project}/{place}/{candidate.AcceleratorType}/{WireName.Of(candidate.Provisioning)}";

    private Dictionary<string, Remembered> Load()
    {
        try
        {
            return File.Exists(_path)
                ? JsonSerializer.Deserialize<Dictionary<string, Remembered>>(File.ReadAllText(_path), RunLedger.Json)!
                : [];
        }
        catch (JsonException)
        {
            // Only a cache: losing it costs a few refused attempts.
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
/// <param name="Until">When the memory ends.</param>
/// <param name="Code">Its code.</param>
/// <param name="Reason">The cloud's words.</param>
public sealed record Remembered(DateTimeOffset Until, string Code, string Reason);
