using System.Globalization;
using DurableTask.Core.Exceptions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Activities.Resuming;
using Workflows.Activities.Variants;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Files;
using Workflows.Service.Workers;

namespace Workflows.Service.Runs;

/// <summary>The answer to a request to resume a run.</summary>
/// <param name="Part">Number of the part that was started, from 2, or that is suspended no more; 0 for none.</param>
/// <param name="Changes">Fields that differ from the part before.</param>
/// <param name="Code">The code of a refusal, in docs/errors.md; null if the run is resumed.</param>
/// <param name="Detail">The refusal in words.</param>
internal sealed record Resumed(int Part, IReadOnlyList<FieldChange> Changes, string? Code, string Detail)
{
    public const string Unknown = "RUN_UNKNOWN", UnderWay = "RUN_UNDER_WAY", Succeeded = "RUN_SUCCEEDED",
        OfGroup = "RUN_OF_GROUP";

    public static Resumed Refused(string code, string detail) => new(0, [], code, detail);
}

/// <summary>
/// Resumes stopped runs: replaces the ended instance of a run by one for its next part (ADR 0015). <b>Invariant:</b> an
/// instance that has not ended is never replaced, so of several resumptions at once one wins.
/// </summary>
internal sealed class RunResumer(
    DurableTaskClient client, RunLedger ledger, MetricsLog metrics, PriceCatalog catalog, RunArtifacts artifacts,
    SpendLimits limits, RunSuspender suspender, RunIndex index, UploadReferences uploads, InputRoots roots,
    TimeProvider clock)
{
    /// <summary>The statuses of instances that are not replaced.</summary>
    private static readonly OrchestrationRuntimeStatus[] Unfinished =
        [.. Enum.GetValues<OrchestrationRuntimeStatus>().Where(status => status is not (
            OrchestrationRuntimeStatus.Completed or OrchestrationRuntimeStatus.Failed
            or OrchestrationRuntimeStatus.Terminated))];

    /// <summary>Fields that may change at any time; a name that ends with a dot is that of a group.</summary>
    private static readonly string[] Free =
    [
        "name", "budgetUsd", "maxHours", "deadline", "afterDeadline", "allowOverBudget", "allowHostProcessor", "tpu.",
        "evaluation.", "approval", "approval.",
        "training.steps", "training.checkpointEverySteps", "training.keepCheckpoints",
    ];

    /// <summary>Locks of runs, each for those whose id has its hash: a long purge holds up few other runs.</summary>
    private const uint Locks = 64;

    private readonly FinishedWork _work = new(ledger, artifacts);

    /// <summary>Resumes a run durably. Once this returns, the part continues after any crash of the service.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="changes">The changed fields, a JSON object; empty for none.</param>
    /// <param name="caller">The caller, and why.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The part that was started, or a refusal.</returns>
    /// <exception cref="RunRequestException">A field is wrong or cannot be changed, or the budget does not fit into a
    /// limit of the service.</exception>
    public async Task<Resumed> ResumeAsync(
        RunId runId, string changes, CallerNote caller, CancellationToken cancellation)
    {
        var instance = await client.GetInstanceAsync(runId.Value, getInputsAndOutputs: true, cancellation);
        if (instance is null || !RunService.IsRun(instance))
        {
            return Resumed.Refused(Resumed.Unknown, $"There is no run '{runId}'.");
        }

        if (IsSuspended(instance) && string.IsNullOrWhiteSpace(changes.Trim('{', '}')))
        {
            // The same part goes on, as it was asked for.
            var why = caller with { Reason = caller.Reason ?? "resumed" };
            await suspender.RequestAsync(runId, suspends: false, why.Text(""), cancellation);
            return new Resumed(instance.ReadInputAs<RunSpec>()!.Resumption?.Part ?? 1, [], null, "");
        }

        if (instance.IsCompleted && instance.ReadInputAs<RunSpec>()!.Group is { } group)
        {
            return Resumed.Refused(
                Resumed.OfGroup, $"Run '{runId}' is a variant of '{group.Id}', whose budget it shares. Resume "
                    + $"'{group.Id}' when it has ended: it takes up the variants without a verdict.");
        }

        if (await RefusalAsync(runId, instance, cancellation) is { } refusal)
        {
            return refusal;
        }

        changes = uploads.ResolveChanges(changes, instance.ReadInputAs<RunSpec>()!.IsRehearsal);
        var spec = await NextAsync(instance, changes, caller, cancellation);
        return await StartAsync(instance, spec, cancellation)
            ? new Resumed(spec.Resumption!.Part, spec.Resumption.Changes, null, "")
            : Resumed.Refused(Resumed.UnderWay, $"Run '{runId}' was resumed by another request just now.");
    }

    /// <summary>Does something while nothing else starts, resumes or purges a run.</summary>
    /// <typeparam name="T">The result.</typeparam>
    /// <param name="runId">The run.</param>
    /// <param name="act">The action.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    /// <returns>The result of the action.</returns>
    public async Task<T> AloneAsync<T>(RunId runId, Func<Task<T>> act, CancellationToken cancellation)
    {
        // The hash of a string differs between processes, and services must agree on the lock.
        var hash = runId.Value.Aggregate(17u, (sum, letter) => unchecked((sum * 31) + letter));
        using var alone = await ledger.State.AloneAsync($"run-{hash % Locks}", cancellation);
        return await act();
    }

    private static bool IsSuspended(OrchestrationMetadata instance) => !instance.IsCompleted
        && (instance.RuntimeStatus == OrchestrationRuntimeStatus.Suspended
            || StageOf(instance)?.Suspension is not null);

    private static RunStage? StageOf(OrchestrationMetadata instance) =>
        instance.SerializedCustomStatus is null ? null : instance.ReadCustomStatusAs<RunStage>();

    /// <summary>Returns the specification of a run's next part.</summary>
    private async Task<RunSpec> NextAsync(
        OrchestrationMetadata instance, string changes, CallerNote caller, CancellationToken cancellation)
    {
        var before = instance.ReadInputAs<RunSpec>()!;
        var old = before with { Resumption = null };
        var spec = SpecRequest.Changed(old, string.IsNullOrWhiteSpace(changes) ? "{}" : changes, catalog, roots) with
        {
            Origin = old.Origin,
        };
        var differences = SpecRequest.Differences(old, spec);
        await RequireAllowedAsync(old, spec, differences, changes, cancellation);
        var earlier = (old.Training.EarlierSteps ?? []).Append(old.Training.Steps)
            .Where(steps => steps != spec.Training.Steps).Distinct().ToList();
        var part = (before.Resumption?.Part ?? 1) + 1;
        var next = spec with
        {
            Training = spec.Training with { EarlierSteps = earlier.Count > 0 ? earlier : null },
            Resumption = new RunResumption(
                part, before.Resumption?.Request ?? old, before.Resumption?.StartedAt ?? instance.CreatedAt,
                differences)
            {
                By = caller.By,
                Reason = caller.Reason,
            },
        };
        DeadlineReader.RequireAhead(next, clock.GetUtcNow());
        return next;
    }

    /// <summary>Replaces an ended instance by the next part of its run.</summary>
    /// <returns>false if another request has replaced it meanwhile.</returns>
    private async Task<bool> StartAsync(
        OrchestrationMetadata instance, RunSpec spec, CancellationToken cancellation)
    {
        try
        {
            // One at a time: a part that has ended already must not be replaced by another one with its number.
            return await AloneAsync(spec.RunId, StartAloneAsync, cancellation);
        }
        catch (OrchestrationAlreadyExistsException)
        {
            return false;
        }

        async Task<bool> StartAloneAsync()
        {
            var now = await client.GetInstanceAsync(instance.InstanceId, cancellation);
            if (now is null || now.CreatedAt != instance.CreatedAt)
            {
                return false;
            }

            using var reservation = await limits.ReserveAsync(spec, cancellation);
            uploads.Hold(spec);
            await client.ScheduleNewOrchestrationInstanceAsync(
                GroupRuns.OrchestratorOf(spec), spec,
                new StartOrchestrationOptions
                {
                    InstanceId = instance.InstanceId,
                    Version = new TaskVersion(FineTuneOrchestration.Version),
                }.WithDedupeStatuses(Unfinished), cancellation);
            index.Note(spec.RunId);
            return true;
        }
    }

    /// <summary>Returns the refusal of a run whose state does not allow a resumption.</summary>
    private async Task<Resumed?> RefusalAsync(
        RunId runId, OrchestrationMetadata instance, CancellationToken cancellation)
    {
        if (!instance.IsCompleted)
        {
            var stage = StageOf(instance);
            var nodes = RunCosts.Left(ledger, runId, clock.GetUtcNow())
                .Select(left => $"{left.Lease.NodeName.NodeId} in {left.Lease.Candidate.Zone}").ToList();
            return Resumed.Refused(Resumed.UnderWay, stage?.Stage is RunStageName.Teardown or RunStageName.Report
                ? $"Run '{runId}' is still giving back its nodes"
                    + (nodes.Count > 0 ? $", and these are not proved gone: {string.Join(", ", nodes)}." : ".")
                    + " Resume it when it has ended."
                : IsSuspended(instance)
                ? $"Run '{runId}' is suspended, and goes on as it was asked for. Unsuspend it without changes, or "
                    + "cancel it, and resume it with them."
                : $"Run '{runId}' is under way ({WireName.Of(stage?.Stage ?? RunStageName.Pending)}). Watch it, or "
                    + "cancel it first.");
        }

        if (instance.RuntimeStatus == OrchestrationRuntimeStatus.Completed
            && instance.ReadOutputAs<RunOutcome>() is { Status: RunStatus.Succeeded })
        {
            return Resumed.Refused(
                Resumed.Succeeded, $"Run '{runId}' has its verdict; start another run for another training.");
        }

        // A group that broke may have left its variants, too.
        return instance.RuntimeStatus == OrchestrationRuntimeStatus.Terminated
            || instance.Name == nameof(VariantsOrchestration)
            ? await EndChildrenAsync(runId, instance.RuntimeStatus, cancellation)
            : null;
    }

    /// <summary>
    /// Cancels the children of an ended run, which may still hold a TPU: two parts of one run must not work at once.
    /// </summary>
    private async Task<Resumed?> EndChildrenAsync(
        RunId runId, OrchestrationRuntimeStatus status, CancellationToken cancellation)
    {
        var children = new List<OrchestrationMetadata>();
        foreach (var member in VariantLedgers.WithMembers(ledger, runId))
        {
            children.AddRange(await RunChildren.OfAsync(client, member, cancellation));
            if (member != runId && await client.GetInstanceAsync(member.Value, cancellation) is { } variant)
            {
                children.Add(variant);
            }
        }

        var live = children.Where(child => !child.IsCompleted).ToList();
        foreach (var child in live)
        {
            await client.RaiseEventAsync(
                child.InstanceId, RunEvents.Cancel, "the run is to be resumed", cancellation);
        }

        var stages = string.Join(" and ", live.Select(
            child => RunService.IsRun(child) ? child.InstanceId : RunChildren.StageOf(child.InstanceId)).Distinct());
        var how = status == OrchestrationRuntimeStatus.Terminated ? "was terminated" : "has ended";
        return live.Count == 0 ? null : Resumed.Refused(
            Resumed.UnderWay, $"Run '{runId}' {how}, and its {stages} is still ending. Try again shortly.");
    }

    private async Task RequireAllowedAsync(
        RunSpec old, RunSpec spec, IReadOnlyList<FieldChange> differences, string changes,
        CancellationToken cancellation)
    {
        var errors = new List<FieldError>();
        var reached = metrics.Read(old.RunId) is { Count: > 0 } curve ? curve[^1].Step : 0;
        if (!string.IsNullOrWhiteSpace(changes)
            && RunRequestReader.Parse(changes) is { Rehearsal.Scenario: not null })
        {
            errors.Add(new(
                "rehearsal.scenario", "The emulated cloud of the run keeps its scenario.", "Leave it out."));
        }

        foreach (var (field, from, _) in differences)
        {
            if (field is "id" or "project" || field.StartsWith("rehearsal", StringComparison.Ordinal))
            {
                errors.Add(new(
                    field, $"It is {from ?? "not set"}, and belongs to the run for ever.", "Start another run."));
            }
            else if (old.Variants is not null && !GroupRuns.MayChange(field))
            {
                errors.Add(new(
                    field, "It belongs to the variants, some of which have run with it.",
                    $"Leave it out, or start another run. A resumed group may change {GroupRuns.Changeable}."));
            }
            else if (old.Origin is { Of: { } of, From: { } begin } && !RunRerunner.MayChange(begin, field))
            {
                errors.Add(new(
                    field, $"It is {from ?? "not set"} in run '{of}', and the work that this run takes over from it "
                        + "depends on it.",
                    $"Leave it out, or start another run: workflows rerun {of}."));
            }
            else if (reached > 0 && (!IsFree(field) || IsMeasured(old, field)))
            {
                errors.Add(new(
                    field,
                    $"The run has trained {Counted.Of(reached, "step")} with {from ?? "no value"}, and its checkpoints "
                        + "would mix two trainings.",
                    "Leave it out, or start another run."));
            }
        }

        var spent = RunCosts.Of(ledger, old.RunId, clock.GetUtcNow()).ActualUsd;
        var least = spent + LeastUsd(spec, differences);
        if (spec.BudgetUsd <= least)
        {
            errors.Add(new(
                "budgetUsd",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"It is {spec.BudgetUsd:0.00##} USD, and the run has cost {spent:0.00##} USD already")
                + (spec.BudgetUsd <= spent ? "." : ": the rest is less than giving a node back may cost."),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Use more than {least:0.00##}: --set budgetUsd={Math.Ceiling(2 * Math.Max(least, 0.5)):0}.")));
        }

        if (spec.Training.Steps < old.Training.Steps && await StepErrorAsync(old, spec, cancellation) is { } error)
        {
            errors.Add(error);
        }

        if (errors.Count > 0)
        {
            throw new RunRequestException(errors);
        }
    }

    /// <summary>Returns the money without which a node like the last one would not be asked for; 0 if it is not known,
    /// or the changes ask for another one.</summary>
    private double LeastUsd(RunSpec spec, IReadOnlyList<FieldChange> differences) =>
        differences.Any(each => each.Field.StartsWith("tpu", StringComparison.Ordinal)) ? 0
        : ledger.Read<TpuLease>(spec.RunId, LedgerKinds.Intent).Select(fact => fact.Data).LastOrDefault() is { } last
            ? RunCosts.ToStop(last.Candidate.UsdPerHour, spec.Pace) : 0;

    private async Task<FieldError?> StepErrorAsync(RunSpec old, RunSpec spec, CancellationToken cancellation)
    {
        const string Field = "training.steps";
        try
        {
            var step = await _work.NewestCheckpointAsync(old, cancellation);
            return spec.Training.Steps >= step ? null : new FieldError(
                Field, $"It is {spec.Training.Steps}, and the newest checkpoint is of step {step}.",
                $"Use {step} or more: --set training.steps={step} ends the training there.");
        }
        catch (ArtifactException exception)
        {
            return new FieldError(
                Field, $"The checkpoints cannot be listed: {exception.Address}: {exception.Problem}", exception.Fix);
        }
    }

    private static bool IsFree(string field) => Free.Any(each => each.EndsWith('.')
        ? field.StartsWith(each, StringComparison.Ordinal) : field == each);

    /// <summary>Returns whether a field of the evaluation is used by the validation while training, too.</summary>
    private static bool IsMeasured(RunSpec spec, string field) =>
        field == "evaluation.maxNewTokens" && spec.Training.Validation?.Metric == "chrf";
}
