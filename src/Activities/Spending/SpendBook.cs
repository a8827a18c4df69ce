using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Spending;

/// <summary>
/// Keeps the spending of all runs that pay by day (UTC) in <c>spending.json</c> of the store, so that the spending of a
/// month is known without reading the ledgers of its runs: a sum for the ended runs, and the list of the
/// open ones, whose ledgers are read. <b>Invariant:</b> a run is in the list before it is started, and leaves it in the
/// same write that adds its cost to the sums, so that no crash loses or doubles a cost. The cost of purged runs, which
/// have no ledger, is in <c>purged-costs.jsonl</c>, too: from it and the ledgers the sums can be made anew.
/// </summary>
/// <param name="ledger">The facts of the runs, and the store.</param>
/// <param name="clock">Gives the time.</param>
public sealed class SpendBook(RunLedger ledger, TimeProvider clock)
{
    private const string PurgedKind = "purged", Name = "spending.json", PurgedName = "purged-costs.jsonl";

    private readonly IStateStore _state = ledger.State;

    /// <summary>Gets a value indicating whether the sums are there, and need not be made from the ledgers.</summary>
    public bool IsMade => Of(_state.Read(Name)) is not null;

    /// <summary>Lists the runs whose cost is not in the sums yet.</summary>
    /// <returns>Each run with the time at which it was begun.</returns>
    public IReadOnlyList<OpenSpending> Open() =>
        [.. Load().Open.Select(each => new OpenSpending(
            new RunId(each.Key), each.Value.At, each.Value.StartingUsd, each.Value.StartingAt))];

    /// <summary>Begins a run that pays, or a later part of it. Begun again, only its budget is another one.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="startingUsd">Its budget in US dollars, for as long as the engine does not have it; null for
    /// none.</param>
    public void Begin(RunId runId, double? startingUsd = null) => Change(sums =>
    {
        // The cost of earlier parts is in the sums since their end.
        var now = clock.GetUtcNow();
        var run = sums.Open.GetValueOrDefault(runId.Value)
            ?? new OpenRun(now, RunCosts.ByDay(ledger, runId, now));
        return run.StartingUsd is null && startingUsd is null && sums.Open.ContainsKey(runId.Value)
            ? null : sums.With(runId, run with
            {
                StartingUsd = startingUsd,
                StartingAt = startingUsd is null ? null : now,
                Ended = null,
            });
    });

    /// <summary>Ends a run: adds its cost to the sums. Ended again, it stays as it is.</summary>
    /// <param name="runId">The run; it must cost nothing any more.</param>
    public void End(RunId runId) => Close([runId], []);

    /// <summary>Removes a run from the list without its cost, because it is a rehearsal.</summary>
    /// <param name="runId">The run.</param>
    public void Drop(RunId runId) => Close([], [runId]);

    /// <summary>
    /// Records the cost of a run that is about to lose its ledger. Recorded again, it stays as it is. The sums must
    /// have it already: see <see cref="Open"/>.
    /// </summary>
    /// <param name="runId">The run.</param>
    public void Keep(RunId runId)
    {
        var days = RunCosts.ByDay(ledger, runId, clock.GetUtcNow());
        if (days.Count > 0 && IsOfARunThatPays(runId))
        {
            Guard(() => _state.AppendFact(PurgedName, new LedgerEntry(
                clock.GetUtcNow(), PurgedKind, PurgedKey(runId)!,
                JsonSerializer.SerializeToElement(new PurgedRun(runId, days), RunLedger.Json))));
        }
    }

    /// <summary>Adds up the spending of today and of this month (UTC), open runs included.</summary>
    /// <returns>US dollars.</returns>
    public (double Day, double Month) Spent()
    {
        var sums = Load();
        var today = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        double day = 0, month = 0;
        foreach (var (date, usd) in sums.Days.Concat(
            sums.Open.SelectMany(each => each.Value.Ended ?? Added(new RunId(each.Key), each.Value))))
        {
            day += date == today ? usd : 0;
            month += (date.Year, date.Month) == (today.Year, today.Month) ? usd : 0;
        }

        return (day, month);
    }

    /// <summary>
    /// Returns whether a run costs nothing any more: it has its end, or none of its nodes may exist; and so has each of
    /// its variants.
    /// </summary>
    /// <param name="runId">A run that is not under way, and no variant of which is.</param>
    /// <returns>true if its cost cannot change.</returns>
    public bool IsOver(RunId runId) => VariantLedgers.WithMembers(ledger, runId).All(
        each => RunParts.EndOf(ledger.Read(each)) is not null
            || RunCosts.Left(ledger, each, clock.GetUtcNow()).Count == 0);

    /// <summary>Closes runs in one write: after the sums were made anew there may be thousands.</summary>
    /// <param name="ended">Runs that have ended, whose cost is added; they must cost nothing any more.</param>
    /// <param name="dropped">Rehearsals, whose cost is not.</param>
    public void Close(IReadOnlyCollection<RunId> ended, IReadOnlyCollection<RunId> dropped) => Change(sums =>
    {
        var next = sums.Without(
            [.. ended.Concat(dropped).Where(runId => sums.Open.ContainsKey(runId.Value))],
            runId => dropped.Contains(runId) ? [] : Added(runId, sums.Open[runId.Value]), FirstDay());
        return next.Open.Count == sums.Open.Count ? null : next;
    });

    /// <summary>Changes the sums while no other service does.</summary>
    private void Change(Func<Sums, Sums?> change) => _state.Change(Name, content =>
    {
        var sums = Of(content);
        var next = sums is null ? (change(FromLedgers()) ?? FromLedgers()) : change(sums);
        return next is null ? null : JsonSerializer.SerializeToUtf8Bytes(next, RunLedger.Json);
    });

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
        if (Of(_state.Read(Name)) is { } sums)
        {
            return sums;
        }

        // Beside other changes, for which thousands of ledgers would take too long. If another call makes them
        // meanwhile, they have what it began.
        var made = FromLedgers();
        _state.Change(Name, content => Of(content) is null
            ? JsonSerializer.SerializeToUtf8Bytes(made, RunLedger.Json) : null);
        return Of(_state.Read(Name))!;
    }

    /// <summary>Reads the sums; null if they are missing or damaged: the ledgers and the costs of purged runs have all
    /// of it.</summary>
    private static Sums? Of(byte[]? content)
    {
        try
        {
            return content is not null
                && JsonSerializer.Deserialize<Sums>(content, RunLedger.Json) is { Days: not null, Open: not null } sums
                && sums.Open.Keys.All(id => RunId.TryParse(id, out _)) ? sums : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Uses the costs of purged runs.</summary>
    private static T Guard<T>(Func<T> use)
    {
        try
        {
            return use();
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException(
                $"'{PurgedName}' has a line that is no cost of a purged run, and nothing else has those costs: restore "
                + $"the file from a backup, or remove the line and restart the service. {exception.Message}",
                exception);
        }
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
        foreach (var (runId, writtenAt) in ledger.All())
        {
            // The cost of a variant is that of its group, whose own ledger may be older.
            var isRecent = writtenAt >= first || VariantLedgers.MembersOf(ledger, runId).Count > 0;
            if (isRecent && VariantLedgers.GroupOf(ledger, runId) is null && IsOfARunThatPays(runId))
            {
                open.Add(runId.Value, new OpenRun(now, new Dictionary<DateOnly, double>())
                {
                    Ended = HasEnded(runId) ? RunCosts.ByDay(ledger, runId, now) : null,
                });
            }
        }

        // The ended ones leave the list at the next look at the engine.
        return new Sums(PurgedDays(), open);
    }

    /// <summary>Returns whether a run has its end, and so has each of its variants: one may go on after its group
    /// broke.</summary>
    private bool HasEnded(RunId runId) => VariantLedgers.WithMembers(ledger, runId).All(
        each => !ledger.Knows(each) || RunParts.EndOf(ledger.Read(each)) is not null);

    /// <summary>Adds up the cost of purged runs by day.</summary>
    private Dictionary<DateOnly, double> PurgedDays()
    {
        var days = new Dictionary<DateOnly, double>();
        foreach (var entry in Guard(() => _state.ReadFacts(PurgedName)))
        {
            var run = entry.Data.Deserialize<PurgedRun>(RunLedger.Json)!;

            // A purge that was interrupted has left the ledger, which counts in its place; that of a group, for the
            // variants that are not purged yet.
            var counted = entry.Key == PurgedKey(run.RunId)
                ? RunCosts.ByDay(ledger, run.RunId, clock.GetUtcNow()) : new Dictionary<DateOnly, double>();
            foreach (var (date, usd) in run.Days.Where(each => each.Key >= FirstDay()))
            {
                days[date] = days.GetValueOrDefault(date) + Math.Max(0, usd - counted.GetValueOrDefault(date));
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

    /// <summary>A run whose cost is not in the sums.</summary>
    /// <param name="At">Time at which it was begun.</param>
    /// <param name="Counted">The part of its cost by day that is in the sums, in US dollars.</param>
    private sealed record OpenRun(DateTimeOffset At, IReadOnlyDictionary<DateOnly, double> Counted)
    {
        /// <summary>Gets the budget of a run that the engine does not have yet, in US dollars; null for none.</summary>
        public double? StartingUsd { get; init; }

        /// <summary>Gets the time since which it is being started.</summary>
        public DateTimeOffset? StartingAt { get; init; }

        /// <summary>Gets the cost of a run that had ended when the sums were made anew, so that its ledger is read once
        /// more only, when it leaves the list; null for others.</summary>
        public IReadOnlyDictionary<DateOnly, double>? Ended { get; init; }
    }

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

        public Sums Without(
            IReadOnlyCollection<RunId> runs, Func<RunId, IReadOnlyDictionary<DateOnly, double>> cost, DateOnly first)
        {
            var days = Days.Where(each => each.Key >= first).ToDictionary();
            var open = new Dictionary<string, OpenRun>(Open, StringComparer.Ordinal);
            foreach (var runId in runs)
            {
                foreach (var (date, usd) in cost(runId).Where(each => each.Key >= first))
                {
                    days[date] = days.GetValueOrDefault(date) + usd;
                }

                open.Remove(runId.Value);
            }

            return new Sums(days, open);
        }
    }
}

/// <summary>A run whose cost is not in the sums of the spending yet.</summary>
/// <param name="RunId">The run.</param>
/// <param name="At">Time at which it was begun.</param>
/// <param name="StartingUsd">Its budget in US dollars while it is being started; null afterwards.</param>
/// <param name="StartingAt">Time since which it is being started.</param>
public sealed record OpenSpending(RunId RunId, DateTimeOffset At, double? StartingUsd, DateTimeOffset? StartingAt);
