using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>
/// The parts of a run in its ledger: each resumption begins another one with the fact
/// <see cref="LedgerKinds.Resumed"/>. A fact that each part has once is stored under its key and the part's number,
/// since a key is written once.
/// </summary>
public static class RunParts
{
    /// <summary>Counts the parts of a run so far.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>The number of the current part, from 1.</returns>
    public static int Count(RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return 1 + ledger.Read(runId).Count(entry => entry.Kind == LedgerKinds.Resumed);
    }

    /// <summary>Returns the facts of the current part.</summary>
    /// <param name="entries">A run's facts in their order.</param>
    /// <returns>The facts after the last resumption; all facts of a run that was never resumed.</returns>
    public static IReadOnlyList<LedgerEntry> Current(IReadOnlyList<LedgerEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        for (var at = entries.Count - 1; at >= 0; at--)
        {
            if (entries[at].Kind == LedgerKinds.Resumed)
            {
                return [.. entries.Skip(at + 1)];
            }
        }

        return entries;
    }

    /// <summary>Returns the end of the current part.</summary>
    /// <param name="entries">A run's facts in their order.</param>
    /// <returns>The fact of the end; null for a run that is under way, or was terminated.</returns>
    public static LedgerEntry? EndOf(IReadOnlyList<LedgerEntry> entries) =>
        Current(entries).LastOrDefault(entry => entry.Kind == LedgerKinds.End);

    /// <summary>Writes a fact that each part of a run has once.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <param name="kind">One of <see cref="LedgerKinds"/>.</param>
    /// <param name="key">Its name within the kind and the part.</param>
    /// <param name="data">The fact, serialisable.</param>
    /// <returns>true if it was new.</returns>
    public static bool AppendInPart(this RunLedger ledger, RunId runId, string kind, string key, object data)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return ledger.Append(runId, kind, KeyOf(ledger, runId, key), data);
    }

    /// <summary>Returns the key of a fact in the current part.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <param name="key">The key in the first part.</param>
    /// <returns>The key, with the number of a later part.</returns>
    internal static string KeyOf(RunLedger ledger, RunId runId, string key) =>
        Count(ledger, runId) is > 1 and var part
            ? string.Create(CultureInfo.InvariantCulture, $"{key}#{part}")
            : key;

    /// <summary>Returns the intervals in which a run was stopped or suspended.</summary>
    /// <param name="entries">A run's facts in their order.</param>
    internal static IReadOnlyList<(DateTimeOffset From, DateTimeOffset To)> Pauses(IReadOnlyList<LedgerEntry> entries)
    {
        var pauses = new List<(DateTimeOffset, DateTimeOffset)>();
        DateTimeOffset? end = null;
        foreach (var entry in entries)
        {
            if (entry.Kind is LedgerKinds.End or LedgerKinds.Suspended)
            {
                end = entry.At;
            }
            else if (entry.Kind is LedgerKinds.Resumed or LedgerKinds.Unsuspended && end is { } from)
            {
                pauses.Add((from, entry.At));
                end = null;
            }
        }

        return pauses;
    }
}

/// <summary>A stopped run was resumed: the first fact of another part.</summary>
/// <param name="Part">Number of the part that begins, from 2.</param>
/// <param name="StoppedAs">How the part before ended: failed, cancelled or terminated.</param>
/// <param name="Failure">The reason; null for a cancellation.</param>
/// <param name="StoppedAt">Time of that end; null for a run that was terminated, which has none.</param>
/// <param name="SpentUsd">Cost of all parts before, in US dollars.</param>
/// <param name="Step">The last training step reported before; 0 for none.</param>
/// <param name="Changes">Fields that were changed.</param>
public sealed record ResumedFact(
    int Part, RunStatus StoppedAs, RunFailure? Failure, DateTimeOffset? StoppedAt, double SpentUsd, int Step,
    IReadOnlyList<FieldChange> Changes)
{
    /// <summary>Gets the name of the caller who asked for it; null where callers have none.</summary>
    public string? By { get; init; }

    /// <summary>Gets the reason that the caller gave; null for none.</summary>
    public string? Reason { get; init; }
}

/// <summary>The finished work that a resumed run found.</summary>
/// <param name="HasData">true if the prepared corpus is complete.</param>
/// <param name="CheckpointStep">Step of the newest checkpoint; 0 for none.</param>
/// <param name="IsTrained">true if the tuned model is complete.</param>
/// <param name="IsTranslated">true if the translations are complete.</param>
/// <param name="Left">Nodes of earlier parts that are not proved gone.</param>
public sealed record FoundFact(
    bool HasData, int CheckpointStep, bool IsTrained, bool IsTranslated, IReadOnlyList<NodeName> Left);
