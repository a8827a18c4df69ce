using System.Globalization;
using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Tries one place after the other until a node is ready and its worker has connected (zone fallback). A refusal
/// excludes its own scope (zone, region or project), a short one of a region for this round; an unknown one excludes
/// the zone for this round.
/// </summary>
public sealed class AcquireTpuOrchestration : TaskOrchestrator<AcquireInput, AcquireResult>
{
    /// <summary>Most polls of a node in the time of one of a queued request; chosen.</summary>
    private const double MostQueuedPolls = 8;

    /// <summary>Most polls for which the release of a lost node is followed before its quota is asked for again;
    /// chosen, since a deletion takes a minute or two.</summary>
    private const int MostReleasePolls = 10;

    /// <summary>Polls that may find no node after a request without an answer; chosen. Then the cloud has not received
    /// it.</summary>
    private const int MostMissingPolls = 4;

    /// <summary>Waits for a rate limit in one place before the next one is asked; chosen, some five minutes at first. A
    /// limit can be one of a region.</summary>
    private const int MostRateWaits = 6;

    /// <inheritdoc />
    public override async Task<AcquireResult> RunAsync(TaskOrchestrationContext context, AcquireInput input)
    {
        var spec = input.Spec;
        var cancel = context.WaitForExternalEvent<string>(RunEvents.Cancel);
        var giveUpAt = context.CurrentUtcDateTime.AddSeconds(spec.Tpu.AcquireTimeoutSeconds);
        var search = new SpotSearch(input, giveUpAt);
        var ruledOut = new HashSet<Candidate>(input.RuledOut);
        var pause = TimeSpan.FromSeconds(spec.Pace.RoundPauseSeconds);
        var attempt = input.FirstAttempt;
        Refusal? last = null;
        var leaving = input.Leaving;
        if (input.Pending is { } pending)
        {
            var boot = await BootAsync(
                context, input, pending.To, pending.Operation, pending.BegunAt, search.Until, cancel);
            if (boot.Lease is not null || boot.Limit is not null)
            {
                return search.End(boot.Lease, attempt, boot.Limit, isCancelled: false, ruledOut);
            }
        }

        var hasAsked = false;
        var rateLimits = 0;
        while (true)
        {
            var isPatient = false;
            if (search.ReasonToSwitch(context.CurrentUtcDateTime, ruledOut, hasAsked) is { } reason)
            {
                await context.RecordSwitchAsync(
                    new SpotSwitch(spec.RunId, context.CurrentUtcDateTime, reason, input.Outlook));
                search = search.Switched();
                giveUpAt = context.CurrentUtcDateTime.AddSeconds(spec.Tpu.AcquireTimeoutSeconds);
                pause = TimeSpan.FromSeconds(spec.Pace.RoundPauseSeconds);
            }

            var held = new Dictionary<(string Region, string Type, ProvisioningMode Mode), DateTimeOffset>();
            foreach (var candidate in search.Places.Where(place => !ruledOut.Contains(place)).ToList())
            {
                if (held.GetValueOrDefault(RegionOf(candidate)) > context.CurrentUtcDateTime)
                {
                    // Its region has refused in this round, and not for good: the next one asks again.
                    continue;
                }

                if (leaving is not null && !ruledOut.Contains(candidate) && CountsAgainstQuotaOf(candidate, leaving))
                {
                    await FollowAsync(context, input, leaving.NodeName, cancel);
                    leaving = null;
                }

                if (cancel.IsCompleted)
                {
                    return search.End(null, attempt, null, isCancelled: true, ruledOut);
                }

                if (ruledOut.Contains(candidate))
                {
                    continue;
                }

                if (search.IsOver(context.CurrentUtcDateTime))
                {
                    break;
                }

                var (lease, refusal, limit, limited) = await TryAsync(
                    context, input, candidate, attempt++, search.Until, giveUpAt, rateLimits, cancel);
                rateLimits = limited;
                if (lease is not null || limit is not null)
                {
                    return search.End(lease, attempt, limit, isCancelled: false, ruledOut);
                }

                last = refusal;
                isPatient |= refusal?.Code == Refusal.Later;
                if (refusal?.Scope is RefusalScope.Project or RefusalScope.Request)
                {
                    return Failed(new RunFailure(refusal.Code, refusal.Reason, refusal.Fix));
                }

                ruledOut.UnionWith(RuledOutBy(search.Places, candidate, refusal));
                if (refusal?.RegionUntil is { } until)
                {
                    held[RegionOf(candidate)] = until;
                }
            }

            hasAsked = !isPatient;
            if (search.ReasonToSwitch(context.CurrentUtcDateTime, ruledOut, hasAsked) is not null)
            {
                continue;
            }

            if (ruledOut.IsSupersetOf(search.Places))
            {
                return Failed(NothingLeft(search.Places.Count, last));
            }

            var wait = search.Shortened(pause, context.CurrentUtcDateTime);
            if (context.CurrentUtcDateTime + wait > input.StopAt)
            {
                return Failed(TpuWorkOrchestration.TimeIsOver(spec, input.StopAt));
            }

            if (context.CurrentUtcDateTime + wait > giveUpAt)
            {
                return Failed(TimedOut(spec, last));
            }

            await PauseAsync(context, wait, cancel);
            pause = TimeSpan.FromSeconds(Math.Min(pause.TotalSeconds * 2, spec.Pace.RoundPauseSeconds * 10));
        }

        AcquireResult Failed(RunFailure failure) => search.End(null, attempt, failure, isCancelled: false, []);
    }

    /// <summary>Returns what a refusal of a region is about: quotas and offers differ by type and mode.</summary>
    private static (string Region, string Type, ProvisioningMode Mode) RegionOf(Candidate place) =>
        (place.Region, place.AcceleratorType, place.Provisioning);

    /// <summary>Returns whether a place counts against the quota that a node holds: a project has one of each
    /// generation for each zone or region, and where there is none for spot nodes they count against that on
    /// demand.</summary>
    private static bool CountsAgainstQuotaOf(Candidate place, TpuLease node) =>
        place.Region == node.Candidate.Region
        && place.AcceleratorType.Split('-')[0] == node.Candidate.AcceleratorType.Split('-')[0];

    /// <summary>
    /// Waits until a lost node is proved gone, for some polls. A run with a deadline does not wait: a request that
    /// meets a quota in use is refused for minutes only.
    /// </summary>
    private static async Task FollowAsync(
        TaskOrchestrationContext context, AcquireInput input, NodeName lost, Task<string> cancel)
    {
        var spec = input.Spec;
        var isGone = spec.Deadline is not null;
        for (var poll = 0; poll < MostReleasePolls && !isGone; poll++)
        {
            await PauseAsync(context, TimeSpan.FromSeconds(spec.Pace.PollSeconds), cancel);
            if (cancel.IsCompleted || context.CurrentUtcDateTime >= input.StopAt)
            {
                return;
            }

            await context.UnlessItFailsAsync(async () =>
                isGone = (await context.AskReleaseAsync(spec, lost)).ConfirmedNotFound);
        }
    }

    /// <summary>
    /// Makes one attempt, from the request to a usable node or to a refusal. A refused attempt leaves nothing behind.
    /// </summary>
    private static async Task<Boot> TryAsync(
        TaskOrchestrationContext context, AcquireInput input, Candidate candidate, int attempt,
        DateTimeOffset? spotUntil, DateTimeOffset giveUpAt, int rateLimits, Task<string> cancel)
    {
        var spec = input.Spec;
        var startedAt = context.CurrentUtcDateTime;
        var request = new CreateNodeInput(spec, candidate, attempt) { RateLimits = rateLimits };
        var created = await CreateAsync(context, request);
        for (var waits = 0; created.Refusal?.RetryAfterSeconds is { } seconds; waits++)
        {
            // The limit is one of requests, not of the place: the next place would meet it as well.
            request = request with { RateLimits = request.RateLimits + 1 };
            var at = context.CurrentUtcDateTime.AddSeconds(seconds);
            if (waits == MostRateWaits || at >= giveUpAt || at >= spotUntil || at > input.StopAt)
            {
                break;
            }

            await PauseAsync(context, TimeSpan.FromSeconds(seconds), cancel);
            if (cancel.IsCompleted)
            {
                break;
            }

            startedAt = context.CurrentUtcDateTime;
            created = await CreateAsync(context, request);
        }

        var lease = new TpuLease(created.NodeName, candidate, attempt);
        if (created.Refusal is not null)
        {
            await EndAsync(created.Asked ? AttemptOutcome.Refused : AttemptOutcome.Skipped, created.Refusal);
            return new Boot(
                null, created.Refusal,
                RateLimits: created.Refusal.RetryAfterSeconds is null ? 0 : request.RateLimits);
        }

        return await BootAsync(
            context, input, lease, created.Operation, startedAt, spotUntil, cancel, created.IsUnanswered);

        Task EndAsync(AttemptOutcome ended, Refusal? why) => context.EndAttemptAsync(new AttemptEnd(
            spec.RunId, lease, ended, why, (context.CurrentUtcDateTime - startedAt).TotalSeconds));
    }

    /// <summary>Waits until a node is usable; one that is not in time, or within the run's limits, is given
    /// back.</summary>
    private static async Task<Boot> BootAsync(
        TaskOrchestrationContext context, AcquireInput input, TpuLease lease, string? operation,
        DateTimeOffset startedAt, DateTimeOffset? spotUntil, Task<string> cancel, bool isUnanswered = false)
    {
        var spec = input.Spec;
        var missing = 0;

        // A spot node that is ready too late could not be lost any more without missing the deadline.
        var bootedBy = startedAt.AddSeconds(spec.Tpu.QueueSeconds + spec.Pace.BootSeconds);
        var readyBy = spotUntil < bootedBy ? spotUntil.Value.UtcDateTime : bootedBy.UtcDateTime;
        var outcome = AttemptOutcome.Timeout;
        Refusal? refusal = null;
        RunFailure? limit = null;
        var poll = spec.Pace.PollSeconds;
        while (context.CurrentUtcDateTime < readyBy)
        {
            await PauseAsync(context, TimeSpan.FromSeconds(poll), cancel);
            if (cancel.IsCompleted)
            {
                outcome = AttemptOutcome.Cancelled;
                break;
            }

            // The node's own state decides, not the create operation, which can stay open long after READY.
            var node = await context.ObserveNodeAsync(new ObserveNodeInput(spec, lease, operation)
            {
                StopAt = input.StopAt,
                IsSearch = true,
            });
            if (node.IsUsable)
            {
                await EndAsync(AttemptOutcome.Ready, null);
                return new Boot(lease, null);
            }

            // A node costs from READY on, also while its worker is not there.
            limit = node.SpentUsd is { } usd ? TpuWorkOrchestration.BudgetIsSpent(spec, usd)
                : node.IsTimeOver ? TpuWorkOrchestration.TimeIsOver(spec, input.StopAt) : null;
            if (limit is not null)
            {
                outcome = AttemptOutcome.Cancelled;
                break;
            }

            // A request may wait for hours: ever fewer looks keep the history short.
            poll = node.IsQueued ? Math.Min(poll * 2, spec.Pace.PollSeconds * MostQueuedPolls) : spec.Pace.PollSeconds;
            poll = Math.Max(poll, Math.Min(node.RetryAfterSeconds ?? 0, spec.Pace.PollSeconds * MostQueuedPolls));
            if (node.Refusal is not null)
            {
                (outcome, refusal) = (AttemptOutcome.Failed, node.Refusal);
                break;
            }

            missing = node.State == "NOT_FOUND" ? missing + 1 : 0;
            if (isUnanswered && missing >= MostMissingPolls)
            {
                (outcome, refusal) = (AttemptOutcome.Failed, NeverReceived(lease));
                break;
            }
        }

        refusal ??= outcome != AttemptOutcome.Timeout ? null
            : readyBy < bootedBy ? SpotTooLate(lease, readyBy) : BootTimeout(spec, lease);
        await EndAsync(outcome, refusal);
        await context.AskReleaseAsync(spec, lease.NodeName);
        return new Boot(null, refusal, limit);

        Task EndAsync(AttemptOutcome ended, Refusal? why) => context.EndAttemptAsync(new AttemptEnd(
            spec.RunId, lease, ended, why, (context.CurrentUtcDateTime - startedAt).TotalSeconds));
    }

    /// <summary>Creates a node; an unreachable API excludes this zone for a while and does not end the run. A node that
    /// exists all the same is given back with the next request, or while the run works.</summary>
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
    private static IEnumerable<Candidate> RuledOutBy(
        IReadOnlyList<Candidate> places, Candidate candidate, Refusal? refusal)
    {
        const double LastingSeconds = 3600;
        if (refusal is null || refusal.RememberSeconds < LastingSeconds)
        {
            return [];
        }

        // Offers differ by accelerator type and mode, so a refusal excludes its own only; a quota that is too small
        // excludes all slices that count against it and have more.
        return places.Where(place => refusal.Quotas?.Any(quota => quota.Has(place)) == true
            || ((place.AcceleratorType, place.Provisioning) == (candidate.AcceleratorType, candidate.Provisioning)
                && (refusal.Scope == RefusalScope.Region
                    ? place.Region == candidate.Region
                    : place.Zone == candidate.Zone)));
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

    /// <summary>The end of the wait for one node.</summary>
    /// <param name="Lease">The usable node; null if there is none.</param>
    /// <param name="Refusal">The reason why there is none; null for none.</param>
    /// <param name="Limit">The limit of the run that was reached meanwhile; null for none.</param>
    /// <param name="RateLimits">Rate limits that were met in a row at the end.</param>
    private sealed record Boot(
        TpuLease? Lease, Refusal? Refusal, RunFailure? Limit = null, int RateLimits = 0);

    private static Refusal SpotTooLate(TpuLease lease, DateTime until) => new(
        "SPOT_TOO_LATE", RefusalScope.Zone, 0,
        string.Create(
            CultureInfo.InvariantCulture,
            $"'{lease.NodeName}' was not usable at {until:yyyy-MM-dd HH:mm:ss}Z, after which a spot node could not be "
            + $"lost without missing the deadline or the time of the search."),
        "Nothing: the run goes over to on-demand nodes.");

    private static Refusal NeverReceived(TpuLease lease) => new(
        "CLOUD_UNREACHABLE", RefusalScope.Zone, 60,
        $"No request for '{lease.NodeName}' was answered, and the cloud has no such node.",
        "Nothing: the next zone is tried.");

    private static Refusal BootTimeout(RunSpec spec, TpuLease lease) => new(
        "BOOT_TIMEOUT", RefusalScope.Zone, 600,
        $"'{lease.NodeName}' was not ready with its worker connected within "
            + $"{spec.Tpu.QueueSeconds + spec.Pace.BootSeconds:0} s.",
        "Look at the node's serial log: the start-up script must reach the gateway's address.");

    private static RunFailure NothingLeft(int count, Refusal? last) => new(
        "NO_ZONE_LEFT",
        $"All {count} places were refused for a lasting reason; the last one said: {last?.Reason}",
        "See the attempts: each names its fix. Add zones or accelerator types to the request, or ask for quota.");

    private static RunFailure TimedOut(RunSpec spec, Refusal? last) => new(
        "NO_CAPACITY",
        $"No TPU was to be had within {spec.Tpu.AcquireTimeoutSeconds:0} s; the last answer was: {last?.Reason}",
        "Allow more zones, other accelerator types, on-demand provisioning, or a longer tpu.acquireTimeoutSeconds.");
}
