using System.Globalization;
using System.Text;
using System.Text.Json;
using Workflows.Activities.Capacity;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>The price of translating with a model, on the slice on which that is cheapest.</summary>
/// <param name="Model">base or tuned.</param>
/// <param name="Direction">ko-en or en-ko.</param>
/// <param name="UsdPerMillionCharacters">US dollars for a million characters (Unicode code points) of source
/// text.</param>
/// <param name="CharactersPerSecond">Rate on that slice.</param>
/// <param name="AcceleratorType">The type of the slice.</param>
/// <param name="Zone">Its zone.</param>
/// <param name="Provisioning">Its provisioning mode.</param>
/// <param name="UsdPerHour">Its price in US dollars an hour.</param>
/// <param name="MeasuredCharactersPerSecond">Rate that this run measured.</param>
/// <param name="MeasuredOn">The type on which it did.</param>
/// <param name="Rates"><see cref="AlternativeRow.ThisRun"/> for the type of this run;
/// <see cref="AlternativeRow.Scaled"/> for another: the run's rate times the factor between the plan's times on both
/// types.</param>
public sealed record TranslationPrice(
    string Model, string Direction, double UsdPerMillionCharacters, double CharactersPerSecond, string AcceleratorType,
    string Zone, ProvisioningMode Provisioning, double UsdPerHour, double MeasuredCharactersPerSecond,
    string MeasuredOn, string Rates)
{
    /// <summary>Lists the prices: for each model and direction that one VM translated wholly, on the cheapest of the
    /// plan's ways, those that only hold the model among them.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="spec">The run.</param>
    /// <returns>The prices, by direction and model.</returns>
    internal static IReadOnlyList<TranslationPrice> Of(RunLedger ledger, RunSpec spec)
    {
        var ways = ledger.Read<IReadOnlyList<PlanWay>>(spec.RunId, LedgerKinds.Ways)
            .Select(fact => fact.Data).LastOrDefault() ?? [];
        var facts = ledger.Read(spec.RunId);
        var places = facts.Where(fact => fact.Kind == LedgerKinds.Job)
            .GroupBy(fact => fact.Key, StringComparer.Ordinal).ToDictionary(
                job => job.Key,
                job => job.Last().Data.Deserialize<DispatchInput>(RunLedger.Json)!.Lease.Candidate,
                StringComparer.Ordinal);
        var prices = new List<TranslationPrice>();
        foreach (var end in facts.Where(fact => fact.Kind == LedgerKinds.JobEnded && places.ContainsKey(fact.Key)))
        {
            prices.AddRange((end.Data.Deserialize<EndFact>(RunLedger.Json)?.Decoded ?? [])
                .Where(decoded => decoded is { Seconds: > 0, Characters: > 0 })
                .Select(decoded => Cheapest(decoded, places[end.Key], ways, spec)));
        }

        // A translation that was made again counts once, as it was made last.
        return [.. prices.GroupBy(price => (price.Direction, price.Model)).Select(group => group.Last())
            .OrderByDescending(price => price.Direction, StringComparer.Ordinal)
            .ThenBy(price => price.Model, StringComparer.Ordinal)];
    }

    private static TranslationPrice Cheapest(
        DecodedFact decoded, Candidate place, IReadOnlyList<PlanWay> ways, RunSpec spec)
    {
        var measured = decoded.Characters / decoded.Seconds;
        var own = ways.FirstOrDefault(way => way.Place.AcceleratorType == place.AcceleratorType)?.Evaluate;
        return ways
            .Where(way => way.Place.AcceleratorType == place.AcceleratorType
                || (!spec.IsRehearsal && own > 0 && way.Evaluate > 0))
            .Select(way => At(
                way.Place, way.Place.AcceleratorType == place.AcceleratorType
                    ? measured : measured * own!.Value / way.Evaluate))
            .Append(At(place, measured))
            .MinBy(price => price.UsdPerMillionCharacters)!;

        TranslationPrice At(Candidate at, double rate) => new(
            decoded.Model, decoded.Direction, 1e6 / rate / 3600 * at.UsdPerHour, rate, at.AcceleratorType, at.Zone,
            at.Provisioning, at.UsdPerHour, measured, place.AcceleratorType,
            at.AcceleratorType == place.AcceleratorType ? AlternativeRow.ThisRun : AlternativeRow.Scaled);
    }

    /// <summary>Says the price of the tuned model beside that of the base model; null without one.</summary>
    /// <param name="prices">The prices of a report; null for none.</param>
    /// <param name="words">The language.</param>
    /// <returns>A clause for each direction.</returns>
    public static IEnumerable<string> Say(IReadOnlyList<TranslationPrice>? prices, Words words)
    {
        foreach (var tuned in (prices ?? []).Where(price => price.Model == HypothesisFiles.Tuned))
        {
            var other = prices!.FirstOrDefault(
                price => price.Model != tuned.Model && price.Direction == tuned.Direction);
            var where = string.Create(
                CultureInfo.InvariantCulture,
                $"{tuned.AcceleratorType} {tuned.Zone} ({words.Name(tuned.Provisioning)})");
            yield return words.Of(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{tuned.Direction}: {Usd(tuned)} USD per million characters on {where}")
                + (other is null ? "" : $"; the base model {Usd(other)}"),
                string.Create(CultureInfo.InvariantCulture, $"{tuned.Direction}: 백만 자당 {Usd(tuned)} USD, {where}")
                + (other is null ? "" : $"; 기본 모델 {Usd(other)}"));
        }
    }

    /// <summary>Writes the part of the report's page; nothing without prices.</summary>
    internal static void Write(StringBuilder page, RunReport report, Words words)
    {
        if (report.Cost.Translation is not { } prices)
        {
            return;
        }

        page.Append(words.Of(
            "<h3>Translating</h3><table><tr><th>model</th><th class=\"n\">cost per million characters</th>"
            + "<th>cheapest slice that holds it</th></tr>",
            "<h3>번역 비용</h3><table><tr><th>모델</th><th class=\"n\">백만 자당 비용</th>"
            + "<th>모델이 들어가는 가장 저렴한 슬라이스</th></tr>"));
        foreach (var price in prices)
        {
            var rate = price.CharactersPerSecond.ToString("0", CultureInfo.InvariantCulture);
            page.Append(
                CultureInfo.InvariantCulture,
                $"<tr><td>{ReportPage.Text($"{NameOf(price.Model, words)} {price.Direction}")}</td>"
                + $"<td class=\"n\">${Usd(price)}</td>"
                + $"<td>{ReportPage.Text($"{price.AcceleratorType} {price.Zone}")}, "
                + $"{ReportPage.Text(words.Name(price.Provisioning))}, "
                + $"${price.UsdPerHour:0.00}{words.Of("/h", "/시간")}<br><span class=\"fine\">"
                + $"{words.Of($"{rate} characters a second", $"초당 {rate}자")}, "
                + $"{AlternativeRow.SourceOf(price.Rates, words)}</span></td></tr>\n");
        }

        page.Append("</table>");
        if (report.IsRehearsal)
        {
            page.Append(words.Of(
                "<p class=\"fine\">This machine translated, and the price is the slice's: no figure of a TPU.</p>",
                "<p class=\"fine\">이 컴퓨터가 번역했고 가격은 슬라이스의 가격입니다. TPU의 수치가 아닙니다.</p>"));
        }
    }

    private static string NameOf(string model, Words words) => model switch
    {
        HypothesisFiles.Base => words.Of(model, "기본 모델"),
        HypothesisFiles.Tuned => words.Of(model, "조정된 모델"),
        _ => model,
    };

    private static string Usd(TranslationPrice price) =>
        price.UsdPerMillionCharacters.ToString("0.00##", CultureInfo.InvariantCulture);
}
