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

        // At least one step, since a model without one is the base model.
        ledger.AppendInPart(runId, LedgerKinds.Finish, "finish", new FinishFact(
            by, reason, Math.Max(1, TrainedSteps.Of(jobs, ledger, runId))));
        jobs.Finish(runId);
        return Task.FromResult(true);
    }

    /// <summary>Returns whether the part of a run has trained, found its model trained, or is ending.</summary>
    private static bool IsTrained(IReadOnlyList<LedgerEntry> part) => part.Any(entry => entry.Kind switch
    {
        LedgerKinds.JobEnded =>
            entry.Data.Deserialize<EndFact>(RunLedger.Json) is { End.Succeeded: true, Train: not null },
        LedgerKinds.Found => entry.Data.Deserialize<FoundFact>(RunLedger.Json)!.IsTrained,
        LedgerKinds.Stage => entry.Data.Deserialize<StageInput>(RunLedger.Json)!.Stage
            is RunStageName.Evaluate or RunStageName.Teardown or RunStageName.Report,
        LedgerKinds.End => true,
        _ => false,
    });
}
