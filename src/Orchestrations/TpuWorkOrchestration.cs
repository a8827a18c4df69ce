using System.Globalization;
using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Runs one job on a TPU: dispatches it and polls it. If the TPU is lost, acquires another one elsewhere and continues
/// from the newest checkpoint.
/// </summary>
public sealed class TpuWorkOrchestration : TaskOrchestrator<TpuWorkInput, TpuWorkResult>
{
    /// <summary>
    /// Polls after which the orchestration continues as new, so that a run of days replays as fast as one of minutes.
    /// </summary>
    private const int PollsPerGeneration = 60;

    /// <summary>Most losses of TPUs in one job of a run of an earlier version, whose request has no limits.</summary>
    private const int MaxLosses = 50;

    /// <inheritdoc />
    public override async Task<TpuWorkResult> RunAsync(TaskOrchestrationContext context, TpuWorkInput input)
    {
        var spec = input.Spec;
        var cancel = context.WaitForExternalEvent<string>(RunEvents.Cancel);

        if (input.Lease is null)
        {
            var acquired = await AcquireAsync(context, input, cancel);
            if (acquired.Lease is null)
            {
                return new TpuWorkResult(null, acquired.NextAttempt, acquired.Failure, acquired.Cancelled)
                {
                    IsSwitched = acquired.IsSwitched,
                };
            }

            input = input with
            {
                Lease = acquired.Lease,
                NextAttempt = acquired.NextAttempt,
                RuledOut = acquired.RuledOut,
                IsSwitched = acquired.IsSwitched,
                Move = null,
                Leaving = null,
            };
        }

        var job = new ObserveJobInput(input.Kind, spec, input.Lease);
        if (input.Left is { } left)
        {
            // Beside the work: while the zone that was left does not answer, the new node costs, too.
            _ = context.UnlessItFailsAsync(() => context.ReleaseNodeAsync(spec, left));
        }

        await context.DispatchJobAsync(new DispatchInput(
            input.Kind, spec, input.Data, input.Lease, context.InstanceId, input.Recovery));
        input = input with { Recovery = null, Left = null };

        for (var poll = 0; poll < PollsPerGeneration; poll++)
        {
            await WaitAsync(context, TimeSpan.FromSeconds(spec.Pace.PollSeconds), cancel);
            if (cancel.IsCompleted)
            {
                await context.StopJobAsync(job);
                await NodeMoves.GiveUpAsync(context, input, NodeMoves.Cancelled);
                return Ended(input, null, isCancelled: true);
            }

            var seen = await context.ObserveJobAsync(job);
            if (seen.End is { Succeeded: true })
            {
                await NodeMoves.GiveUpAsync(context, input, NodeMoves.JobOver);
                return Ended(input, null);
            }

            if (seen.End is { } end)
            {
                await NodeMoves.GiveUpAsync(context, input, NodeMoves.JobOver);
                return Ended(input, new RunFailure(
                    end.Code ?? "WORKER_FAILED", end.Message ?? "The worker failed.",
                    "See docs/errors.md for the code."));
            }

            if (seen.AccruedUsd + seen.StopUsd >= spec.BudgetUsd)
            {
                await context.StopJobAsync(job);
                await NodeMoves.GiveUpAsync(context, input, NodeMoves.LimitReached);
                return Ended(input, BudgetIsSpent(spec, seen.AccruedUsd));
            }

            if (context.CurrentUtcDateTime >= input.StopAt)
            {
                await context.StopJobAsync(job);
                await NodeMoves.GiveUpAsync(context, input, NodeMoves.LimitReached);
                return Ended(input, TimeIsOver(spec, input.StopAt));
            }

            if (seen.IsLost)
            {
                var next = await LoseAsync(context, input, seen);
                var tooMany = seen.TooManyLosses ?? TooManyLosses(next);
                if (tooMany is not null && tooMany.Code != RunFailure.TooManyFailures && MaySwitch(next))
                {
                    await context.RecordSwitchAsync(new SpotSwitch(
                        spec.RunId, context.CurrentUtcDateTime, SwitchReason.TooManyLosses, seen.Outlook));
                    next = next with { IsSwitched = true, Losses = HasLimits(spec) ? next.Losses : 0 };
                }
                else if (tooMany is not null)
                {
                    await NodeMoves.GiveUpAsync(context, next, NodeMoves.JobOver);
                    return Ended(next, tooMany);
                }

                if (next.IsSwitched)
                {
                    // A run that is on demand for its deadline does not wait for a spot node.
                    next = await NodeMoves.GiveUpAsync(context, next, NodeMoves.NodeLost);
                }

                // Continues as a new generation with an empty history, which acquires another TPU first.
                return ContinueAs(context, next, cancel);
            }

            if (input.Lease!.Candidate.Provisioning == ProvisioningMode.Spot && MaySwitch(input)
                && seen.Outlook?.MustMove(context.CurrentUtcDateTime, spec.Deadline!.Value, spec.Pace) == true)
            {
                await context.StopJobAsync(job);
                await NodeMoves.GiveUpAsync(context, input, NodeMoves.DeadlineNear);
                await context.RecordSwitchAsync(new SpotSwitch(
                    spec.RunId, context.CurrentUtcDateTime, SwitchReason.LossNotRecoverable, seen.Outlook));
                await context.AskReleaseAsync(spec, input.Lease.NodeName);
                return ContinueAs(
                    context, input with { Lease = null, Avoid = null, IsSwitched = true, Move = null }, cancel);
            }

            if (input.Move is not null || seen.Move is not null)
            {
                bool isUsable;
                (input, isUsable) = await NodeMoves.StepAsync(context, input, seen);
                if (isUsable)
                {
                    return await NodeMoves.GoOverAsync(context, input, job, cancel);
                }
            }
        }

        return ContinueAs(context, input, cancel);
    }

    /// <summary>
    /// Continues as a new generation with an empty history, unless a cancellation has arrived, which would be lost
    /// there.
    /// </summary>
    internal static TpuWorkResult ContinueAs(TaskOrchestrationContext context, TpuWorkInput next, Task<string> cancel)
    {
        if (!cancel.IsCompleted)
        {
            context.ContinueAsNew(next);
        }

        return Ended(next, null, cancel.IsCompleted);
    }

    private static bool HasLimits(RunSpec spec) => spec.Tpu is { MaxPreemptions: not null, MaxFailures: not null };

    /// <summary>Returns the reason to end a run of an earlier version; null to go on.</summary>
    private static RunFailure? TooManyLosses(TpuWorkInput next) => HasLimits(next.Spec) || next.Losses <= MaxLosses
        ? null
        : new RunFailure("TOO_MANY_LOSSES", $"The run lost {next.Losses} TPUs.", "Use on-demand provisioning.");

    private static async Task<AcquireResult> AcquireAsync(
        TaskOrchestrationContext context, TpuWorkInput input, Task<string> cancel)
    {
        var outlook = input.Spec.Deadline is not null && MaySwitch(input)
            ? await context.OutlookAsync(new OutlookInput(input.Kind, input.Spec)) : null;
        var child = $"{context.InstanceId}:acquire-{input.NextAttempt}";
        var acquire = context.CallSubOrchestratorAsync<AcquireResult>(
            nameof(AcquireTpuOrchestration),
            new AcquireInput(input.Spec, input.Plan, input.NextAttempt, input.Avoid, input.RuledOut)
            {
                StopAt = input.StopAt,
                IsSwitched = input.IsSwitched,
                Outlook = outlook,
                Pending = input.Move,
                Leaving = input.Leaving,
            },
            context.ChildOptions(child));
        if (await Task.WhenAny(acquire, cancel) == cancel)
        {
            context.SendEvent(child, RunEvents.Cancel, await cancel);
        }

        var acquired = await acquire;
        if (input.Move is { } move)
        {
            var hasTakenOver = acquired.Lease?.Attempt == move.To.Attempt;
            await context.RecordAsync(
                input.Spec, move, hasTakenOver ? MoveStep.Done : MoveStep.GivenUp,
                hasTakenOver ? null : "NOT_USABLE");
        }

        return cancel.IsCompleted ? acquired with { Lease = null, Cancelled = true } : acquired;
    }

    /// <summary>Records the loss and deletes the dead node: a preempted node keeps its name and its quota. One that is
    /// not proved gone is followed by the search for the next.</summary>
    private static async Task<TpuWorkInput> LoseAsync(
        TaskOrchestrationContext context, TpuWorkInput input, JobObservation seen)
    {
        var zone = input.Lease!.Candidate.Zone;
        var loss = new OpenRecovery(
            input.Losses + 1, zone, seen.LossCause ?? seen.NodeState, seen.LostSteps, seen.Step - seen.LostSteps,
            context.CurrentUtcDateTime);
        await context.RecordLossAsync(input.Spec.RunId, loss);
        NodeRelease? release = null;
        await context.UnlessItFailsAsync(async () =>
            release = await context.AskReleaseAsync(input.Spec, input.Lease.NodeName));

        // The end of its time says nothing against the zone.
        var avoid = loss.Cause == JobObservation.DurationOver ? null : zone;
        return input with
        {
            Lease = null,
            Leaving = release is { ConfirmedNotFound: true } ? null : input.Lease,
            Losses = loss.Number,
            Avoid = avoid,
            Recovery = loss,
        };
    }

    /// <summary>Waits until the next poll is due, the worker reports the end of its job, or a cancellation
    /// arrives.</summary>
    internal static async Task WaitAsync(TaskOrchestrationContext context, TimeSpan pause, Task cancel)
    {
        using var stop = new CancellationTokenSource();
        using var noEvent = new CancellationTokenSource();
        var timer = context.CreateTimer(pause, stop.Token);
        var ended = context.WaitForExternalEvent<string>(RunEvents.JobEnded, noEvent.Token);
        await Task.WhenAny(timer, ended, cancel);

        // The event only wakes: the poll that follows reads the state of the job, so a lost or late event does no harm.
        stop.Cancel();
        noEvent.Cancel();
    }

    /// <summary>Creates the reason of a run that is stopped for its money. Of a budget that is wholly spent the words
    /// are those of older histories.</summary>
    internal static RunFailure BudgetIsSpent(RunSpec spec, double accruedUsd) => new(
        "BUDGET_EXHAUSTED",
        string.Create(
            CultureInfo.InvariantCulture,
            $"{(spec.Group is null ? "The run has" : $"The variants of '{spec.Group.Id}' have")} cost "
            + $"{accruedUsd:0.00} USD of {(spec.Group is null ? "its" : "their")} budget of {spec.BudgetUsd:0.00} USD"
            + $"{(accruedUsd < spec.BudgetUsd ? "; the rest is kept for giving the nodes back." : ".")}"),
        "Raise budgetUsd, or ask for fewer steps or a cheaper accelerator.");

    /// <summary>Creates the reason of a run that is stopped for its time.</summary>
    internal static RunFailure TimeIsOver(RunSpec spec, DateTimeOffset? stopAt) =>
        spec is { StopsAtDeadline: true, Deadline: { } deadline } && stopAt == deadline
            ? new RunFailure(
                "DEADLINE_MISSED",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The run was not done at its deadline, {deadline:yyyy-MM-dd HH:mm:ss}Z (deadline)."),
                "Resume it with a later deadline or none: what it has trained is kept. With afterDeadline \"continue\" "
                + "a run goes on.")
            : new RunFailure(
                "TIME_EXHAUSTED",
                string.Create(
                    CultureInfo.InvariantCulture, $"The run has taken its {spec.MaxHours:0.###} hours (maxHours)."),
                "Resume it, with a longer maxHours if need be: what it has trained is kept.");

    /// <summary>Returns whether the run may still go over from spot to on-demand nodes.</summary>
    private static bool MaySwitch(TpuWorkInput input) => !input.IsSwitched && input.Plan.OnDemand is { Count: > 0 };

    internal static TpuWorkResult Ended(TpuWorkInput input, RunFailure? failure, bool isCancelled = false) =>
        new(input.Lease, input.NextAttempt, failure, isCancelled) { IsSwitched = input.IsSwitched };
}
