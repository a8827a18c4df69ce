using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Spending;

/// <summary>
/// Keeps the spending of all runs that pay by day (UTC) in <c>spending.json</c> of the state folder, so that the
/// spending of a month is known without reading the ledgers of its runs: a sum for the ended runs, and the list of the
/// open ones, whose ledgers are read. <b>Invariant:</b> a run is in the list before it is started, and leaves it in the
/// same write that adds its cost to the sums, so that no crash loses or doubles a cost. The cost of purged runs, which
/// have no ledger, is in <c>purged-costs.jsonl</c>, too: from it and the ledgers the sums can be made anew.
/// </summary>
/// <param name="stateDirectory">The service's folder.</param>
/// <param name="ledger">The facts of the runs.</param>
/// <param name="clock">Gives the time.</param>
public sealed class SpendBook(string stateDirectory, RunLedger ledger, TimeProvider clock)
{
    private const string PurgedKind = "purged";

    private readonly Lock _lock = new();
    private readonly string _path = Path.Combine(Path.GetFullPath(stateDirectory), "spending.json");
    private readonly Lazy<FactFile> _purged = new(() =>
    {
        Directory.CreateDirectory(stateDirectory);
        var path = Path.Combine(Path.GetFullPath(stateDirectory), "purged-costs.jsonl");
        try
        {
            return new FactFile(path);
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException(
                $"'{path}' has a line that is no cost of a purged run, and nothing else has those costs: restore the "
                + $"file from a backup, or remove the line and restart the service. {exception.Message}", exception);
        }
    });

    private Sums? _sums;

    /// <summary>Lists the runs whose cost is not in the sums yet.</summary>
    /// <returns>Each run with the time at which it was begun.</returns>
    public IReadOnlyList<(RunId RunId, DateTimeOffset At)> Open()
    {
        lock (_lock)
        {
            return [.. Load().Open.Select(each => (new RunId(each.Key), each.Value.At))];
        }
    }

    /// <summary>Begins a run that pays, or a later part of it. Begun again, it stays as it is.</summary>
    /// <param name="runId">The run.</param>
    public void Begin(RunId runId)
    {
        lock (_lock)
        {
            var sums = Load();
            if (!sums.Open.ContainsKey(runId.Value))
            {
                // The cost of earlier parts is in the sums since their end.
                var now = clock.GetUtcNow();
                Store(sums.With(runId, new OpenRun(now, RunCosts.ByDay(ledger, runId, now))));
            }
        }
    }

    /// <summary>Ends a run: adds its cost to the sums. Ended again, it stays as it is.</summary>
    /// <param name="runId">The run; it must cost nothing any more.</param>
    public void End(RunId runId) => Close(runId, Added);

    /// <summary>Removes a run from the list without its cost, because it is a rehearsal.</summary>
    /// <param name="runId">The run.</param>
    public void Drop(RunId runId) => Close(runId, (_, _) => []);

    /// <summary>
    /// Records the cost of a run that is about to lose its ledger. Recorded again, it stays as it is. The sums must
    /// have it already: see <see cref="Open"/>.
    /// </summary>
    /// <param name="runId">The run.</param>
    public void Keep(RunId runId)
    {
        lock (_lock)
        {
            var days = RunCosts.ByDay(ledger, runId, clock.GetUtcNow());
            if (days.Count > 0 && IsOfARunThatPays(runId))
            {
                _purged.Value.Append(new LedgerEntry(
                    clock.GetUtcNow(), PurgedKind, PurgedKey(runId)!,
                    JsonSerializer.SerializeToElement(new PurgedRun(runId, days), RunLedger.Json)));
            }
        }
    }

    /// <summary>Adds up the spending of today and of this month (UTC), open runs included.</summary>
    /// <returns>US dollars.</returns>
    public (double Day, double Month) Spent()
    {
        lock (_lock)
        {
            var sums = Load();
            var today = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
            double day = 0, month = 0;
            foreach (var (date, usd) in sums.Days.Concat(
                sums.Open.SelectMany(each => Added(new RunId(each.Key), each.Value))))
            {
                day += date == today ? usd : 0;
                month += (date.Year, date.Month) == (today.Year, today.Month) ? usd : 0;
            }

            return (day, month);
        }
    }

    /// <summary>Returns whether a run costs nothing any more: it has its end, or none of its nodes may exist.</summary>
    /// <param name="runId">A run that is not under way.</param>
    /// <returns>true if its cost cannot change.</returns>
    public bool IsOver(RunId runId) => RunParts.EndOf(ledger.Read(runId)) is not null
        || RunCosts.Left(ledger, runId, clock.GetUtcNow()).Count == 0;

    private void Close(RunId runId, Func<RunId, OpenRun, Dictionary<DateOnly, double>> cost)
    {
        lock (_lock)
        {
            var sums = Load();
            if (sums.Open.TryGetValue(runId.Value, out var run))
            {
                Store(sums.Without(runId, cost(runId, run), FirstDay()));
            }
        }
    }

    /// <summary>Returns the cost of a run since it was begun, by day.</summary>
    private Dictionary<DateOnly, double> Added(RunId runId, OpenRun run) =>
        RunCosts.ByDay(ledger, runId, clock.GetUtcNow()).ToDictionary(
            each => each.Key, each => Math.Max(0, each.Value - run.Counted.GetValueOrDefault(each.Key)));

    /// <summary>Returns the first day that is kept: that of the month before.</summary>
    private DateOnly FirstDay()
    {
        var today = clock.GetUtcNow().UtcDateTime;
        return new DateOnly(today.Year, today.Month, 1).AddMonths(-1);
    }

    private Sums Load()
    {
        if (_sums is not null)
        {
            return _sums;
        }

        try
        {
            _sums = File.Exists(_path)
                ? JsonSerializer.Deserialize<Sums>(File.ReadAllBytes(_path), RunLedger.Json) : null;
        }
        catch (JsonException)
        {
            // Damaged: it holds nothing that the ledgers and the costs of purged runs do not have.
        }

        if (_sums is not { Days: not null, Open: not null } || !_sums.Open.Keys.All(id => RunId.TryParse(id, out _)))
        {
            Store(FromLedgers());
        }

        return _sums!;
    }

    /// <summary>
    /// Makes the sums anew, from the ledgers that were written in this month and the costs of purged runs: once in the
    /// life of a state folder, or after its file was lost.
    /// </summary>
    private Sums FromLedgers()
    {
        var now = clock.GetUtcNow();
        var first = new DateTime(now.UtcDateTime.Year, now.UtcDateTime.Month, 1, 0, 0, 0, DateTimeKind.Utc);
        var open = new Dictionary<string, OpenRun>(StringComparer.Ordinal);
        foreach (var (runId, path) in ledger.Runs())
        {
            // The cost of a variant is that of its group, whose own ledger may be older.
            var isRecent = File.GetLastWriteTimeUtc(path) >= first
                || VariantLedgers.MembersOf(ledger, runId).Count > 0;
            if (isRecent && VariantLedgers.GroupOf(ledger, runId) is null && IsOfARunThatPays(runId))
            {
                open.Add(runId.Value, new OpenRun(now, new Dictionary<DateOnly, double>()));
            }
        }

        // The ended ones leave the list at the next look at the engine.
        return new Sums(PurgedDays(), open);
    }

    /// <summary>Adds up the cost of purged runs by day.</summary>
    private Dictionary<DateOnly, double> PurgedDays()
    {
        var days = new Dictionary<DateOnly, double>();
        foreach (var entry in _purged.Value.Snapshot())
        {
            var run = entry.Data.Deserialize<PurgedRun>(RunLedger.Json)!;
            if (entry.Key == PurgedKey(run.RunId))
            {
                // A purge that was interrupted has left the ledger, which counts in its place.
                continue;
            }

            foreach (var (date, usd) in run.Days.Where(each => each.Key >= FirstDay()))
            {
                days[date] = days.GetValueOrDefault(date) + usd;
            }
        }

        return days;
    }

    /// <summary>
    /// Returns the name of a run and its ledger, since another run may get the id after a purge; null without a ledger.
    /// </summary>
    private string? PurgedKey(RunId runId) => ledger.Read(runId) is [{ At: var at }, ..] ? $"{runId}@{at:O}" : null;

    /// <summary>Returns whether a run has a node in a real project, or may still get one.</summary>
    private bool IsOfARunThatPays(RunId runId)
    {
        var project = VariantLedgers.RehearsalProject(ledger, runId);
        var leases = VariantLedgers.WithMembers(ledger, runId)
            .SelectMany(each => ledger.Read<TpuLease>(each, LedgerKinds.Intent)).ToList();
        return leases.Count > 0
            ? leases.Any(lease => lease.Data.NodeName.ToString().Split('/')[1] != project)
            : RunParts.EndOf(ledger.Read(runId)) is null;
    }

    /// <summary>Writes the file beside the old one and renames it, so that one of them is whole.</summary>
    private void Store(Sums sums)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        var aside = _path + ".new";
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(file, sums, RunLedger.Json);
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, _path, overwrite: true);
        _sums = sums;
    }

    /// <summary>A run whose cost is not in the sums.</summary>
    /// <param name="At">Time at which it was begun.</param>
    /// <param name="Counted">The part of its cost by day that is in the sums, in US dollars.</param>
    private sealed record OpenRun(DateTimeOffset At, IReadOnlyDictionary<DateOnly, double> Counted);

    /// <summary>A run that was purged.</summary>
    /// <param name="RunId">The run.</param>
    /// <param name="Days">Its whole cost by day, in US dollars.</param>
    private sealed record PurgedRun(RunId RunId, IReadOnlyDictionary<DateOnly, double> Days);

    /// <summary>The content of the file.</summary>
    /// <param name="Days">The cost of ended runs by day, in US dollars.</param>
    /// <param name="Open">The other runs that pay.</param>
    private sealed record Sums(IReadOnlyDictionary<DateOnly, double> Days, IReadOnlyDictionary<string, OpenRun> Open)
    {
        public Sums With(RunId runId, OpenRun run) =>
            this with { Open = new Dictionary<string, OpenRun>(Open, StringComparer.Ordinal) { [runId.Value] = run } };

        public Sums Without(RunId runId, IReadOnlyDictionary<DateOnly, double> cost, DateOnly first)
        {
            var days = Days.Where(each => each.Key >= first).ToDictionary();
            foreach (var (date, usd) in cost.Where(each => each.Key >= first))
            {
                days[date] = days.GetValueOrDefault(date) + usd;
            }

            return new Sums(days, Open.Where(each => each.Key != runId.Value)
                .ToDictionary(each => each.Key, each => each.Value, StringComparer.Ordinal));
        }
    }
}
