using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Workers;

namespace Workflows.Service.Database;

/// <summary>
/// Deletes the work files that purged runs have left at other services than the one that purged them: a purge is noted
/// in the shared store, and each service looks at the notes when it starts, and each hour.
/// </summary>
internal sealed partial class PurgedFolders(
    RunLedger ledger, JobBook jobs, TimeProvider clock, ILogger<PurgedFolders> logger)
{
    private const string Name = "purged-folders.jsonl", Kind = "purged";

    /// <summary>A service that was off for longer keeps its leftovers.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromDays(31);

    private readonly Lock _lock = new();
    private readonly HashSet<string> _done = new(StringComparer.Ordinal);

    /// <summary>Notes that a run is purged, before its ledger is; does nothing if no other service can have files of
    /// it.</summary>
    public void Note(RunId runId)
    {
        if (ledger.State.IsShared)
        {
            ledger.State.AppendFact(Name, new LedgerEntry(
                clock.GetUtcNow(), Kind, $"{Guid.NewGuid():n}", JsonSerializer.SerializeToElement(runId.Value)));
        }
    }

    /// <summary>Deletes the files that this service has of the noted runs.</summary>
    /// <exception cref="IOException">The store is away.</exception>
    public void Clean()
    {
        lock (_lock)
        {
            var notes = ledger.State.ReadFacts(Name);
            _done.IntersectWith(notes.Select(note => note.Key));
            foreach (var note in notes.Where(note => !_done.Contains(note.Key)))
            {
                if (RunId.TryParse(note.Data.GetString()!, out var runId) && !TryClean(runId))
                {
                    continue;
                }

                _done.Add(note.Key);
            }

            ledger.State.TrimFacts(Name, clock.GetUtcNow() - Kept);
        }
    }

    /// <returns>false if it must be tried again.</returns>
    private bool TryClean(RunId runId)
    {
        // A run of another request may have the id since, or the purge is not done yet.
        var folder = ledger.PathOf(runId);
        if (!Directory.Exists(folder) || ledger.Knows(runId))
        {
            return !Directory.Exists(folder);
        }

        try
        {
            Directory.Delete(folder, recursive: true);
            jobs.Forget(runId);
            Log.Cleaned(logger, folder);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Log.NotCleaned(logger, folder, exception.Message);
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4621, LogLevel.Information,
            "Deleted '{Folder}', of a run that was purged at another service.")]
        public static partial void Cleaned(ILogger logger, string folder);

        [LoggerMessage(4622, LogLevel.Warning,
            "'{Folder}', of a run that was purged at another service, cannot be deleted: {Reason} It is tried again "
            + "each hour.")]
        public static partial void NotCleaned(ILogger logger, string folder, string reason);
    }
}
