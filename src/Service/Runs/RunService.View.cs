using System.Text.Json;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>The view of a run, from its instance and its ledger.</summary>
internal sealed partial class RunService
{
    private RunView ViewOf(OrchestrationMetadata instance)
    {
        var id = new RunId(instance.InstanceId);
        var spec = instance.ReadInputAs<RunSpec>()!;
        var outcome = instance.RuntimeStatus == OrchestrationRuntimeStatus.Completed
            ? instance.ReadOutputAs<RunOutcome>()
            : null;
        var stage = instance.SerializedCustomStatus is null ? null : instance.ReadCustomStatusAs<RunStage>();
        var progress = jobs.Latest(id);

        // The time for which a run was stopped does not belong to the rate of its steps.
        var resumedAt = ledger.Read(id).LastOrDefault(
            entry => entry.Kind is LedgerKinds.Resumed or LedgerKinds.Unsuspended)?.At;
        IReadOnlyList<MetricPoint> curve = outcome is null
            ? [.. metrics.Read(id).Where(point => resumedAt is null || point.At >= resumedAt)]
            : [];
        var plan = ledger.Read<RunPlan>(id, LedgerKinds.Plan).Select(fact => fact.Data).LastOrDefault();
        var status = outcome?.Status ?? StatusOf(instance);
        var failure = outcome?.Failure ?? Crash(instance);
        var cost = RunCosts.Of(ledger, id, clock.GetUtcNow());
        var transfer = transfers.Find(id);
        var losses = VariantLedgers.WithMembers(ledger, id)
            .SelectMany(each => ledger.Read<OpenRecovery>(each, LedgerKinds.Loss)).ToList();
        return new RunView
        {
            Id = id,
            Name = spec.Name,
            Status = status,
            CustomStatus = stage,
            Output = outcome,
            Stage = stage?.Stage ?? RunStageName.Pending,
            Detail = transfer is null ? stage?.Detail ?? "" : TransferBoard.TextOf(transfer),
            Transfer = transfer is null
                ? null : new TransferView(transfer.Name, transfer.Bytes, transfer.TotalBytes),
            CreatedAt = CreatedAt(instance),
            LastUpdatedAt = instance.LastUpdatedAt,
            Progress = progress is null || outcome is not null ? null : new ProgressView(
                progress.Detail, progress.Step, progress.Steps,
                progress.Loss > 0 ? progress.Loss : null, progress.TokensPerSecond, progress.CheckpointStep,
                TimeLeft.Of(curve, losses.Count > 0 ? losses[^1].At : null, progress)),
            AccruedUsd = cost.ActualUsd,
            EstimatedUsd = plan?.EstimatedUsd,
            UsdPerHour = instance.IsCompleted && outcome is not null ? 0 : RunCosts.UsdPerHour(ledger, id),
            BudgetUsd = spec.BudgetUsd,
            Suspension = instance.IsCompleted ? null : stage?.Suspension,
            Approval = instance.IsCompleted ? null : stage?.Approval,
            Waiting = outcome is null ? Waiting(id) : null,
            Deadline = DeadlineFacts.Of(
                ledger, spec, spec.Deadline is null || instance.IsCompleted ? null : foresight.Of(KindOf(id), spec),
                clock.GetUtcNow(), instance.IsCompleted),
            Attempts = VariantLedgers.WithMembers(ledger, id)
                .SelectMany(each => ledger.Read<AttemptEnd>(each, LedgerKinds.Attempt))
                .Count(fact => fact.Data.Outcome != AttemptOutcome.Skipped),
            MaxRunHours = spec.Tpu.MaxRunHours > 0 ? spec.Tpu.MaxRunHours : null,
            Recoveries = losses.Count,
            Failure = failure,
            Origin = spec.Origin,
            Resumptions = (spec.Resumption?.Part ?? 1) - 1,
            Group = spec.Group?.Id,
            Resume = instance.IsCompleted && spec.Group is null
                ? ResumeHint.Of(id, status, failure, spec.BudgetUsd, cost.ActualUsd) : null,
            Report = outcome?.ReportUri ?? Draft(spec, stage),
            Nodes = outcome is not null ? [] : [.. RunCosts.Left(ledger, id, clock.GetUtcNow())
                .Select(left => new NodeView(
                    left.Lease.NodeName.NodeId, left.Lease.Candidate.Zone, left.Seconds, left.Usd))],
            HasEnded = instance.IsCompleted,
        };
    }

    /// <summary>Returns the queued resource that waits: the last attempt, before it has ended or has a node.</summary>
    private WaitingView? Waiting(RunId id)
    {
        return ledger.Read<QueuedFact>(id, LedgerKinds.Queued) is not [.., var (at, fact)]
            || ledger.Read<NodeMoment>(id, LedgerKinds.Ready).Any(ready => ready.Data.NodeName == fact.NodeName)
            || ledger.Read<AttemptEnd>(id, LedgerKinds.Attempt).Any(end => end.Data.Lease.NodeName == fact.NodeName)
            ? null : new WaitingView(fact.Name.Split('/')[3], at, fact.Until);
    }

    /// <summary>Returns the job that a run does, or does next.</summary>
    private JobKind KindOf(RunId id) => RunParts.Current(ledger.Read(id)).Any(
        entry => entry.Kind == LedgerKinds.Stage
            && entry.Data.Deserialize<StageInput>(RunLedger.Json)!.Stage == RunStageName.Evaluate)
        ? JobKind.Translate : JobKind.Train;

    /// <summary>Returns the report that exists before the last node is proved gone.</summary>
    private string? Draft(RunSpec spec, RunStage? stage)
    {
        var isWritten = spec.Variants is not null || stage?.Stage is RunStageName.Teardown or RunStageName.Report;
        var file = spec.Variants is null ? "report.json" : ComparisonFiles.Json;
        var path = Path.Combine(ledger.DirectoryOf(spec.RunId), file);
        return isWritten && (ledger.State.IsShared
            ? ledger.State.Read(RunLedger.NameOf(spec.RunId, file)) is not null : File.Exists(path)) ? path : null;
    }

    /// <summary>Reports an orchestration that failed without an outcome as a fault of this program.</summary>
    private static RunFailure? Crash(OrchestrationMetadata instance) => instance.FailureDetails is { } details
        ? new RunFailure("INTERNAL", $"{details.ErrorType}: {details.ErrorMessage}", "Look at the service's log.")
        : null;
}
