using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Tries one place after the other until a node is ready and its worker has connected (zone fallback). A refusal
/// excludes its own scope (zone, region or project); an unknown one excludes the zone for this round.
/// </summary>
public sealed class AcquireTpuOrchestration : TaskOrchestrator<AcquireInput, AcquireResult>
{
    /// <inheritdoc />
    public override async Task<AcquireResult> RunAsync(TaskOrchestrationContext context, AcquireInput input)
    {
        var spec = input.Spec;
        var cancel = context.WaitForExternalEvent<string>(RunEvents.Cancel);
        var giveUpAt = context.CurrentUtcDateTime.AddSeconds(spec.Tpu.AcquireTimeoutSeconds);
        var ruledOut = new HashSet<Candidate>(input.RuledOut);
        var pause = TimeSpan.FromSeconds(spec.Pace.RoundPauseSeconds);
        var attempt = input.FirstAttempt;
        Refusal? last = null;

        while (true)
        {
            // The zone that just preempted a TPU is tried last, since it had no capacity a moment ago.
            var round = input.Plan.Candidates
                .Where(place => !ruledOut.Contains(place))
                .OrderBy(place => place.Zone == input.Avoid ? 1 : 0);

            foreach (var candidate in round.ToList())
            {
                if (cancel.IsCompleted)
                {
                    return new AcquireResult(null, attempt, null, Cancelled: true, [.. ruledOut]);
                }

                if (ruledOut.Contains(candidate))
                {
                    continue;
                }

                var (lease, refusal) = await TryAsync(context, spec, candidate, attempt++, cancel);
                if (lease is not null)
                {
                    return new AcquireResult(lease, attempt, null, Cancelled: false, [.. ruledOut]);
                }

                last = refusal;
                if (refusal?.Scope is RefusalScope.Project or RefusalScope.Request)
                {
                    return Failed(attempt, new RunFailure(refusal.Code, refusal.Reason, refusal.Fix));
                }

                ruledOut.UnionWith(RuledOutBy(input.Plan, candidate, refusal));
            }

            if (ruledOut.IsSupersetOf(input.Plan.Candidates))
            {
                return Failed(attempt, NothingLeft(input.Plan, last));
            }

            if (context.CurrentUtcDateTime + pause > input.StopAt)
            {
                return Failed(attempt, TpuWorkOrchestration.TimeIsOver(spec));
            }

            if (context.CurrentUtcDateTime + pause > giveUpAt)
            {
                return Failed(attempt, TimedOut(spec, last));
            }

            await PauseAsync(context, pause, cancel);
            pause = TimeSpan.FromSeconds(Math.Min(pause.TotalSeconds * 2, spec.Pace.RoundPauseSeconds * 10));
        }
    }

    /// <summary>
    /// Makes one attempt, from the request to a usable node or to a refusal. A refused attempt leaves nothing behind.
    /// </summary>
    private static async Task<(TpuLease? Lease, Refusal? Refusal)> TryAsync(
        TaskOrchestrationContext context, RunSpec spec, Candidate candidate, int attempt, Task<string> cancel)
    {
        var startedAt = context.CurrentUtcDateTime;
        var created = await CreateAsync(context, new CreateNodeInput(spec, candidate, attempt));
        var lease = new TpuLease(created.NodeName, candidate, attempt);
        if (created.Refusal is not null)
        {
            await EndAsync(created.Asked ? AttemptOutcome.Refused : AttemptOutcome.Skipped, created.Refusal);
            return (null, created.Refusal);
        }

        var readyBy = startedAt.AddSeconds(spec.Pace.BootSeconds);
        var outcome = AttemptOutcome.Timeout;
        Refusal? refusal = null;
        while (context.CurrentUtcDateTime < readyBy)
        {
            await PauseAsync(context, TimeSpan.FromSeconds(spec.Pace.PollSeconds), cancel);
            if (cancel.IsCompleted)
            {
                outcome = AttemptOutcome.Cancelled;
                break;
            }

            // The node's own state decides, not the create operation, which can stay open long after READY.
            var node = await context.ObserveNodeAsync(new ObserveNodeInput(spec, lease, created.Operation));
            if (node.IsUsable)
            {
                await EndAsync(AttemptOutcome.Ready, null);
                return (lease, null);
            }

            if (node.Refusal is not null)
            {
                (outcome, refusal) = (AttemptOutcome.Failed, node.Refusal);
                break;
            }
        }

        refusal ??= outcome == AttemptOutcome.Timeout ? BootTimeout(spec, lease) : null;
        await EndAsync(outcome, refusal);
        await context.ReleaseNodeAsync(spec, lease.NodeName);
        return (null, refusal);

        Task EndAsync(AttemptOutcome ended, Refusal? why) => context.EndAttemptAsync(new AttemptEnd(
            spec.RunId, lease, ended, why, (context.CurrentUtcDateTime - startedAt).TotalSeconds));
    }

    /// <summary>Creates a node; an unreachable API excludes this zone for a while and does not end the run.</summary>
    private static async Task<CreateNodeResult> CreateAsync(TaskOrchestrationContext context, CreateNodeInput input)
    {
        try
        {
            return await context.CreateNodeAsync(input);
        }
        catch (TaskFailedException exception)
        {
            var fault = RunFaultException.Read(exception.FailureDetails);
            var scope = RunFaultException.IsWorthRetrying(exception.FailureDetails)
                ? RefusalScope.Zone
                : RefusalScope.Project;
            var code = scope == RefusalScope.Zone ? "CLOUD_UNREACHABLE" : fault.Code;
            return new CreateNodeResult(NodeName.None, null, new Refusal(code, scope, 60, fault.Message, fault.Fix));
        }
    }

    /// <summary>
    /// Returns the places to remove from the plan after a lasting refusal; a short-lived one is tried again in the next
    /// round.
    /// </summary>
    private static IEnumerable<Candidate> RuledOutBy(RunPlan plan, Candidate candidate, Refusal? refusal)
    {
        const double LastingSeconds = 3600;
        if (refusal is null || refusal.RememberSeconds < LastingSeconds)
        {
            return [];
        }

        // Quotas and offers differ by accelerator type, so a refusal excludes its own type only.
        return plan.Candidates.Where(place =>
            place.AcceleratorType == candidate.AcceleratorType
            && (refusal.Scope == RefusalScope.Region
                ? place.Region == candidate.Region
                : place.Zone == candidate.Zone));
    }

    private static async Task PauseAsync(TaskOrchestrationContext context, TimeSpan pause, Task cancel)
    {
        // An open timer would keep the orchestration from completing, so the loser of the two is cancelled.
        using var stop = new CancellationTokenSource();
        var timer = context.CreateTimer(pause, stop.Token);
        if (await Task.WhenAny(timer, cancel) == cancel)
        {
            stop.Cancel();
        }
    }

    private static AcquireResult Failed(int attempt, RunFailure failure) =>
        new(null, attempt, failure, Cancelled: false, []);

    private static Refusal BootTimeout(RunSpec spec, TpuLease lease) => new(
        "BOOT_TIMEOUT", RefusalScope.Zone, 600,
        $"'{lease.NodeName}' was not ready with its worker connected within {spec.Pace.BootSeconds:0} s.",
        "Look at the node's serial log: the start-up script must reach the gateway's address.");

    private static RunFailure NothingLeft(RunPlan plan, Refusal? last) => new(
        "NO_ZONE_LEFT",
        $"All {plan.Candidates.Count} places were refused for a lasting reason; the last one said: {last?.Reason}",
        "See the attempts: each names its fix. Add zones or accelerator types to the request, or ask for quota.");

    private static RunFailure TimedOut(RunSpec spec, Refusal? last) => new(
        "NO_CAPACITY",
        $"No TPU was to be had within {spec.Tpu.AcquireTimeoutSeconds:0} s; the last answer was: {last?.Reason}",
        "Allow more zones, other accelerator types, on-demand provisioning, or a longer tpu.acquireTimeoutSeconds.");
}
