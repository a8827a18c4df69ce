using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Events;

/// <summary>Finds the step after which a training can end.</summary>
public static class TrainedSteps
{
    /// <summary>
    /// Returns the newest step of the current part: of the worker that trains, or of the newest checkpoint if its node
    /// is gone.
    /// </summary>
    /// <param name="jobs">The workers.</param>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <returns>0 if there is none, so that no model would be tuned.</returns>
    public static int Of(ITpuJobs jobs, RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        ArgumentNullException.ThrowIfNull(ledger);
        var part = RunParts.Current(ledger.Read(runId));
        if (part.Where(entry => entry.Kind == LedgerKinds.Job)
            .Select(entry => entry.Data.Deserialize<DispatchInput>(RunLedger.Json)!)
            .LastOrDefault(job => job.Kind == JobKind.Train) is not { } last)
        {
            return part.Where(entry => entry.Kind == LedgerKinds.Found)
                .Select(entry => entry.Data.Deserialize<FoundFact>(RunLedger.Json)!.CheckpointStep).LastOrDefault();
        }

        var node = last.Lease.NodeName;
        var standing = jobs.Look(JobKind.Train, runId, node);
        return part.Any(entry => entry.Key == $"{node}" && entry.Kind
            is LedgerKinds.Stopped or LedgerKinds.Revoked or LedgerKinds.Released)
            ? standing.CheckpointStep : Math.Max(standing.Step, standing.CheckpointStep);
    }
}
