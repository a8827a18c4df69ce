using Microsoft.DurableTask;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Training;

/// <summary>Gives a job to the worker of a node, and closes the recovery that led to it.</summary>
public sealed class DispatchJobActivity(ITpuJobs jobs, RunLedger ledger, TimeProvider clock)
    : TaskActivity<DispatchInput, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, DispatchInput input)
    {
        jobs.Dispatch(input with
        {
            CheckpointEverySteps = input.Kind == JobKind.Train
                ? new WorkForesight(ledger, null, clock).CheckpointEvery(input.Spec) : null,
        });
        if (input.Recovery is { } loss)
        {
            ledger.Append(input.Spec.RunId, LedgerKinds.Recovered, $"{loss.DetectedAt:O}", new RecoveryEnd(
                loss.Number, input.Kind, (clock.GetUtcNow() - loss.DetectedAt).TotalSeconds));
        }

        return Task.FromResult(true);
    }
}
