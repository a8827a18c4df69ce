using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Sweeping;

/// <summary>
/// Keeps the doings of sweeps, in <c>sweep.jsonl</c> of the state folder: deletions asked for, their proofs, and the
/// projects that runs have used, which outlive the folders of those runs. <b>Invariant:</b> a deletion is on disk once
/// the cloud has accepted it, and is looked at until it is proved.
/// </summary>
/// <param name="stateDirectory">The service's folder.</param>
/// <param name="ledger">Has the runs.</param>
/// <param name="clock">Tells the time.</param>
public sealed class SweepRecord(string stateDirectory, RunLedger ledger, TimeProvider clock)
{
    private const string Asked = "asked", Gone = "gone", Project = "project";

    private readonly Lock _lock = new();
    private readonly HashSet<RunId> _read = [];
    private readonly Lazy<FactFile> _file = new(() =>
    {
        Directory.CreateDirectory(stateDirectory);
        return new FactFile(Path.Combine(stateDirectory, "sweep.jsonl"));
    });

    /// <summary>Lists the projects that pay and that runs of this service have asked for nodes.</summary>
    /// <returns>Their ids in alphabetical order.</returns>
    public IReadOnlyList<string> Projects()
    {
        lock (_lock)
        {
            foreach (var (run, path) in ledger.Runs().Where(each => !_read.Contains(each.RunId)).ToList())
            {
                if (FirstIntent(path) is { } project)
                {
                    _read.Add(run);
                    if (project != RehearsalProject(run))
                    {
                        Write(Project, project, project);
                    }
                }
            }
        }

        return [.. _file.Value.Snapshot().Where(entry => entry.Kind == Project)
            .Select(entry => entry.Key).Order(StringComparer.Ordinal)];
    }

    /// <summary>Names the emulated project of a rehearsal.</summary>
    /// <param name="runId">The run.</param>
    /// <returns>The project's id.</returns>
    public static string RehearsalProject(RunId runId) => $"rehearsal-{runId}";

    /// <summary>Lists the proofs.</summary>
    /// <param name="most">The most of them.</param>
    /// <returns>The newest first.</returns>
    public IReadOnlyList<SweptFact> GivenBack(int most) =>
        [.. Read<SweptFact>(Gone).Select(each => each.Data).Reverse().Take(most)];

    /// <summary>Lists the deletions that are not proved.</summary>
    internal IReadOnlyList<AskedFact> Pending()
    {
        var gone = _file.Value.Snapshot().Where(entry => entry.Kind == Gone)
            .Select(entry => entry.Key).ToHashSet(StringComparer.Ordinal);
        return [.. Read<AskedFact>(Asked).Select(each => each.Data with { At = each.At })
            .GroupBy(each => each.Key, StringComparer.Ordinal)
            .Where(group => !gone.Contains(group.Key))
            .Select(group => group.Last() with { At = group.First().At })];
    }

    /// <summary>Keeps that a deletion was accepted, or was under way when it was found.</summary>
    internal void Ask(AskedFact fact) => Write(Asked, $"{fact.Key}#{fact.Operation}", fact);

    /// <summary>Keeps a proof.</summary>
    internal void Prove(string key, SweptFact fact) => Write(Gone, key, fact);

    private void Write(string kind, string key, object data) => _file.Value.Append(
        new LedgerEntry(clock.GetUtcNow(), kind, key, JsonSerializer.SerializeToElement(data, RunLedger.Json)));

    private IEnumerable<(DateTimeOffset At, T Data)> Read<T>(string kind) => _file.Value.Snapshot()
        .Where(entry => entry.Kind == kind)
        .Select(entry => (entry.At, entry.Data.Deserialize<T>(RunLedger.Json)!));

    /// <summary>Reads the project of the first node of a run; the ledger may be written meanwhile.</summary>
    private static string? FirstIntent(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var lines = new StreamReader(file);
            while (lines.ReadLine() is { } line)
            {
                if (line.Contains(LedgerKinds.Intent, StringComparison.Ordinal)
                    && JsonSerializer.Deserialize<LedgerEntry>(line, RunLedger.Json) is { } entry
                    && entry.Kind == LedgerKinds.Intent)
                {
                    return entry.Data.Deserialize<TpuLease>(RunLedger.Json)!.NodeName.ToString().Split('/')[1];
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            // Torn while it is written, or not readable now: the next look reads it.
        }

        return null;
    }
}

/// <summary>A deletion that a sweep follows.</summary>
/// <param name="Key">Name of the resource, and of this one among those of its name.</param>
/// <param name="Name">Full resource name.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Project">The project.</param>
/// <param name="IsRehearsal">true if it is the emulator's.</param>
/// <param name="Run">The run that it named.</param>
/// <param name="LedgerRun">That run where it is proved and known, so that its ledger gets the proof, too.</param>
/// <param name="State">The cloud's state before.</param>
/// <param name="Operation">Name of the cloud's operation; empty: it was being deleted already.</param>
/// <param name="At">When it was first asked for.</param>
internal sealed record AskedFact(
    string Key, string Name, ResourceKind Kind, string Project, bool IsRehearsal, string Run, RunId? LedgerRun,
    string State, string Operation, DateTimeOffset At);
