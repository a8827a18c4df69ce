using System.Text.Json;
using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Events;

/// <summary>
/// Ends the training of a run early: notes the step, which each worker of the training is told with its job, and tells
/// the one that trains now. A training that is over is noted, too, so that no request is lost without a word.
/// </summary>
/// <param name="jobs">The workers.</param>
/// <param name="ledger">Keeps the request.</param>
public sealed class FinishTrainingActivity(ITpuJobs jobs, RunLedger ledger) : TaskActivity<FinishInput, bool>
{
    /// <summary>Ends the training.</summary>
    /// <param name="context">The activity.</param>
    /// <param name="input">The run, and who asks.</param>
    /// <returns>false if the training was over.</returns>
    public override Task<bool> RunAsync(TaskActivityContext context, FinishInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var (runId, (by, reason)) = (input.RunId, input.Request);
        if (RunEventFacts.FinishOf(ledger, runId) is not null)
        {
            jobs.Finish(runId);
            return Task.FromResult(true);
        }

        var part = RunParts.Current(ledger.Read(runId));
        if (IsTrained(part))
        {
            ledger.AppendInPart(runId, LedgerKinds.FinishLate, "late", new FinishFact(by, reason, 0));
            return Task.FromResult(false);
        }

        ledger.AppendInPart(runId, LedgerKinds.Finish, "finish", new FinishFact(by, reason, StepOf(runId, part)));
        jobs.Finish(runId);
        return Task.FromResult(true);
    }

    /// <summary>Returns whether the part of a run has trained, found its model trained, or is ending.</summary>
    private static bool IsTrained(IReadOnlyList<LedgerEntry> part) => part.Any(entry => entry.Kind switch
    {
        LedgerKinds.JobEnded => entry.Data.Deserialize<EndFact>(RunLedger.Json) is { End.Succeeded: true, Train: not null },
        LedgerKinds.Found => entry.Data.Deserialize<FoundFact>(RunLedger.Json)!.IsTrained,
        LedgerKinds.Stage => entry.Data.Deserialize<StageInput>(RunLedger.Json)!.Stage
            is RunStageName.Evaluate or RunStageName.Teardown or RunStageName.Report,
        LedgerKinds.End => true,
        _ => false,
    });

    /// <summary>
    /// Returns the newest step: of the worker that trains, or of the newest checkpoint if its node is gone; 1 if there
    /// is none, since a model without a step is the base model.
    /// </summary>
    private int StepOf(RunId runId, IReadOnlyList<LedgerEntry> part)
    {
        var node = part.Where(entry => entry.Kind == LedgerKinds.Job)
            .Select(entry => entry.Data.Deserialize<DispatchInput>(RunLedger.Json)!)
            .LastOrDefault(job => job.Kind == JobKind.Train)?.Lease.NodeName;
        if (node is null)
        {
            return Math.Max(1, part.Where(entry => entry.Kind == LedgerKinds.Found)
                .Select(entry => entry.Data.Deserialize<FoundFact>(RunLedger.Json)!.CheckpointStep).LastOrDefault());
        }

        var standing = jobs.Look(JobKind.Train, runId, node.Value);
        var isGone = part.Any(entry => entry.Key == $"{node}" && entry.Kind
            is LedgerKinds.Stopped or LedgerKinds.Revoked or LedgerKinds.Released);
        return Math.Max(1, isGone && standing.CheckpointStep > 0 ? standing.CheckpointStep : standing.Step);
    }
}
