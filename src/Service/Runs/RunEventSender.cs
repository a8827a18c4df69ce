using Microsoft.DurableTask.Client;
using Workflows.Activities.Events;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Service.Access;

namespace Workflows.Service.Runs;

/// <summary>
/// Sends people's events to runs: ADR 0033. <b>Invariant:</b> an event that is accepted is carried out however often
/// the service stops, or the run's record says why not; one that the run's state has no use for is refused.
/// </summary>
internal sealed class RunEventSender(
    DurableTaskClient client, RunLedger ledger, ITpuJobs jobs, RunSuspender suspender, TimeProvider clock)
{
    private const string NotAwaited = "EVENT_NOT_AWAITED", Decided = "ALREADY_DECIDED";

    /// <summary>Sends an event.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="name">One of <see cref="PersonEvents"/>.</param>
    /// <param name="caller">The caller, and why.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The answer, or the refusal.</returns>
    public async Task<(EventView? View, Refused? Refusal)> SendAsync(
        RunId runId, string name, CallerNote caller, CancellationToken cancellation)
    {
        var instance = await client.GetInstanceAsync(runId.Value, getInputsAndOutputs: true, cancellation);
        if (instance is null || !RunService.IsRun(instance))
        {
            return (null, Refused.Unknown(runId));
        }

        if (!PersonEvents.All.Contains(name, StringComparer.Ordinal))
        {
            return (null, new Refused(
                StatusCodes.Status404NotFound, "EVENT_UNKNOWN",
                $"A run has no event '{SafeText.Of(name)}'. "
                + NearestName.Ask(name.Length > 50 ? "" : name, PersonEvents.All)
                + $"Use {string.Join(", ", PersonEvents.All)}."));
        }

        if (instance.IsCompleted)
        {
            return (null, new Refused(StatusCodes.Status410Gone, "RUN_ENDED", $"Run '{runId}' has ended."));
        }

        var spec = instance.ReadInputAs<RunSpec>()!;
        var stage = (instance.SerializedCustomStatus is null ? null : instance.ReadCustomStatusAs<RunStage>())
            ?? new RunStage(RunStageName.Pending, "");
        return name == PersonEvents.Finish
            ? await FinishAsync(instance, spec, stage, caller, cancellation)
            : await DecideAsync(
                spec, stage, new ApprovalDecision(
                    name == PersonEvents.Approve ? ApprovalOutcome.Approved : ApprovalOutcome.Rejected, caller.By,
                    caller.Reason),
                cancellation);
    }

    /// <summary>
    /// Answers the question for an approval. The ledger has the answer before the run hears of it, so of two people at
    /// once one is told that the other was first.
    /// </summary>
    private async Task<(EventView? View, Refused? Refusal)> DecideAsync(
        RunSpec spec, RunStage stage, ApprovalDecision decision, CancellationToken cancellation)
    {
        var runId = spec.RunId;
        var before = IsEarly(stage) ? null : RunEventFacts.DecisionOf(ledger, runId);
        if (before is null && stage.Approval is null)
        {
            return (null, IsEnding(stage) ? Ending(runId) : NotAsked(spec, stage));
        }

        if (before is null && stage.Approval!.Until <= clock.GetUtcNow())
        {
            // The run may not have noticed yet: it is suspended, or the service was away.
            return (null, new Refused(
                StatusCodes.Status409Conflict, NotAwaited,
                $"The time to answer run '{runId}' was over at {stage.Approval.Until:yyyy-MM-dd HH:mm:ss}Z "
                + "(approval.withinHours). Resume it when it has ended: it asks again."));
        }

        var counts = before ?? RunEventFacts.Decide(ledger, runId, decision);
        if (counts.Outcome != decision.Outcome)
        {
            return (null, new Refused(
                StatusCodes.Status409Conflict, Decided,
                $"Run '{runId}' is {WireName.Of(counts.Outcome)}{(counts.By is { } by ? $" by {by}" : "")}"
                + (counts.Reason is { } reason ? $": {reason}" : ".")));
        }

        if (stage.Approval is not null)
        {
            // Again, too, if it is repeated: the service may have stopped between the ledger and the event.
            await client.RaiseEventAsync(runId.Value, RunEvents.Approval, counts, cancellation);
        }

        var status = WireName.Of(counts.Outcome);
        var name = counts.Outcome == ApprovalOutcome.Approved ? PersonEvents.Approve : PersonEvents.Reject;
        return (new EventView(runId, name, status, before is not null), null);
    }

    /// <summary>Returns whether a part of a run has just begun: its ledger may still be that of the part
    /// before.</summary>
    private static bool IsEarly(RunStage stage) => stage.Stage is RunStageName.Pending or RunStageName.Plan;

    private static bool IsEnding(RunStage stage) =>
        stage.Stage is RunStageName.Teardown or RunStageName.Report or RunStageName.Done;

    private static Refused Ending(RunId runId) => new(
        StatusCodes.Status409Conflict, "RUN_ENDING", $"Run '{runId}' is giving back its nodes and writing its report.");

    private static Refused NotAsked(RunSpec spec, RunStage stage) => new(
        StatusCodes.Status409Conflict, NotAwaited,
        spec.Group is { Approval: not null } group
            ? $"Run '{spec.RunId}' is a variant of '{group.Id}', which is approved as a whole. Send the event there."
            : spec.Approval is null
            ? $"Run '{spec.RunId}' asks for no approval: its request has no \"approval\". To stop it, cancel it."
            : stage.Stage is RunStageName.Pending or RunStageName.Plan or RunStageName.Prepare
            ? $"Run '{spec.RunId}' does not ask yet (stage {WireName.Of(stage.Stage)}): its estimate and its corpus "
                + "come first. Send the event again when it shows \"approval\"; to stop it now, cancel it."
            : $"Run '{spec.RunId}' did not have to ask (approval.aboveUsd), or has no work for a TPU (stage "
                + $"{WireName.Of(stage.Stage)}). To stop it, cancel it.");

    private async Task<(EventView? View, Refused? Refusal)> FinishAsync(
        OrchestrationMetadata instance, RunSpec spec, RunStage stage, CallerNote caller,
        CancellationToken cancellation)
    {
        var runId = spec.RunId;
        var wasThere = !IsEarly(stage) && RunEventFacts.FinishOf(ledger, runId) is not null;
        if (!wasThere && NotTraining(spec, stage) is { } refusal)
        {
            return (null, refusal);
        }

        if (!wasThere && !await suspender.ListensAsync(instance, cancellation))
        {
            return (null, new Refused(
                StatusCodes.Status409Conflict, "RUN_TOO_OLD",
                $"Run '{runId}' was started by an earlier version of the service, whose runs hear no events. Cancel it "
                + "and resume it later: it continues from its newest checkpoint, and hears them then."));
        }

        if (!wasThere)
        {
            await client.RaiseEventAsync(
                runId.Value, RunEvents.Finish, new FinishRequest(caller.By, caller.Reason), cancellation);
        }

        return (new EventView(runId, PersonEvents.Finish, "finishing", wasThere), null);
    }

    /// <summary>Returns the refusal of a run that does not train now, or has no step yet.</summary>
    private Refused? NotTraining(RunSpec spec, RunStage stage)
    {
        var runId = spec.RunId;
        if (IsEnding(stage))
        {
            return Ending(runId);
        }

        var why = spec.Variants is { } variants
            ? $"Run '{runId}' has variants, and each of them trains by itself. Send the event to one that trains: "
                + $"{string.Join(", ", variants.Select(variant => variant.Spec.RunId))}."
            : stage.Stage == RunStageName.Evaluate
            ? $"The training of run '{runId}' is over; it is being evaluated."
            : stage.Stage != RunStageName.Train
            ? $"Run '{runId}' does not train yet (stage {WireName.Of(stage.Stage)}). To stop it, cancel it."
            : TrainedSteps.Of(jobs, ledger, runId) == 0
            ? $"Run '{runId}' has no step that a model could be made of. Send the event again when it has one; to stop "
                + "it now, cancel it."
            : null;
        return why is null ? null : new Refused(StatusCodes.Status409Conflict, NotAwaited, why);
    }
}

/// <summary>The answer to an event.</summary>
/// <param name="Id">The run.</param>
/// <param name="Event">The event.</param>
/// <param name="Status">What becomes of the run: <c>approved</c>, <c>rejected</c> or <c>finishing</c>.</param>
/// <param name="WasThere">true if the run had the same event before, which changes nothing.</param>
public sealed record EventView(RunId Id, string Event, string Status, bool WasThere);
