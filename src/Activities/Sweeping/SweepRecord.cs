using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Sweeping;

/// <summary>
/// Records the work of sweeps, in <c>sweep.jsonl</c> of the store: requested deletions, their proofs, and the
/// projects that runs have used, which outlive the folders of those runs. <b>Invariant:</b> a deletion is stored once
/// the cloud has accepted it, and is checked until it is proved.
/// </summary>
/// <param name="ledger">The runs, and the store.</param>
/// <param name="clock">Gives the time.</param>
public sealed class SweepRecord(RunLedger ledger, TimeProvider clock)
{
    private const string Asked = "asked", Gone = "gone", Project = "project", Name = "sweep.jsonl",
        LastName = "sweep-last.json";

    private readonly Lock _lock = new();
    private readonly HashSet<RunId> _read = [];

    /// <summary>Lists the real projects in which runs of this service have requested nodes.</summary>
    /// <returns>Their ids in alphabetical order.</returns>
    public IReadOnlyList<string> Projects()
    {
        lock (_lock)
        {
            foreach (var (run, _) in ledger.All().Where(each => !_read.Contains(each.RunId)).ToList())
            {
                if (ledger.Find(run, LedgerKinds.Intent) is { } intent)
                {
                    var project = intent.Data.Deserialize<TpuLease>(RunLedger.Json)!.NodeName.ToString().Split('/')[1];
                    _read.Add(run);
                    if (project != VariantLedgers.RehearsalProject(ledger, run))
                    {
                        Write(Project, project, project);
                    }
                }
            }
        }

        return [.. ledger.State.ReadFacts(Name).Where(entry => entry.Kind == Project)
            .Select(entry => entry.Key).Order(StringComparer.Ordinal)];
    }

    /// <summary>Records the projects of a run before its ledger is deleted, which no sweep may have read.</summary>
    /// <param name="runId">The run.</param>
    public void Keep(RunId runId)
    {
        lock (_lock)
        {
            foreach (var project in ledger.Read<TpuLease>(runId, LedgerKinds.Intent)
                .Select(lease => lease.Data.NodeName.ToString().Split('/')[1]).Distinct(StringComparer.Ordinal)
                .Where(project => project != VariantLedgers.RehearsalProject(ledger, runId)))
            {
                Write(Project, project, project);
            }
        }
    }

    /// <summary>Forgets a run whose ledger is deleted, so that the one of a later run with its id is read.</summary>
    /// <param name="runId">The run.</param>
    public void Forget(RunId runId)
    {
        lock (_lock)
        {
            _read.Remove(runId);
        }
    }

    /// <summary>Returns the emulated project of a rehearsal.</summary>
    /// <param name="runId">The run.</param>
    /// <returns>The project's id.</returns>
    public static string RehearsalProject(RunId runId) => $"rehearsal-{runId}";

    /// <summary>Lists the proved deletions.</summary>
    /// <param name="most">The most of them.</param>
    /// <returns>The newest first.</returns>
    public IReadOnlyList<SweptFact> GivenBack(int most) =>
        [.. Read<SweptFact>(Gone).Select(each => each.Data).Reverse().Take(most)];

    /// <summary>Returns the newest sweep, by whatever service made it.</summary>
    /// <returns>null if there was none.</returns>
    public LastSweep? Last()
    {
        try
        {
            return ledger.State.Read(LastName) is { } content
                ? JsonSerializer.Deserialize<LastSweep>(content, RunLedger.Json) : null;
        }
        catch (JsonException)
        {
            // Of a version that wrote it otherwise; the next sweep replaces it.
            return null;
        }
    }

    /// <summary>Keeps the newest sweep.</summary>
    internal void Keep(SweepReport report) => ledger.State.Write(
        LastName, JsonSerializer.SerializeToUtf8Bytes(new LastSweep(clock.GetUtcNow(), report), RunLedger.Json));

    /// <summary>Lists the deletions that are not proved.</summary>
    internal IReadOnlyList<AskedFact> Pending()
    {
        var gone = ledger.State.ReadFacts(Name).Where(entry => entry.Kind == Gone)
            .Select(entry => entry.Key).ToHashSet(StringComparer.Ordinal);
        return [.. Read<AskedFact>(Asked).Select(each => each.Data with { At = each.At })
            .GroupBy(each => each.Key, StringComparer.Ordinal)
            .Where(group => !gone.Contains(group.Key))
            .Select(group => group.Last() with { At = group.First().At })];
    }

    /// <summary>Records that a deletion was accepted, or was under way when it was found.</summary>
    internal void Ask(AskedFact fact) => Write(Asked, $"{fact.Key}#{fact.Operation}", fact);

    /// <summary>Records a proof.</summary>
    internal void Prove(string key, SweptFact fact) => Write(Gone, key, fact);

    private void Write(string kind, string key, object data) => ledger.State.AppendFact(
        Name, new LedgerEntry(clock.GetUtcNow(), kind, key, JsonSerializer.SerializeToElement(data, RunLedger.Json)));

    private IEnumerable<(DateTimeOffset At, T Data)> Read<T>(string kind) => ledger.State.ReadFacts(Name)
        .Where(entry => entry.Kind == kind)
        .Select(entry => (entry.At, entry.Data.Deserialize<T>(RunLedger.Json)!));
}

/// <summary>The newest sweep.</summary>
/// <param name="At">Time of its end.</param>
/// <param name="Report">Its result.</param>
public sealed record LastSweep(DateTimeOffset At, SweepReport Report);

/// <summary>A deletion that a sweep follows.</summary>
/// <param name="Key">Name of the resource, with a part that tells it from others of the same name.</param>
/// <param name="Name">Full resource name.</param>
/// <param name="Kind">The kind of the resource.</param>
/// <param name="Project">The project.</param>
/// <param name="IsRehearsal">true if it is the emulator's.</param>
/// <param name="Run">The run that it named.</param>
/// <param name="LedgerRun">The run if it is proved and known, so that its ledger receives the proof, too.</param>
/// <param name="State">The cloud's state before the deletion.</param>
/// <param name="Operation">Name of the cloud's operation; empty if it was being deleted already.</param>
/// <param name="At">Time of the first request to delete it.</param>
internal sealed record AskedFact(
    string Key, string Name, ResourceKind Kind, string Project, bool IsRehearsal, string Run, RunId? LedgerRun,
    string State, string Operation, DateTimeOffset At);
