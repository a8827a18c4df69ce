using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>A run in the list.</summary>
/// <param name="Id">Its id.</param>
/// <param name="CreatedAt">Time of the start of its first part, by which the list is ordered.</param>
/// <param name="Name">Its name.</param>
/// <param name="Model">Its model.</param>
/// <param name="Status">Its status.</param>
/// <param name="Failure">Code and message of its failure; empty for none.</param>
/// <param name="IsLive">true while its status can change by itself.</param>
/// <param name="InstanceAt">Time of the start of its last part: another one is another instance.</param>
internal sealed record RunRow(
    string Id, DateTimeOffset CreatedAt, string Name, string Model, RunStatus Status, string Failure, bool IsLive,
    DateTimeOffset InstanceAt)
{
    /// <summary>Gets the run that it is a variant of; null for a run of its own.</summary>
    public string? Group { get; init; }

    /// <summary>Gets its variants; empty for a run without.</summary>
    public IReadOnlyList<string> Members { get; init; } = [];

    /// <summary>Gets the order of the list: the newest first, and by their ids those of the same time.</summary>
    public static Comparer<RunRow> Order { get; } = Comparer<RunRow>.Create((one, other) =>
        other.CreatedAt.CompareTo(one.CreatedAt) is not 0 and var byTime
            ? byTime : string.CompareOrdinal(one.Id, other.Id));

    public static RunRow Of(OrchestrationMetadata instance)
    {
        var spec = instance.ReadInputAs<RunSpec>()!;
        var failure = instance.RuntimeStatus == OrchestrationRuntimeStatus.Completed
            ? instance.ReadOutputAs<RunOutcome>()?.Failure : null;
        return new RunRow(
            instance.InstanceId, RunService.CreatedAt(instance), spec.Name, spec.Model, RunService.StatusOf(instance),
            failure is null ? "" : $"{failure.Code} {failure.Message}", !instance.IsCompleted, instance.CreatedAt)
        {
            Group = spec.Group?.Id.Value,
            Members = [.. (spec.Variants ?? []).Select(variant => variant.Spec.RunId.Value)],
        };
    }
}

/// <summary>
/// Keeps the order and the filtered fields of all runs in memory, since the engine lists its instances by id, with
/// those of all stages, and a page would read all of them. <b>Invariant:</b> a row of an ended run is as the engine has
/// it until the run is resumed or purged, which a service notes, in a shared store for the others, too; rows of live
/// runs are read again for each list.
/// </summary>
/// <param name="client">The engine.</param>
/// <param name="clock">Paces the looks for runs that others have started.</param>
/// <param name="state">The store; its notes are used if it is shared.</param>
internal sealed class RunIndex(DurableTaskClient client, TimeProvider clock, IStateStore? state = null) : IDisposable
{
    /// <summary>The notes of all services; old ones are deleted.</summary>
    public const string SharedNotes = "run-notes.jsonl";

    private const string NoteKind = "run";

    private const int ReadAtOnce = 8, InPage = 1000;

    /// <summary>Time between two looks for runs that another service has started in the same engine.</summary>
    private static readonly TimeSpan OthersEvery = TimeSpan.FromSeconds(30);

    /// <summary>Clocks of two machines may differ by this much.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim _one = new(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, RunRow> _rows = new(StringComparer.Ordinal);
    private readonly List<RunRow> _ordered = [];

    /// <summary>Runs to read again, each with the number of the note that named it last.</summary>
    private readonly ConcurrentDictionary<string, long> _live = new(StringComparer.Ordinal);

    private long _notes;
    private string? _readNote;
    private DateTimeOffset? _lookedAt;
    private (DateTimeOffset StartedAt, Task<IReadOnlyList<string>> Found)? _look;

    /// <summary>Notes that a run was started, or begins another part: it is read with the next list.</summary>
    public void Note(RunId id)
    {
        Mark(id.Value);
        Share(id);
    }

    /// <summary>Removes a run that is purged.</summary>
    public void Forget(RunId id)
    {
        _live.TryRemove(id.Value, out _);
        Set(id.Value, null);
        Share(id);
    }

    /// <summary>Returns the rows that a filter wants, in the order of the list.</summary>
    /// <param name="has">The filter.</param>
    /// <param name="most">Most rows to return.</param>
    /// <param name="cancellation">Cancels the calls of the engine.</param>
    public async Task<IReadOnlyList<RunRow>> FindAsync(
        Func<RunRow, bool> has, int most, CancellationToken cancellation)
    {
        var (rows, _) = await FindAsync(has, most, _ => false, 0, cancellation);
        return rows;
    }

    /// <summary>Returns the rows that two filters want, as they were at one moment.</summary>
    /// <param name="has">The first filter.</param>
    /// <param name="most">Most rows to return for it.</param>
    /// <param name="hasOther">The second filter.</param>
    /// <param name="mostOther">Most rows to return for it.</param>
    /// <param name="cancellation">Cancels the calls of the engine.</param>
    public async Task<(IReadOnlyList<RunRow> Rows, IReadOnlyList<RunRow> Others)> FindAsync(
        Func<RunRow, bool> has, int most, Func<RunRow, bool> hasOther, int mostOther, CancellationToken cancellation)
    {
        await RefreshAsync(cancellation);
        lock (_lock)
        {
            return ([.. _ordered.Where(has).Take(most)], [.. _ordered.Where(hasOther).Take(mostOther)]);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    private void Mark(string id) => _live[id] = Interlocked.Increment(ref _notes);

    private void Share(RunId id)
    {
        try
        {
            Tell(id);
        }
        catch (IOException)
        {
            // The change of the run is made, and its caller must not make it again. The other services find it when
            // they ask the engine.
        }
    }

    private void Tell(RunId id)
    {
        if (state is { IsShared: true })
        {
            state.AppendFact(SharedNotes, new LedgerEntry(
                clock.GetUtcNow(), NoteKind, $"{Guid.NewGuid():n}", JsonSerializer.SerializeToElement(id.Value)));
        }
    }

    /// <summary>Reads again the runs that other services have started, resumed or purged.</summary>
    private void ReadNotes()
    {
        if (state is { IsShared: true })
        {
            // If the last one was deleted meanwhile, all are read: a run that is read once more does no harm.
            var notes = state.ReadFacts(SharedNotes);
            var read = notes.Count - 1;
            while (read >= 0 && notes[read].Key != _readNote)
            {
                read--;
            }

            foreach (var note in notes.Skip(read + 1))
            {
                Mark(note.Data.GetString()!);
            }

            _readNote = KeyOfLast(notes);
        }
    }

    private static string? KeyOfLast(IReadOnlyList<LedgerEntry> notes) => notes is [.., var last] ? last.Key : null;

    private async Task RefreshAsync(CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            if (_lookedAt is null && state is { IsShared: true })
            {
                // The first list reads all runs, and so needs no notes from before it.
                _readNote = KeyOfLast(state.ReadFacts(SharedNotes));
            }

            ReadNotes();
            var now = clock.GetUtcNow();
            if (_lookedAt is null)
            {
                Add(await NewAsync(null, cancellation));
                _lookedAt = now;
            }
            else if (_look is { Found.IsCompleted: true } look)
            {
                // Beside the lists, since the engine walks over all of its instances: a later list has the result. The
                // next look begins where this one did, or at the same place again if it failed.
                _look = null;
                Add(await look.Found);
                _lookedAt = look.StartedAt;
            }
            else if (_look is null && now - _lookedAt >= OthersEvery)
            {
                var from = _lookedAt - Margin;
                _look = (now, Task.Run(() => NewAsync(from, CancellationToken.None), CancellationToken.None));
            }

            await Parallel.ForEachAsync(
                _live.ToArray(),
                new ParallelOptions { MaxDegreeOfParallelism = ReadAtOnce, CancellationToken = cancellation },
                async (noted, token) => await ReadAsync(noted, token));
        }
        finally
        {
            _one.Release();
        }
    }

    private void Add(IReadOnlyList<string> ids)
    {
        foreach (var id in ids)
        {
            _live.TryAdd(id, 0);
        }
    }

    private async Task<IReadOnlyList<string>> NewAsync(DateTimeOffset? from, CancellationToken cancellation)
    {
        var found = new List<string>();
        var query = new OrchestrationQuery { CreatedFrom = from, FetchInputsAndOutputs = false, PageSize = InPage };
        await foreach (var instance in client.GetAllInstancesAsync(query).WithCancellation(cancellation))
        {
            if (RunService.IsRun(instance) && !IsKnown(instance))
            {
                found.Add(instance.InstanceId);
            }
        }

        return found;
    }

    private bool IsKnown(OrchestrationMetadata instance)
    {
        lock (_lock)
        {
            return _rows.TryGetValue(instance.InstanceId, out var row) && row.InstanceAt == instance.CreatedAt;
        }
    }

    private async Task ReadAsync(KeyValuePair<string, long> noted, CancellationToken cancellation)
    {
        var id = noted.Key;
        var instance = await client.GetInstanceAsync(id, getInputsAndOutputs: true, cancellation);
        var row = instance is null || !RunService.IsRun(instance) ? null : RunRow.Of(instance);
        if (row is not { IsLive: true })
        {
            // A run that was noted again meanwhile is read again.
            _live.TryRemove(noted);
        }

        Set(id, row);

        // A group starts its variants itself, so nobody has noted them; one that has not begun is looked for again.
        foreach (var member in (row?.Members ?? []).Where(member => !IsKnown(member) && _live.TryAdd(member, 0)))
        {
            await ReadAsync(new KeyValuePair<string, long>(member, 0), cancellation);
        }
    }

    private bool IsKnown(string id)
    {
        lock (_lock)
        {
            return _rows.ContainsKey(id);
        }
    }

    private void Set(string id, RunRow? row)
    {
        lock (_lock)
        {
            if (_rows.Remove(id, out var old))
            {
                _ordered.RemoveAt(_ordered.BinarySearch(old, RunRow.Order));
            }

            if (row is not null)
            {
                _rows.Add(id, row);
                _ordered.Insert(~_ordered.BinarySearch(row, RunRow.Order), row);
            }
        }
    }
}
