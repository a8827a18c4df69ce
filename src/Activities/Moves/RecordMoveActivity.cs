using System.Globalization;
using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Moves;

/// <summary>Notes a step of a move.</summary>
public sealed class RecordMoveActivity(RunLedger ledger) : TaskActivity<MoveRecord, bool>
{
    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, MoveRecord input) => Task.FromResult(ledger.Append(
        input.RunId, KindOf(input.Step), input.Move.To.Attempt.ToString(CultureInfo.InvariantCulture), input));

    private static string KindOf(MoveStep step) => step switch
    {
        MoveStep.Begun => LedgerKinds.MoveBegun,
        MoveStep.Done => LedgerKinds.Moved,
        _ => LedgerKinds.MoveGivenUp,
    };
}
