using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Moves of a working run to a cheaper node (ADR 0027): the new node is created while the old one works, which stops
/// once the new one is usable. A poll makes at most one step, so limits, losses and the end of the job are seen as
/// ever.
/// </summary>
internal static class NodeMoves
{
    /// <summary>Reasons for which a move is given up that are no refusal.</summary>
    public const string Cancelled = "CANCELLED", JobOver = "JOB_OVER", LimitReached = "LIMIT_REACHED",
        DeadlineNear = "DEADLINE_NEAR", NodeLost = "NODE_LOST", BootTimeout = "BOOT_TIMEOUT";

    /// <summary>Polls for which a stopped job may take to save its work; chosen. Later its newest checkpoint
    /// counts.</summary>
    private const int MostStopPolls = 2;

    /// <summary>Makes one step of a move: asks for the proposed node, or looks at the one that was asked for.</summary>
    /// <returns>The input of the next poll, and whether the new node is usable.</returns>
    public static async Task<(TpuWorkInput Input, bool IsUsable)> StepAsync(
        TaskOrchestrationContext context, TpuWorkInput input, JobObservation seen)
    {
        var spec = input.Spec;
        if (input.Move is not { } move)
        {
            return (await BeginAsync(context, input, seen.Move!), false);
        }

        if (seen.Outlook is { } outlook && spec.Deadline is { } deadline && MaySwitchAfter(input)
            && context.CurrentUtcDateTime >= outlook.SearchSpotUntil(deadline, spec.Pace))
        {
            return (await GiveUpAsync(context, input, DeadlineNear), false);
        }

        var node = await context.ObserveNodeAsync(new ObserveNodeInput(spec, move.To, move.Operation));
        if (node.IsUsable)
        {
            await EndAttemptAsync(context, spec, move, AttemptOutcome.Ready, null);
            return (input, true);
        }

        var isLate = context.CurrentUtcDateTime
            >= move.BegunAt.AddSeconds(spec.Tpu.QueueSeconds + spec.Pace.BootSeconds);
        return node.Refusal is { } refusal ? (await GiveUpAsync(context, input, refusal.Code, refusal), false)
            : isLate ? (await GiveUpAsync(context, input, BootTimeout), false)
            : (input, false);
    }

    private static async Task<TpuWorkInput> BeginAsync(
        TaskOrchestrationContext context, TpuWorkInput input, MoveProposal proposal)
    {
        var spec = input.Spec;
        var begunAt = context.CurrentUtcDateTime;
        var attempt = input.NextAttempt;
        CreateNodeResult created;
        try
        {
            created = await context.CreateNodeAsync(new CreateNodeInput(spec, proposal.To, attempt) { IsMove = true });
        }
        catch (TaskFailedException exception)
        {
            // The old node works, so no fault of a request ends the run. A request that may have been received counts
            // as accepted, and is given up and released if no node is usable in time.
            var fault = RunFaultException.Read(exception.FailureDetails);
            created = RunFaultException.IsWorthRetrying(exception.FailureDetails)
                ? new CreateNodeResult(NodeName.OfAttempt(spec, proposal.To, attempt), null, null)
                : new CreateNodeResult(
                    NodeName.None, null, new Refusal(fault.Code, RefusalScope.Project, 0, fault.Message, fault.Fix));
        }

        var move = new OpenMove(
            input.Lease!, new TpuLease(created.NodeName, proposal.To, attempt), created.Operation, proposal.Reason,
            proposal.SavingUsd, proposal.CostUsd, begunAt)
        {
            ReleasesBeside = proposal.ReleasesBeside,
        };
        input = input with { NextAttempt = attempt + 1 };
        if (created.Refusal is { } refusal)
        {
            await EndAttemptAsync(
                context, spec, move, created.Asked ? AttemptOutcome.Refused : AttemptOutcome.Skipped, refusal);
            return input;
        }

        await context.RecordAsync(spec, move, MoveStep.Begun, null);
        return input with { Move = move };
    }

    /// <summary>Gives the new node back; does nothing without a move.</summary>
    public static async Task<TpuWorkInput> GiveUpAsync(
        TaskOrchestrationContext context, TpuWorkInput input, string why, Refusal? refusal = null)
    {
        if (input.Move is { } move)
        {
            var outcome = refusal is not null ? AttemptOutcome.Failed
                : why == BootTimeout ? AttemptOutcome.Timeout : AttemptOutcome.Cancelled;
            await EndAttemptAsync(context, input.Spec, move, outcome, refusal);
            await context.RecordAsync(input.Spec, move, MoveStep.GivenUp, why);

            // A node whose release fails now is asked for as the run works, and by the teardown.
            await context.UnlessItFailsAsync(() => context.AskReleaseAsync(input.Spec, move.To.NodeName));
        }

        return input with { Move = null };
    }

    /// <summary>Stops the job on the old node, waits until its work is saved, and continues on the new one.</summary>
    public static async Task<TpuWorkResult> GoOverAsync(
        TaskOrchestrationContext context, TpuWorkInput input, ObserveJobInput job, Task<string> cancel)
    {
        var (spec, move) = (input.Spec, input.Move!);
        await context.StopJobAsync(job);
        for (var poll = 0; poll < MostStopPolls && !cancel.IsCompleted; poll++)
        {
            await TpuWorkOrchestration.WaitAsync(context, TimeSpan.FromSeconds(spec.Pace.PollSeconds), cancel);
            var seen = await context.ObserveJobAsync(job);
            if (seen.End is { Succeeded: true })
            {
                // It was done before the stop arrived.
                await context.RecordAsync(spec, move, MoveStep.GivenUp, JobOver);
                await context.UnlessItFailsAsync(() => context.AskReleaseAsync(spec, move.To.NodeName));
                return TpuWorkOrchestration.Ended(input with { Move = null }, null);
            }

            if (seen.End is not null || seen.IsLost)
            {
                break;
            }
        }

        await context.RecordAsync(spec, move, MoveStep.Done, null);

        // The work goes on with the new node, whatever becomes of the old one: the teardown deletes it, too.
        var next = input with { Lease = move.To, Move = null, Avoid = null, IsSwitched = false };
        if (move.ReleasesBeside)
        {
            next = next with { Left = move.From.NodeName };
        }
        else
        {
            await context.UnlessItFailsAsync(() => context.AskReleaseAsync(spec, move.From.NodeName));
        }

        return TpuWorkOrchestration.ContinueAs(context, next, cancel);
    }

    /// <summary>Returns whether the run can go over to on-demand nodes once the move is done.</summary>
    private static bool MaySwitchAfter(TpuWorkInput input) => input.Plan.OnDemand is { Count: > 0 };

    private static Task EndAttemptAsync(
        TaskOrchestrationContext context, RunSpec spec, OpenMove move, AttemptOutcome outcome, Refusal? refusal) =>
        context.EndAttemptAsync(new AttemptEnd(
            spec.RunId, move.To, outcome, refusal, (context.CurrentUtcDateTime - move.BegunAt).TotalSeconds));

    /// <summary>Notes a step of a move.</summary>
    public static Task RecordAsync(
        this TaskOrchestrationContext context, RunSpec spec, OpenMove move, MoveStep step, string? why) =>
        context.RecordMoveAsync(new MoveRecord(
            spec.RunId, move, step, (context.CurrentUtcDateTime - move.BegunAt).TotalSeconds, why));
}
