using System.Text.Json;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Handover;
using Workflows.Activities.Resuming;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Builds the report from the ledger alone, however the run ended.</summary>
public static class ReportBuilder
{
    /// <summary>Name of the tuned model's folder, in a run's folder and among its artifacts.</summary>
    internal const string TunedFolder = "tuned";

    /// <summary>Lists the attempts of a run so far.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>The attempts in order.</returns>
    public static IReadOnlyList<AttemptRow> Attempts(RunLedger ledger, RunId runId) =>
        [.. ledger.Read<AttemptEnd>(runId, LedgerKinds.Attempt).Select(fact => Row(fact.Data))];

    /// <summary>
    /// Adds plan and corpus of an earlier part to the end of a resumed run that stopped before it had its own.
    /// </summary>
    internal static ReportInput WithEarlier(RunLedger ledger, ReportInput input)
    {
        var id = input.Spec.RunId;
        return RunParts.Count(ledger, id) == 1 ? input : input with
        {
            Plan = input.Plan ?? Last<RunPlan>(LedgerKinds.Plan),
            Data = input.Data ?? Last<PreparedData>(LedgerKinds.Data),
        };

        T? Last<T>(string kind) => ledger.Read<T>(id, kind).Select(fact => fact.Data).LastOrDefault();
    }

    /// <summary>Builds the report.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="input">The run's end.</param>
    /// <param name="now">The end of the last stage.</param>
    /// <param name="tuned">The address of the tuned model; null if there is none.</param>
    /// <returns>The report.</returns>
    internal static RunReport Build(RunLedger ledger, ReportInput input, DateTimeOffset now, string? tuned)
    {
        var (spec, id) = (input.Spec, input.Spec.RunId);
        var directory = ledger.DirectoryOf(id);
        var cost = RunCosts.Of(ledger, id, now);
        var parts = EstimateReview.Of(ledger, input, cost.BilledSeconds);
        var verdicts = RunParts.Current(ledger.Read(id)).Where(entry => entry.Kind == LedgerKinds.Scores)
            .Select(entry => entry.Data.Deserialize<VerdictSection>(RunLedger.Json)!)
            .Select(verdict => verdict with
            {
                UsdPerBleuPoint = IsGain(verdict) ? cost.ActualUsd / verdict.BleuDelta : null,
            }).ToList();
        return new RunReport
        {
            RunId = id,
            Name = spec.Name,
            Status = input.Status,
            IsRehearsal = spec.IsRehearsal,
            Failure = input.Failure,
            IsDraft = input.IsDraft,
            Stops = Stops(ledger, id),
            Origin = spec.Origin,
            Resume = input.IsDraft
                ? null : ResumeHint.Of(id, input.Status, input.Failure, spec.BudgetUsd, cost.ActualUsd),
            Verdict = verdicts.FirstOrDefault(),
            Verdicts = verdicts,
            Attempts = Attempts(ledger, id),
            Handovers = Passed(ledger, id) is { Count: > 0 } passed ? passed : null,
            Recoveries = Recoveries(ledger, id),
            Moves = MoveRow.Of(ledger, id) is { Count: > 0 } moves ? moves : null,
            People = PersonRow.Of(ledger, spec) is { Count: > 0 } people ? people : null,
            Data = input.Data,
            Compile = Programs(ledger, id),
            Training = Training(ledger, spec, input.Data),
            Deadline = DeadlineFacts.Of(ledger, spec, null, now, hasEnded: true),
            Cost = new CostSection("USD", input.Plan?.EstimatedUsd, cost.ActualUsd, spec.BudgetUsd, cost.ByStage)
            {
                Egress = EgressCost.Of(ledger, id),
                EstimatedEgressUsd = input.Plan?.Egress?.Expected.TotalUsd,
                EstimatedHours = input.Plan?.EstimatedSeconds / 3600,
                ActualHours = cost.BilledSeconds / 3600,
                Parts = parts.Count > 0 ? parts : null,
                Basis = input.Plan?.Time?.Basis,
                Alternatives = AlternativeRow.Of(ledger, input, cost, parts),
                Translation = TranslationPrice.Of(ledger, spec) is { Count: > 0 } prices ? prices : null,
            },
            Teardown = Teardown(ledger, id),
            Validations = [.. ledger.Read<ValidationFact>(id, LedgerKinds.Validation)
                .Select(fact => fact.Data).OrderBy(fact => fact.Step)],
            Stages = Stages(ledger, id, now),
            Artifacts = new ArtifactSection(
                tuned, Path.Combine(directory, "report.json"), Path.Combine(directory, "report.html")),
        };
    }

    /// <summary>A higher score is no gain if a model gave one output for every sentence.</summary>
    private static bool IsGain(VerdictSection verdict) =>
        verdict.BleuDelta > 0 && verdict.Outcome is VerdictOutcome.Finer or VerdictOutcome.NoSignificantDifference;

    private static AttemptRow Row(AttemptEnd end)
    {
        var place = end.Lease.Candidate;
        return new AttemptRow(
            end.Lease.Attempt, place.Zone, place.AcceleratorType, place.Provisioning, end.Outcome, end.Refusal?.Code,
            end.Refusal?.Reason, end.Refusal?.Scope, end.Refusal?.Fix, end.Seconds);
    }

    private static List<StopRow>? Stops(RunLedger ledger, RunId id)
    {
        var rows = new List<StopRow>();
        foreach (var entry in ledger.Read(id))
        {
            if (entry.Kind == LedgerKinds.Resumed)
            {
                var stop = entry.Data.Deserialize<ResumedFact>(RunLedger.Json)!;
                rows.Add(new StopRow(
                    stop.StoppedAs, stop.Failure, stop.StoppedAt, stop.SpentUsd, stop.Step, entry.At, null,
                    stop.Changes));
            }
            else if (entry.Kind == LedgerKinds.Found && rows.Count > 0)
            {
                rows[^1] = rows[^1] with
                {
                    CheckpointStep = entry.Data.Deserialize<FoundFact>(RunLedger.Json)!.CheckpointStep,
                };
            }
        }

        return rows.Count > 0 ? rows : null;
    }

    private static List<HandoverRow> Passed(RunLedger ledger, RunId id) =>
    [
        .. Handovers.Received(ledger, id).Select(fact => new HandoverRow(
            $"{fact.Lease.NodeName}", fact.Lease.Candidate.Zone, fact.At, fact.From, null)),
        .. Handovers.HandedOn(ledger, id).Select(fact => new HandoverRow(
            $"{fact.Data.NodeName}", ZoneOf(fact.Data.NodeName), fact.At, null, fact.Data.To)),
    ];

    private static string ZoneOf(NodeName name) => name.ToString().Split('/')[3];

    private static IReadOnlyList<RecoveryRow> Recoveries(RunLedger ledger, RunId id)
    {
        var ends = ledger.Read(id).Where(entry => entry.Kind == LedgerKinds.Recovered)
            .ToDictionary(entry => entry.Key, StringComparer.Ordinal);
        return [.. ledger.Read(id).Where(entry => entry.Kind == LedgerKinds.Loss).Select(entry =>
        {
            var loss = JsonSerializer.Deserialize<OpenRecovery>(entry.Data, RunLedger.Json)!;
            var end = ends.TryGetValue(entry.Key, out var found)
                ? JsonSerializer.Deserialize<RecoveryEnd>(found.Data, RunLedger.Json)
                : null;
            return new RecoveryRow(loss.Zone, loss.Cause, loss.LostSteps, loss.FromStep, end?.Seconds);
        })];
    }

    private static TrainingSection? Training(RunLedger ledger, RunSpec spec, PreparedData? data)
    {
        var id = spec.RunId;
        var end = ledger.Read<EndFact>(id, LedgerKinds.JobEnded).Select(fact => fact.Data.Train)
            .LastOrDefault(train => train is not null)
            ?? ledger.Read<TakenFact>(id, LedgerKinds.Taken).Select(fact => fact.Data.Train).LastOrDefault();
        var curve = MetricsFile.Read(ledger, id);
        if (end is null && curve.Count == 0)
        {
            return null;
        }

        var seconds = curve.Count > 1
            ? SecondsOf(ledger.Read(id), curve[0].At, curve[^1].At)
            : end?.Seconds ?? 0;
        return end is not null
            ? new TrainingSection(
                end.Steps, end.Tokens, end.TokensPerSecond,
                curve.Count > 0 && curve[0].Step == 1 ? curve[0].Loss : end.FirstLoss, end.FinalLoss, seconds)
            {
                Method = end.Method,
                TrainedParameters = end.TrainedParameters > 0 ? end.TrainedParameters : null,
                MicroBatchSize = end.MicroBatchSize > 0 ? end.MicroBatchSize : null,
                TooLong = end.TooLong,
                OutputStep = end.OutputStep > 0 ? end.OutputStep : null,
                Epochs = data?.Epochs(spec.Training with { Steps = end.Steps }),
                StoppedEarly = end.StoppedEarly,
                FinishedEarly = end.FinishedEarly,
                ValidationMetric = end.Metric.Length > 0 ? end.Metric : null,
                BestScore = end.BestScore,
                ValidationTooLong = end.ValidationTooLong,
            }
            : new TrainingSection(
                curve[^1].Step, curve[^1].Tokens, curve[^1].TokensPerSecond, curve[0].Loss, curve[^1].Loss, seconds);
    }

    /// <summary>Returns the seconds of an interval, without the times in which the run was stopped.</summary>
    private static double SecondsOf(IReadOnlyList<LedgerEntry> entries, DateTimeOffset from, DateTimeOffset to) =>
        (to - from).TotalSeconds - RunParts.Pauses(entries)
            .Where(pause => pause.From >= from && pause.To <= to)
            .Sum(pause => (pause.To - pause.From).TotalSeconds);

    private static IReadOnlyList<TeardownRow> Teardown(RunLedger ledger, RunId id)
    {
        var gone = ledger.Read<NodeMoment>(id, LedgerKinds.Released)
            .ToDictionary(fact => fact.Data.NodeName, fact => fact.At);
        var operations = ledger.Read<NodeDeletion>(id, LedgerKinds.Deletion)
            .GroupBy(fact => fact.Data.NodeName)
            .ToDictionary(group => group.Key, group => group.Last().Data.Operation);

        // A node that was handed on is given back by its last owner, which has the proof.
        var passed = Handovers.HandedOn(ledger, id).Select(fact => fact.Data.NodeName).ToHashSet();

        // Refused attempts created no node, but their names were looked up too: that is part of the proof.
        return [.. ledger.Read<TpuLease>(id, LedgerKinds.Intent).Select(fact => fact.Data)
            .Where(lease => WasAccepted(ledger, id, lease) && !passed.Contains(lease.NodeName))
            .Select(lease => new TeardownRow(
                $"{lease.NodeName}", lease.Candidate.Zone,
                gone.TryGetValue(lease.NodeName, out var at) ? at : null, gone.ContainsKey(lease.NodeName))
            {
                Operation = operations.GetValueOrDefault(lease.NodeName),
            })];
    }

    private static bool WasAccepted(RunLedger ledger, RunId id, TpuLease lease) =>
        !ledger.Read<AttemptEnd>(id, LedgerKinds.Attempt)
            .Any(fact => fact.Data.Lease.NodeName == lease.NodeName && fact.Data.Outcome == AttemptOutcome.Refused);

    private static List<StageRow> Stages(RunLedger ledger, RunId id, DateTimeOffset now)
    {
        var facts = ledger.Read<StageInput>(id, LedgerKinds.Stage);
        var entries = ledger.Read(id);
        var rows = facts.Select((fact, index) => new StageRow(
            fact.Data.Stage, fact.At,
            SecondsOf(entries, fact.At, index + 1 < facts.Count ? facts[index + 1].At : now))).ToList();
        var (first, whole) = (-1, 0.0);
        foreach (var fact in ledger.Read<EndFact>(id, LedgerKinds.JobEnded))
        {
            var index = rows.FindLastIndex(row => row.At <= fact.At);
            if (fact.Data.Compile is { } compile && index >= 0)
            {
                var part = Math.Min(compile.Seconds, rows[index].Seconds);
                rows[index] = rows[index] with { Seconds = rows[index].Seconds - part };
                (first, whole) = (first < 0 ? index : first, whole + part);
            }
        }

        if (first >= 0)
        {
            rows.Insert(first, new StageRow(RunStageName.Compile, rows[first].At, whole));
        }

        return rows;
    }

    /// <summary>Adds up the programs of all ended jobs; null if no device compiled.</summary>
    private static CompileFact? Programs(RunLedger ledger, RunId id)
    {
        var all = ledger.Read<EndFact>(id, LedgerKinds.JobEnded)
            .Select(fact => fact.Data.Compile).OfType<CompileFact>().ToList();
        return all.Count == 0 ? null : new CompileFact(
            all.Sum(each => each.Seconds), all.Sum(each => each.Compiled), all.Sum(each => each.Loaded));
    }
}
