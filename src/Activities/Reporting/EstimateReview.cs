using System.Globalization;
using Workflows.Activities.Capacity;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Compares the plan's expected time with the time that a run took, part by part.</summary>
internal static class EstimateReview
{
    /// <summary>Compares a run with its plan.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="input">The run's end.</param>
    /// <param name="billedSeconds">Seconds for which some node cost money.</param>
    /// <returns>The parts; empty without a plan, and for plans of earlier versions.</returns>
    public static IReadOnlyList<EstimateRow> Of(RunLedger ledger, ReportInput input, double billedSeconds)
    {
        if (input.Plan?.Time is not { } plan)
        {
            return [];
        }

        var id = input.Spec.RunId;
        var (train, evaluate) = (TrainingOf(ledger, id), TranslationSeconds(ledger, id));
        var lost = ledger.Read<OpenRecovery>(id, LedgerKinds.Loss).Count;
        return
        [
            new EstimateRow("train", plan.Train, train?.Seconds, train is { } end
                ? Join(
                    Rates(end.Steps * plan.StepTflop, end.Seconds, plan.TrainTflops),
                    end.Steps == input.Spec.Training.Steps ? null : $"{end.Steps} of {input.Spec.Training.Steps} steps")
                : "it did not end"),
            new EstimateRow("evaluate", plan.Evaluate, evaluate, evaluate is { } seconds && input.Data is { } data
                ? Join(
                    Rates(
                        RunEstimate.TranslateOperations(input.Spec, plan.TextTflop, data.TestPairs), seconds,
                        plan.EvaluateTflops),
                    data.TestPairs == plan.TestPairs
                        ? null : $"{data.TestPairs} test sentences, {plan.TestPairs} assumed")
                : "it did not end"),
            new EstimateRow(
                "rest", plan.Rest, Math.Max(0, billedSeconds - (train?.Seconds ?? 0) - (evaluate ?? 0)),
                Join(
                    "boot, loading the model, compilation, checkpoints, giving back",
                    lost == 0 ? null : $"{Counted.Of(lost, "TPU")} lost, with the steps that were done again")),
        ];
    }

    /// <summary>Computes the rates of a run that succeeded.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="input">The run's end.</param>
    /// <param name="report">Its report.</param>
    /// <param name="now">The current time.</param>
    /// <returns>null if it measured none, or computed on several types, or on a VM's processor.</returns>
    public static MeasuredRate? RateOf(RunLedger ledger, ReportInput input, RunReport report, DateTimeOffset now)
    {
        // The parts of a resumed run do not tell which steps their seconds are of.
        if (input is not { IsDraft: false, Status: RunStatus.Succeeded, Spec.Resumption: null }
            || input.Plan?.Time is not { StepTflop: > 0 } plan || input.Data is not { } data
            || input.Spec is { IsRehearsal: false, AllowHostProcessor: true }
            || report.Cost.Parts is not
                [{ Actual: { } train }, { Actual: { } evaluate }, { Actual: { } rest }]
            || report.Training is not { } training)
        {
            return null;
        }

        List<string> types = [.. ledger.Read<DispatchInput>(input.Spec.RunId, LedgerKinds.Job)
            .Select(job => job.Data.Lease.Candidate.AcceleratorType).Distinct(StringComparer.Ordinal)];
        return !input.Spec.IsRehearsal && types.Count != 1 ? null : new MeasuredRate(
            input.Spec.RunId, now, plan.Parameters, input.Spec.Training.Method, Environment.ProcessorCount,
            training.Steps * plan.StepTflop / train,
            RunEstimate.TranslateOperations(input.Spec, plan.TextTflop, data.TestPairs) / evaluate,
            report.Recoveries.Count == 0 ? rest : null)
        {
            AcceleratorType = input.Spec.IsRehearsal ? null : types[0],
        };
    }

    private static (int Steps, double Seconds)? TrainingOf(RunLedger ledger, RunId id)
    {
        var end = ledger.Read<EndFact>(id, LedgerKinds.JobEnded).Select(fact => fact.Data.Train)
            .LastOrDefault(train => train is not null);
        return end is { Tokens: > 0, TokensPerSecond: > 0 } ? (end.Steps, end.Tokens / end.TokensPerSecond) : null;
    }

    /// <summary>Returns the seconds from the last translation's dispatch to its end, without compilation.</summary>
    private static double? TranslationSeconds(RunLedger ledger, RunId id)
    {
        var jobs = ledger.Read<DispatchInput>(id, LedgerKinds.Job)
            .Where(fact => fact.Data.Kind == JobKind.Translate).ToList();
        var ends = ledger.Read<EndFact>(id, LedgerKinds.JobEnded)
            .Where(fact => fact.Data is { Train: null, End.Succeeded: true }).ToList();
        return jobs.Count > 0 && ends.Count > 0 && ends[^1].At > jobs[^1].At
            ? (ends[^1].At - jobs[^1].At).TotalSeconds - (ends[^1].Data.Compile?.Seconds ?? 0)
            : null;
    }

    /// <summary>Compares rates; null for plans of earlier versions, which counted other operations.</summary>
    private static string? Rates(double tflop, double seconds, double assumed) => tflop > 0
        ? string.Create(
            CultureInfo.InvariantCulture, $"{tflop / seconds:G3} TFLOP/s reached, {assumed:G3} assumed")
        : null;

    private static string Join(params string?[] parts) => string.Join("; ", parts.OfType<string>());
}
