using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Resuming;

/// <summary>
/// Begins another part of a stopped run: records the earlier stop with its time and cost, and finds the work that is
/// done.
/// </summary>
/// <param name="ledger">Receives the facts.</param>
/// <param name="inputs">Reads the prepared files within a time limit, until the run is cancelled.</param>
/// <param name="clock">Gives the time of the cost of nodes that may still exist.</param>
/// <param name="artifacts">The place of the run's artifacts; null for the run's folder.</param>
public sealed class ResumeActivity(
    RunLedger ledger, InputWork inputs, TimeProvider clock, RunArtifacts? artifacts = null)
    : TaskActivity<RunSpec, ResumeState>
{
    private readonly FinishedWork _work = new(ledger, artifacts ?? new RunArtifacts(ledger));

    /// <summary>Begins the part.</summary>
    /// <param name="context">The activity.</param>
    /// <param name="input">The run with its changes, and the resumption.</param>
    /// <returns>The work that is done.</returns>
    /// <exception cref="RunFaultException">The run has fewer steps than its newest checkpoint.</exception>
    public override async Task<ResumeState> RunAsync(TaskActivityContext context, RunSpec input)
    {
        var part = input.Resumption ?? throw new InvalidOperationException($"Run '{input.RunId}' is not resumed.");

        // The first fact of the part, before anything that waits: every later fact belongs to this part.
        Begin(input.RunId, part);
        var state = await inputs.RunAsync(input.RunId, token => RunArtifacts.GuardAsync(
            () => _work.FindAsync(input, token), endsOutages: true).GetAwaiter().GetResult());
        if (input.Origin?.From is not null && _work.TakenBy(input.RunId) is null)
        {
            // What is there of it is not known to be whole, and nothing else was done before.
            return ResumeState.Nothing with
            {
                NextAttempt = state.NextAttempt,
                Left = state.Left,
                MustTakeOver = true,
            };
        }

        ledger.AppendInPart(input.RunId, LedgerKinds.Found, "found", new FoundFact(
            state.Data is not null, state.CheckpointStep, state.IsTrained, state.IsTranslated, state.Left));
        return state.CheckpointStep <= input.Training.Steps ? state : throw new RunFaultException(
            "STEPS_BELOW_CHECKPOINT",
            $"training.steps is {input.Training.Steps}, and the newest checkpoint is of step {state.CheckpointStep}.",
            $"Ask for {state.CheckpointStep} steps or more.");
    }

    private void Begin(RunId id, RunResumption part)
    {
        var entries = ledger.Read(id);
        var end = RunParts.EndOf(entries);
        var outcome = end is null
            ? null : System.Text.Json.JsonSerializer.Deserialize<RunOutcome>(end.Data, RunLedger.Json);
        var curve = MetricsFile.Read(ledger, id);
        ledger.Append(id, LedgerKinds.Resumed, $"{part.Part}", new ResumedFact(
            part.Part, outcome?.Status ?? RunStatus.Terminated, outcome?.Failure, end?.At,
            RunCosts.Of(ledger, id, clock.GetUtcNow()).ActualUsd, curve.Count > 0 ? curve[^1].Step : 0, part.Changes)
        {
            By = part.By,
            Reason = part.Reason,
        });
    }
}
