using System.Globalization;
using System.Text;
using Workflows.Activities.Capacity;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>A place at which a run was expected to be shorter or cheaper, counted at the rates that it
/// measured.</summary>
/// <param name="AcceleratorType">The type.</param>
/// <param name="Zone">The zone.</param>
/// <param name="Provisioning">The provisioning mode.</param>
/// <param name="Seconds">Expected seconds on TPUs, with the losses that were expected there.</param>
/// <param name="Usd">Expected cost in US dollars, with losses, searches in vain and egress.</param>
/// <param name="PlannedSeconds">The same seconds, as the plan expected them.</param>
/// <param name="PlannedUsd">The same cost, as the plan expected it.</param>
/// <param name="IsShorter">true if that is less time than the run took.</param>
/// <param name="IsCheaper">true if that is less money than the run cost.</param>
/// <param name="IsAsked">true if the request names the place.</param>
/// <param name="Rates">Source of the rates: <see cref="ThisRun"/> of the same type, <see cref="EarlierRun"/> there,
/// <see cref="Scaled"/> from the plan's by the factor between this run and its own plan, or
/// <see cref="Assumed"/>.</param>
public sealed record AlternativeRow(
    string AcceleratorType, string Zone, ProvisioningMode Provisioning, double Seconds, double Usd,
    double PlannedSeconds, double PlannedUsd, bool IsShorter, bool IsCheaper, bool IsAsked, string Rates)
{
    /// <summary>Sources of rates.</summary>
    public const string ThisRun = "this-run", EarlierRun = "earlier-run", Scaled = "scaled", Assumed = "assumed";

    /// <summary>Share of the run's time or cost by which a place must differ to be named; chosen, since rates and
    /// losses are estimates.</summary>
    private const double Least = 0.05;

    /// <summary>Lists the places at which a run was expected to be shorter or cheaper, of which none is both slower and
    /// dearer than another.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="input">The run's end.</param>
    /// <param name="cost">Its cost.</param>
    /// <param name="parts">Its time by parts.</param>
    /// <returns>The shortest first; null for a run that cannot be compared: one without a verdict, one that was
    /// resumed, or that computed on several types.</returns>
    internal static IReadOnlyList<AlternativeRow>? Of(
        RunLedger ledger, ReportInput input, RunCost cost, IReadOnlyList<EstimateRow> parts)
    {
        var (spec, id) = (input.Spec, input.Spec.RunId);
        List<Candidate> places =
            [.. ledger.Read<DispatchInput>(id, LedgerKinds.Job).Select(job => job.Data.Lease.Candidate)];
        var ways = ledger.Read<IReadOnlyList<PlanWay>>(id, LedgerKinds.Ways).Select(fact => fact.Data).LastOrDefault()?
            .Where(way => !way.OnlyTranslates).ToList();
        if (input is not { IsDraft: false, Status: RunStatus.Succeeded, Spec.Resumption: null, Plan.Time: { } time }
            || parts is not [{ Actual: > 0 and var train }, { Actual: > 0 and var evaluate }, { Actual: { } rest }]
            || places.Select(place => place.AcceleratorType).Distinct().Count() != 1
            || ways?.FirstOrDefault(way => way.Place.AcceleratorType == places[0].AcceleratorType)
                is not { Train: > 0, Evaluate: > 0 } own)
        {
            return null;
        }

        var steps = ledger.Read<EndFact>(id, LedgerKinds.JobEnded).Select(fact => fact.Data.Train)
            .LastOrDefault(end => end is not null)?.Steps ?? spec.Training.Steps;
        var (doneSteps, doneTexts) = (
            (double)steps / Math.Max(1, spec.Training.Steps),
            (double)(input.Data?.TestPairs ?? time.TestPairs) / Math.Max(1, time.TestPairs));
        var wasLost = ledger.Read<OpenRecovery>(id, LedgerKinds.Loss).Count > 0;
        var last = places[^1];

        // A place that gave this run no node was no choice.
        var inVain = ledger.Read<AttemptEnd>(id, LedgerKinds.Attempt).Select(fact => fact.Data)
            .Where(end => end.Outcome != AttemptOutcome.Ready).Select(end => KeyOf(end.Lease.Candidate)).ToHashSet();
        var rows = new List<AlternativeRow>();
        foreach (var row in ways
            .Where(way => KeyOf(way.Place) != KeyOf(last) && !inVain.Contains(KeyOf(way.Place))
                && (!spec.IsRehearsal || way.Place.AcceleratorType == last.AcceleratorType))
            .Select(Row).Where(row => row.IsShorter || row.IsCheaper)
            .OrderBy(row => row.Seconds).ThenBy(row => row.Usd))
        {
            if (rows.Count == 0 || row.Usd < rows[^1].Usd)
            {
                rows.Add(row);
            }
        }

        return rows;

        static (string, string, ProvisioningMode) KeyOf(Candidate place) =>
            (place.Zone, place.AcceleratorType, place.Provisioning);

        AlternativeRow Row(PlanWay way)
        {
            var rates = way.Place.AcceleratorType == last.AcceleratorType ? ThisRun
                : way.Source == EstimateSource.Measured ? EarlierRun
                : own.Source == EstimateSource.Measured ? Assumed
                : Scaled;
            (double learning, double translating) = rates switch
            {
                ThisRun => (train, evaluate),
                Scaled => (way.Train * train / own.Train, way.Evaluate * evaluate / own.Evaluate),
                _ => (way.Train * doneSteps, way.Evaluate * doneTexts),
            };

            // The rest of a run that lost nodes has their lost work in it.
            var pause = wasLost ? way.Rest : rest;
            var work = learning + translating;
            var more = work / Math.Max(1e-9, way.Train + way.Evaluate);
            var price = way.Place.UsdPerHour / 3600;
            var (seconds, usd) = (
                work + pause + (way.LossSeconds * more),
                (price * (work + pause)) + (way.LossUsd * more) + way.OtherUsd);
            var planned = way.Train + way.Evaluate + way.Rest;
            return new AlternativeRow(
                way.Place.AcceleratorType, way.Place.Zone, way.Place.Provisioning, seconds, usd,
                planned + way.LossSeconds, (price * planned) + way.LossUsd + way.OtherUsd,
                seconds < cost.BilledSeconds * (1 - Least), usd < cost.ActualUsd * (1 - Least), way.IsAsked, rates);
        }
    }

    /// <summary>Says the place, and its time and cost.</summary>
    /// <param name="words">The language.</param>
    /// <returns>A clause.</returns>
    public string Say(Words words) => string.Create(
        CultureInfo.InvariantCulture,
        $"{AcceleratorType} {Zone} ({words.Name(Provisioning)}): ")
        + words.Of(
            string.Create(CultureInfo.InvariantCulture, $"{Seconds / 3600:0.000} h and {Usd:0.00} USD expected"),
            string.Create(CultureInfo.InvariantCulture, $"예상 {Seconds / 3600:0.000}시간, {Usd:0.00} USD"));

    /// <summary>Writes the part of the report's page; nothing for a run that was not compared.</summary>
    internal static void Write(StringBuilder page, RunReport report, Words words)
    {
        if (report.Cost.Alternatives is not { } rows)
        {
            return;
        }

        page.Append(words.Of("<h3>Shorter or cheaper</h3>", "<h3>더 짧거나 저렴한 선택</h3>"));
        if (rows.Count == 0)
        {
            page.Append(words.Of(
                "<p>No other place or type was expected to be 5 % shorter or cheaper, at the measured rates.</p>",
                "<p>측정된 속도로 계산했을 때 5 % 이상 짧거나 저렴할 것으로 예상되는 다른 영역이나 유형은 없습니다.</p>"));
            return;
        }

        page.Append(words.Of(
            "<table><tr><th>place</th><th class=\"n\">time on TPUs</th><th class=\"n\">cost</th><th>than this run</th>"
            + "</tr>",
            "<table><tr><th>위치</th><th class=\"n\">TPU 사용 시간</th><th class=\"n\">비용</th><th>이 실행과 비교</th>"
            + "</tr>"));
        foreach (var row in rows)
        {
            var than = string.Join(", ", new[]
            {
                row.IsShorter ? words.Of("shorter", "더 짧음") : null, row.IsCheaper ? words.Of("cheaper", "더 저렴함") : null,
            }.OfType<string>());
            page.Append(
                CultureInfo.InvariantCulture,
                $"<tr><td>{ReportPage.Text($"{row.AcceleratorType} {row.Zone}")}, "
                + $"{ReportPage.Text(words.Name(row.Provisioning))}</td>"
                + $"<td class=\"n\">{row.Seconds:0.0}{words.Of(" s", "초")}</td><td class=\"n\">${row.Usd:0.00}</td>"
                + $"<td>{than}<br><span class=\"fine\">{words.Of("planned", "계획")} {row.PlannedSeconds:0.0}"
                + $"{words.Of(" s", "초")}, ${row.PlannedUsd:0.00}; {words.Of("rates", "속도")}: "
                + $"{SourceOf(row.Rates, words)}</span></td></tr>\n");
        }

        page.Append("</table>");
    }

    internal static string SourceOf(string rates, Words words) => rates switch
    {
        ThisRun => words.Of("this run", "이 실행"),
        EarlierRun => words.Of("an earlier run there", "그 유형의 이전 실행"),
        Scaled => words.Of("the plan's, corrected by this run", "이 실행으로 보정한 계획"),
        _ => words.Of("the plan's", "계획"),
    };
}
