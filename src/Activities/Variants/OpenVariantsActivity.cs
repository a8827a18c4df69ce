using System.Text.Json;
using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Activities.Resuming;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>Begins a part of a group: names its variants in its ledger, and finds those that are done.</summary>
/// <param name="ledger">Receives the facts.</param>
/// <param name="inputs">Keeps slow stores from blocking other runs.</param>
/// <param name="clock">Gives the time.</param>
/// <param name="artifacts">The place of artifacts; null for the run's folder.</param>
public sealed class OpenVariantsActivity(
    RunLedger ledger, InputWork inputs, TimeProvider clock, RunArtifacts? artifacts = null)
    : TaskActivity<RunSpec, VariantsState>
{
    private readonly FinishedWork _work = new(ledger, artifacts ?? new RunArtifacts(ledger));

    /// <inheritdoc />
    public override async Task<VariantsState> RunAsync(TaskActivityContext context, RunSpec input)
    {
        var id = input.RunId;
        if (input.Resumption is { } part)
        {
            // The first fact of the part: every later fact belongs to this part.
            Resume(id, part);
        }

        ledger.Append(
            id, LedgerKinds.Members, "members",
            new MembersFact([.. input.Variants!.Select(variant => variant.Spec.RunId)]));
        ledger.AppendInPart(id, LedgerKinds.Group, "group", input);
        var found = input.Resumption is null ? ResumeState.Nothing : await inputs.RunAsync(
            id, token => RunArtifacts.GuardAsync(() => _work.FindAsync(input, token), endsOutages: true)
                .GetAwaiter().GetResult());
        return new VariantsState(found.Data is not null, [.. input.Variants!.Select(
            variant => StateOf(id, variant))]);
    }

    private void Resume(RunId id, RunResumption part)
    {
        var end = RunParts.EndOf(ledger.Read(id));
        var outcome = end?.Data.Deserialize<RunOutcome>(RunLedger.Json);
        ledger.Append(id, LedgerKinds.Resumed, $"{part.Part}", new ResumedFact(
            part.Part, outcome?.Status ?? RunStatus.Terminated, outcome?.Failure, end?.At,
            RunCosts.Of(ledger, id, clock.GetUtcNow()).ActualUsd, 0, part.Changes));
    }

    private VariantState StateOf(RunId group, RunVariant variant)
    {
        var entries = ledger.Read(variant.Spec.RunId);
        var outcome = RunParts.EndOf(entries)?.Data.Deserialize<RunOutcome>(RunLedger.Json);
        return outcome?.Status == RunStatus.Succeeded ? new VariantState(outcome, null)
            : entries.Count == 0 ? new VariantState(null, null)
            : new VariantState(null, new RunResumption(
                1 + Math.Max(
                    RunParts.Count(ledger, variant.Spec.RunId),
                    VariantLedgers.PartOf(ledger, group, variant.Spec.RunId)),
                variant.Spec, entries[0].At, []));
    }
}
