using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Deadlines;

/// <summary>The deadline of a run in its ledger. The parts of a resumed run may have different ones.</summary>
public static class DeadlineFacts
{
    /// <summary>Records that a run is not done at its deadline, once in each of its parts.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="spec">The run, which is not done.</param>
    /// <param name="now">The current time.</param>
    internal static void NoteIfMissed(RunLedger ledger, RunSpec spec, DateTimeOffset now)
    {
        if (spec.Deadline is { } deadline && now > deadline && DoneAt(ledger, spec.RunId) is null)
        {
            ledger.AppendInPart(
                spec.RunId, LedgerKinds.DeadlineMissed, "missed", new DeadlineMiss(deadline, spec.StopsAtDeadline));
        }
    }

    /// <summary>Returns the time at which the current part of a run had its verdict; null before.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    internal static DateTimeOffset? DoneAt(RunLedger ledger, RunId runId) => RunParts.Current(ledger.Read(runId))
        .LastOrDefault(entry => entry.Kind == LedgerKinds.Scores)?.At;

    /// <summary>Lists the times at which the current part of a run came back from on demand to spot.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    internal static IEnumerable<DateTimeOffset> MovesBack(RunLedger ledger, RunId runId) =>
        RunParts.Current(ledger.Read(runId))
            .Where(entry => entry.Kind == LedgerKinds.Moved
                && entry.Data.Deserialize<MoveRecord>(RunLedger.Json)?.Move.Reason == MoveReason.BackToSpot)
            .Select(entry => entry.At);

    /// <summary>Describes a run and its deadline.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="spec">The run.</param>
    /// <param name="outlook">The work that is left; null if none is, or if it is not known.</param>
    /// <param name="now">The current time.</param>
    /// <param name="hasEnded">true if the run has ended.</param>
    /// <returns>null for a run without a deadline.</returns>
    public static DeadlineSection? Of(
        RunLedger ledger, RunSpec spec, WorkOutlook? outlook, DateTimeOffset now, bool hasEnded)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Deadline is not { } deadline)
        {
            return null;
        }

        var change = RunParts.Current(ledger.Read(spec.RunId)).LastOrDefault(
            entry => entry.Kind == LedgerKinds.Switched)?.Data.Deserialize<SpotSwitch>(RunLedger.Json);
        if (change is not null && MovesBack(ledger, spec.RunId).Any(at => at >= change.At))
        {
            // It came back to spot since; the moves tell of it.
            change = null;
        }

        var doneAt = DoneAt(ledger, spec.RunId);
        var canSwitch = change is null && doneAt is null && !hasEnded
            && (spec.Tpu.Provisioning, spec.Tpu.Fallback) == (ProvisioningMode.Spot, SpotFallback.OnDemand);
        return new DeadlineSection(
            deadline, doneAt is { } done ? done <= deadline : hasEnded || now > deadline ? false : null, doneAt,
            doneAt is { } end ? (deadline - end).TotalSeconds : hasEnded ? null : outlook?.Slack(now, deadline))
        {
            SpotUntil = canSwitch ? outlook?.SearchSpotUntil(deadline, spec.Pace) : null,
            SwitchedAt = change?.At,
            SwitchReason = change?.Reason,
            Basis = doneAt is null && !hasEnded ? outlook?.Basis : change?.Outlook?.Basis,
        };
    }
}

/// <summary>A run was not done at its deadline.</summary>
/// <param name="Deadline">The deadline.</param>
/// <param name="Stops">true if the run stops for it.</param>
public sealed record DeadlineMiss(DateTimeOffset Deadline, bool Stops);

/// <summary>A run and its deadline.</summary>
/// <param name="At">The deadline.</param>
/// <param name="IsMet">Whether the run had its verdict in time; null while that is open.</param>
/// <param name="DoneAt">Time of the verdict; null without one.</param>
/// <param name="SlackSeconds">Seconds between the verdict and the deadline; before the verdict, those that are not
/// needed if all work from now on is on demand. Below 0 for a miss; null if not known.</param>
public sealed record DeadlineSection(DateTimeOffset At, bool? IsMet, DateTimeOffset? DoneAt, double? SlackSeconds)
{
    /// <summary>Gets the time until which the run searches for spot nodes, by the work that is left now; null if it
    /// does not go over to on-demand nodes, or has.</summary>
    public DateTimeOffset? SpotUntil { get; init; }

    /// <summary>Gets the time at which the run went over to on-demand nodes; null if it has not.</summary>
    public DateTimeOffset? SwitchedAt { get; init; }

    /// <summary>Gets the reason for which it went over.</summary>
    public SwitchReason? SwitchReason { get; init; }

    /// <summary>Gets the sources of the numbers, as one sentence; null if none are known.</summary>
    public string? Basis { get; init; }
}
