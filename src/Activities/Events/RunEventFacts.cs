using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Events;

/// <summary>An early end of the training, as a person asked for it.</summary>
/// <param name="By">Name of the caller; null where callers have none.</param>
/// <param name="Reason">The reason that was given; null for none.</param>
/// <param name="Step">The step after which the training ends; 0 if it was over.</param>
public sealed record FinishFact(string? By, string? Reason, int Step);

/// <summary>Reads what people have told the current part of a run.</summary>
public static class RunEventFacts
{
    private const string Approval = "approval";

    /// <summary>Writes the question for an approval, unless it is asked.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <param name="asked">The question.</param>
    /// <returns>The question that counts.</returns>
    public static RunApproval Ask(RunLedger ledger, RunId runId, RunApproval asked)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return ledger.AppendInPart(runId, LedgerKinds.ApprovalAsked, Approval, asked)
            ? asked : Last<RunApproval>(ledger, runId, LedgerKinds.ApprovalAsked)!;
    }

    /// <summary>Writes the answer to that question, unless there is one.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <param name="decision">The answer.</param>
    /// <returns>The answer that counts.</returns>
    public static ApprovalDecision Decide(RunLedger ledger, RunId runId, ApprovalDecision decision)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return ledger.AppendInPart(runId, LedgerKinds.ApprovalDecided, Approval, decision)
            ? decision : DecisionOf(ledger, runId)!;
    }

    /// <summary>Returns the answer to the question for an approval.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <returns>null if there is none.</returns>
    public static ApprovalDecision? DecisionOf(RunLedger ledger, RunId runId) =>
        Last<ApprovalDecision>(ledger, runId, LedgerKinds.ApprovalDecided);

    /// <summary>Returns the early end of the training.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <returns>null if nobody asked for it.</returns>
    public static FinishFact? FinishOf(RunLedger ledger, RunId runId) =>
        Last<FinishFact>(ledger, runId, LedgerKinds.Finish);

    private static T? Last<T>(RunLedger ledger, RunId runId, string kind)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return RunParts.Current(ledger.Read(runId)).LastOrDefault(entry => entry.Kind == kind)?
            .Data.Deserialize<T>(RunLedger.Json);
    }
}
