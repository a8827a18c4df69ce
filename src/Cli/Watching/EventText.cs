using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Handover;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Resuming;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Cli.Watching;

/// <summary>Formats each fact of the ledger as a line for people; null for facts that are not shown.</summary>
internal static class EventText
{
    public static string? Of(RunEvent fact) => Line(fact) is { } line ? TerminalText.Of(line) : null;

    /// <summary>Returns the key of a fact that can repeat an earlier one, and is then shown once.</summary>
    /// <returns>null for facts that are always shown.</returns>
    public static string? RepeatKey(RunEvent fact)
    {
        if (fact.Kind != LedgerKinds.Attempt
            || Read<AttemptEnd>(fact) is not { Outcome: AttemptOutcome.Skipped } end)
        {
            return null;
        }

        var place = end.Lease.Candidate;
        return $"{place.Zone}/{place.AcceleratorType}/{place.Provisioning}/{end.Refusal?.Code}";
    }

    private static string? Line(RunEvent fact) => fact.Kind switch
    {
        LedgerKinds.Stage => Stage(Read<StageInput>(fact)),
        LedgerKinds.Resumed => Resumed(Read<ResumedFact>(fact)),
        LedgerKinds.Suspended => $"== suspended: {Read<SuspensionChange>(fact).Reason}",
        LedgerKinds.Unsuspended => $"== suspended no more: {Read<SuspensionChange>(fact).Reason}",
        LedgerKinds.ApprovalAsked or LedgerKinds.ApprovalDecided or LedgerKinds.Finish or LedgerKinds.FinishLate =>
            PersonText.Of(fact),
        LedgerKinds.Taken when Read<TakenFact>(fact) is { } taken =>
            $"== taken over: the work of {taken.Of} before '{WireName.Of(taken.From)}'",
        LedgerKinds.Found => Found(Read<FoundFact>(fact)),
        LedgerKinds.Plan => Plan(Read<RunPlan>(fact)),
        LedgerKinds.Model when Read<ModelFact>(fact) is { } model =>
            $"model       {model.Address}, {model.Files} files, {TransferBoard.SizeOf(model.Bytes)}",
        LedgerKinds.ModelBrought => Brought(Read<ModelBroughtFact>(fact)),
        LedgerKinds.Data => Data(Read<PreparedData>(fact)),
        LedgerKinds.Intent when Read<TpuLease>(fact).Attempt == 0 => null,
        LedgerKinds.Intent => Intent(Read<TpuLease>(fact)),
        LedgerKinds.Queued when Read<QueuedFact>(fact) is { } queued =>
            $"queued      {queued.Name.Split('/')[3]}: waits for capacity until {queued.Until:yyyy-MM-dd HH:mm:ss}Z"
                + (queued.MaxRunSeconds is { } most
                    ? string.Create(
                        CultureInfo.InvariantCulture, $"; then the node lasts for {most / 3600:0.###} hours at most")
                    : ""),
        LedgerKinds.Attempt => Attempt(Read<AttemptEnd>(fact)),
        LedgerKinds.Loss => Loss(Read<OpenRecovery>(fact)),
        LedgerKinds.Switched => DeadlineText.Switched(Read<SpotSwitch>(fact)),
        LedgerKinds.MoveBegun or LedgerKinds.Moved or LedgerKinds.MoveGivenUp => MoveText.Of(Read<MoveRecord>(fact)),
        LedgerKinds.DeadlineMissed => DeadlineText.Missed(Read<DeadlineMiss>(fact)),
        LedgerKinds.Recovered => $"recovered   back at work after {Read<RecoveryEnd>(fact).Seconds:0.0} s",
        LedgerKinds.Validation => Validation(Read<ValidationFact>(fact)),
        LedgerKinds.Received when Read<ReceivedFact>(fact) is { } received =>
            $"received    {received.Lease.NodeName.NodeId} of {received.From}: no boot",
        LedgerKinds.Handed when Read<HandedFact>(fact) is { To: { } taker } handed =>
            $"handed on   {handed.NodeName.NodeId} to {taker}",
        LedgerKinds.Released => Released(Read<NodeMoment>(fact)),
        LedgerKinds.VariantBegun => VariantText.Begun(Read<VariantBegun>(fact)),
        LedgerKinds.VariantEnded => VariantText.Ended(Read<VariantEnd>(fact)),
        LedgerKinds.JobEnded when Read<EndFact>(fact).Train is { } train =>
            $"trained     {Counted.Of(train.Steps, "step")}, loss {train.FirstLoss:0.000} to {train.FinalLoss:0.000} "
                + $"(mean of the last steps){Kept(train)}",
        LedgerKinds.JobEnded when Read<EndFact>(fact).End is { Succeeded: false } end =>
            $"job failed  {end.Code}: {end.Message}",
        _ => null,
    };

    /// <summary>Returns the colour of a fact on a terminal; important facts have one.</summary>
    public static string ColorOf(RunEvent fact) => fact.Kind switch
    {
        LedgerKinds.Attempt when Read<AttemptEnd>(fact).Outcome == AttemptOutcome.Ready => "green",
        LedgerKinds.Attempt or LedgerKinds.Loss or LedgerKinds.Switched or LedgerKinds.DeadlineMissed => "yellow",
        LedgerKinds.Stage or LedgerKinds.Resumed or LedgerKinds.Suspended or LedgerKinds.Unsuspended => "blue",
        LedgerKinds.ApprovalAsked => "yellow",
        LedgerKinds.Recovered or LedgerKinds.Moved => "green",
        LedgerKinds.VariantEnded => Read<VariantEnd>(fact).Status == RunStatus.Succeeded ? "green" : "yellow",
        _ => "default",
    };

    private static string Stage(StageInput stage) => $"== {WireName.Of(stage.Stage)}: {stage.Detail}";

    private static string Resumed(ResumedFact part) =>
        $"== part {part.Part}: the run had "
        + (part.StoppedAs == RunStatus.Failed ? "failed" : $"been {WireName.Of(part.StoppedAs)}")
        + (part.Failure is { } failure ? $" ({failure.Code})" : "")
        + (part.StoppedAt is { } at ? $" at {at:yyyy-MM-dd HH:mm:ss}" : "")
        + $" after {Counted.Of(part.Step, "step")} and {part.SpentUsd:0.0000} USD"
        + (part.By is { } by ? $", resumed by {by}" : "")
        + (part.Reason is { } reason ? $": {reason}" : "")
        + string.Concat(part.Changes.Select(
            change => $"\n            {change.Field}: {change.From ?? "none"} -> {change.To ?? "none"}"));

    private static string Found(FoundFact found) => found switch
    {
        { IsTranslated: true } => "found       the tuned model and all translations: only the scores are left",
        { IsTrained: true } => "found       the tuned model: it is not trained again",
        { CheckpointStep: > 0 } => $"found       the checkpoint of step {found.CheckpointStep}",
        _ => "found       no checkpoint: training begins at its first step",
    } + (found.HasData ? "" : "; the corpus is prepared again")
        + (found.Left.Count > 0
            ? $"; {Counted.Of(found.Left.Count, "node")} of earlier parts: deleted now" : "");

    private static string Plan(RunPlan plan) =>
        $"plan        {Counted.Of(plan.Candidates.Count, "place")}; about {plan.EstimatedSeconds:0} s and "
        + $"{plan.EstimatedUsd:0.0000} USD at {plan.Candidates[0].UsdPerHour:0.00} USD an hour"
        + (plan.Transfer is { } way ? Way(way) : "")
        + (plan.Egress is { Expected.TotalUsd: > 0 } egress
            ? $"; egress with checkpoints and corpus {egress.Expected.TotalUsd:0.0000} USD" : "")
        + (plan.Time is { } time ? $"\n            -> {time.Basis}" : "")
        + string.Concat((plan.Memory ?? []).Select(Memory));

    private static string Memory(TypeMemory type) =>
        $"\n            {type.AcceleratorType}: "
        + $"{(type.NeededGib is { } needed ? $"{needed:0.0}" : "more than all")} of "
        + $"{(type.HasGib is { } has ? $"{has:0.0}" : "unknown")} GiB a chip ({WireName.Of(type.Source)})";

    private static string Way(ModelTransfer way) =>
        $"; the model, {TransferBoard.SizeOf(way.Bytes)}, is copied to the run's bucket unless it is there: egress "
        + $"{way.CopyUsd:0.0000} USD, and {way.LoadUsd:0.0000} USD for each node that loads it";

    private static string Brought(ModelBroughtFact brought) => brought.WasThere
        ? $"model       was there already: {brought.Address}"
        : $"model       {TransferBoard.SizeOf(brought.Bytes)} brought in {brought.Seconds:0.0} s to {brought.Address}";

    private static string Data(PreparedData data)
    {
        var dropped = data.Dropped.Where(each => each.Value > 0).Select(each => $"{each.Value} {each.Key}").ToList();
        var validation = data.ValidationPairs > 0 ? $", {data.ValidationPairs} to validate" : "";
        return $"corpus      {Counted.Of(data.TrainPairs, "pair")} to train{validation}, {data.TestPairs} to test"
            + (data.Passes > 0 ? $", {data.Passes:0.0} passes" : "")
            + (dropped.Count == 0 ? "" : $"; left out: {string.Join(", ", dropped)}")
            + string.Concat(VerdictWording.ManyEpochs(data.Passes).Select(note => $"\n            -> {note}"));
    }

    private static string Intent(TpuLease lease) =>
        $"attempt {lease.Attempt,-3} {lease.Candidate.Zone}: asking for {lease.Candidate.AcceleratorType} "
        + $"({WireName.Of(lease.Candidate.Provisioning)})";

    private static string Kept(TrainFact train) =>
        train.OutputStep > 0 && train.OutputStep != train.Steps ? $", kept step {train.OutputStep}" : "";

    private static string Validation(ValidationFact fact) =>
        $"validated   step {fact.Step}: "
        + (fact.Metric == "chrf" ? $"chrF {fact.Score:0.00}" : $"loss {fact.Score:0.000}");

    private static string Attempt(AttemptEnd end) => end.Outcome == AttemptOutcome.Skipped
        ? $"attempt {end.Lease.Attempt,-3} {end.Lease.Candidate.Zone}: not asked, {end.Refusal?.Code}; "
            + end.Refusal?.Reason
        : end.Outcome == AttemptOutcome.Ready
        ? $"attempt {end.Lease.Attempt,-3} {end.Lease.Candidate.Zone}: ready after {end.Seconds:0.0} s"
        : $"attempt {end.Lease.Attempt,-3} {end.Lease.Candidate.Zone}: {WireName.Of(end.Outcome)}"
            + (end.Refusal is { } refusal ? $", {refusal.Code}: {refusal.Reason}\n            -> {refusal.Fix}" : "");

    private static string Loss(OpenRecovery loss) =>
        $"LOST        the TPU in {loss.Zone} ({loss.Cause}); {Counted.Of(loss.LostSteps, "step")} after the newest "
        + "checkpoint";

    private static string Released(NodeMoment moment) =>
        $"given back  {moment.NodeName.NodeId}: {moment.State}";

    private static T Read<T>(RunEvent fact) => fact.Data.Deserialize<T>(RunLedger.Json)!;
}
