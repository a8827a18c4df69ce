using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>Compares the variants of a group by their reports.</summary>
internal static class ComparisonBuilder
{
    /// <summary>Builds the comparison.</summary>
    /// <param name="ledger">The facts of the group and of its variants.</param>
    /// <param name="groupId">The group.</param>
    /// <param name="status">How it ended; running for a draft.</param>
    /// <param name="failure">The reason why it did not succeed; null for none.</param>
    /// <param name="now">End time for nodes that still cost.</param>
    /// <returns>The comparison.</returns>
    public static VariantComparison Build(
        RunLedger ledger, RunId groupId, RunStatus status, RunFailure? failure, DateTimeOffset now)
    {
        var spec = VariantLedgers.SpecOf(ledger, groupId);
        var folder = ledger.DirectoryOf(groupId);
        var isDraft = status == RunStatus.Running;
        var rows = spec.Variants!.Select(variant => RowOf(ledger, groupId, variant, isDraft, now)).ToList();
        var best = rows.GroupBy(row => row.Direction).OrderBy(rows => rows.Key)
            .Select(BestOf).OfType<BestVariant>().ToList();
        rows = [.. rows.Select(row => row with { IsBest = best.Exists(each => each.RunId == row.RunId) })];
        var usd = RunCosts.Of(ledger, groupId, now).ActualUsd;
        return new VariantComparison
        {
            RunId = groupId,
            Name = spec.Name,
            Status = status,
            IsRehearsal = spec.IsRehearsal,
            IsDraft = isDraft,
            Failure = failure,
            Resume = isDraft ? null : ResumeHint.Of(groupId, status, failure, spec.BudgetUsd, usd),
            Best = best,
            Variants = rows,
            BudgetUsd = spec.BudgetUsd,
            ActualUsd = usd,
            Egress = EgressCost.Of(ledger, groupId),
            Notes = NotesIn(Language.English),
            KoreanNotes = NotesIn(Language.Korean),
            Report = Path.Combine(folder, ComparisonFiles.Json),
            Page = Path.Combine(folder, ComparisonFiles.Page),
        };

        IReadOnlyList<string> NotesIn(Language language)
        {
            var words = new Words(language);
            return
            [
                ComparisonWording.RuleIn(words),
                .. PersonRow.Of(ledger, spec).Select(row => row.Say(words)),
                .. rows.GroupBy(row => row.Direction)
                    .SelectMany(each => ComparisonWording.OtherByTest([.. each], words)),
                .. ComparisonWording.Boots(BootsOf(ledger, rows), words),
                .. ComparisonWording.NodesLeft(rows, words),
            ];
        }
    }

    /// <summary>
    /// Chooses by the validation score alone: the lowest loss or the highest chrF; of equal ones, the cheaper variant,
    /// then the first of the request.
    /// </summary>
    private static BestVariant? BestOf(IGrouping<RunDirection, VariantRow> rows)
    {
        var scored = rows.Where(row => row is { Score: not null, Status: RunStatus.Succeeded }).ToList();
        return scored.OrderBy(row => row.Metric == "chrf" ? -row.Score : row.Score).ThenBy(row => row.Usd)
            .FirstOrDefault() is { } best
            ? new BestVariant(rows.Key, best.Name, best.RunId, best.Metric!, best.Score!.Value, scored.Count) : null;
    }

    /// <summary>Returns the variants that got a node, and the mean time that the others waited for theirs.</summary>
    private static (int Saved, double? Seconds) BootsOf(RunLedger ledger, IReadOnlyList<VariantRow> rows)
    {
        var waits = rows.SelectMany(row => ledger.Read<AttemptEnd>(row.RunId, LedgerKinds.Attempt))
            .Where(fact => fact.Data.Outcome == AttemptOutcome.Ready).Select(fact => fact.Data.Seconds).ToList();
        return (rows.Count(row => row.NodeFrom is not null), waits.Count > 0 ? waits.Average() : null);
    }

    /// <summary>Returns the variant on whose node one has worked; a node that it could not use saved no boot.</summary>
    private static RunId? NodeFrom(RunLedger ledger, RunId id)
    {
        var worked = ledger.Read<DispatchInput>(id, LedgerKinds.Job).Select(job => job.Data.Lease.NodeName).ToHashSet();
        return Handovers.Received(ledger, id).LastOrDefault(fact => worked.Contains(fact.Lease.NodeName))?.From;
    }

    private static VariantRow RowOf(
        RunLedger ledger, RunId groupId, RunVariant variant, bool isDraft, DateTimeOffset now)
    {
        var id = variant.Spec.RunId;
        var part = VariantLedgers.PartOf(ledger, groupId, id);
        var end = ledger.Read(groupId).FirstOrDefault(entry =>
            entry.Kind == LedgerKinds.VariantEnded && entry.Key == VariantLedgers.KeyOf(id, part))?
            .Data.Deserialize<VariantEnd>(RunLedger.Json);

        // A part that has not said yet that it is another one: the report is of the one before.
        var isBehind = part > ledger.Read<ResumedFact>(id, LedgerKinds.Resumed)
            .Select(fact => fact.Data.Part).LastOrDefault(1);
        var report = isBehind || RunParts.EndOf(ledger.Read(id)) is null ? null : ReportOf(ledger, id);
        var training = report?.Training;
        return new VariantRow(
            variant.Name, id,
            report?.Status ?? end?.Status
                ?? (part == 0 ? RunStatus.Pending : isDraft ? RunStatus.Running : RunStatus.Terminated),
            ChangesOf(variant.Changes), RunCosts.Of(ledger, id, now).ActualUsd)
        {
            Direction = variant.Spec.Direction,
            Metric = training?.ValidationMetric is { Length: > 0 } metric ? metric : null,
            Score = ScoreOf(report),
            Step = training?.OutputStep is > 0 and var step ? step : training?.Steps,
            Steps = training?.Steps,
            Hours = report?.Cost.ActualHours,
            Failure = report?.Failure ?? end?.Failure,
            Test = [.. (report?.Verdicts ?? []).Select(verdict => new TestScore(
                verdict.Direction, verdict.Outcome, verdict.Base.Bleu, verdict.Tuned.Bleu, verdict.Base.Chrf,
                verdict.Tuned.Chrf, verdict.PValue, verdict.TestPairs))],
            NodesLeft = RunCosts.Left(ledger, id, now).Count,
            NodeFrom = NodeFrom(ledger, id),
            Checkpoint = report?.Artifacts.Checkpoint,
        };
    }

    /// <summary>Returns the validation score of the step whose weights are the tuned model.</summary>
    private static double? ScoreOf(RunReport? report)
    {
        if (report?.Training is not { } training)
        {
            return null;
        }

        var step = training.OutputStep is > 0 and var output ? output : training.Steps;
        return report.Validations.LastOrDefault(each => each.Step == step)?.Score;
    }

    private static RunReport? ReportOf(RunLedger ledger, RunId id) =>
        RunFiles.Read(ledger, id, "report.json") is { } content
            ? JsonSerializer.Deserialize<RunReport>(content, RunLedger.Json) : null;

    /// <summary>Returns the changed fields by their paths.</summary>
    private static SortedDictionary<string, string> ChangesOf(string json)
    {
        var changes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Walk(JsonNode.Parse(json)!.AsObject(), "");
        return changes;

        void Walk(JsonObject fields, string prefix)
        {
            foreach (var (name, value) in fields)
            {
                if (value is JsonObject inner)
                {
                    Walk(inner, $"{prefix}{name}.");
                }
                else
                {
                    changes[prefix + name] = value is JsonValue text && text.TryGetValue<string>(out var plain)
                        ? plain : value?.ToJsonString() ?? "null";
                }
            }
        }
    }
}
