using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Workflows.Activities.Events;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>An event of a person, or the question that it answers.</summary>
/// <param name="At">Its time.</param>
/// <param name="Event"><c>asked</c>, <c>approved</c>, <c>rejected</c>, <c>expired</c>, <c>finish</c> or
/// <c>finish-late</c>.</param>
/// <param name="By">Name of the person; null where callers have none.</param>
/// <param name="Reason">The reason that was given; null for none.</param>
public sealed record PersonRow(DateTimeOffset At, string Event, string? By, string? Reason)
{
    private const string Asked = "asked", Late = LedgerKinds.FinishLate;

    /// <summary>Gets the estimate that was shown, in US dollars; of a question.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? EstimatedUsd { get; init; }

    /// <summary>Gets the step after which the training was to end; of an early end.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Step { get; init; }

    /// <summary>Gets the steps that were asked for; of an early end.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? OfSteps { get; init; }

    /// <summary>Lists what people have told a run, in all of its parts.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="spec">The run.</param>
    /// <returns>By their time.</returns>
    public static IReadOnlyList<PersonRow> Of(RunLedger ledger, RunSpec spec)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        ArgumentNullException.ThrowIfNull(spec);
        return [.. ledger.Read(spec.RunId).Select(entry => Of(entry, spec.Training.Steps)).OfType<PersonRow>()];
    }

    /// <summary>Says it in one sentence.</summary>
    /// <param name="words">The language.</param>
    /// <returns>The sentence.</returns>
    public string Say(Words words)
    {
        var who = By ?? words.Of("a person", "담당자");
        var why = Reason is null ? "." : $": {Reason}";
        return Event switch
        {
            Asked => words.Of(
                $"Asked for approval{(EstimatedUsd is { } usd ? $", with an estimate of {Usd(usd)}" : "")}.",
                $"승인을 요청했습니다{(EstimatedUsd is { } cost ? $"(예상 비용 {Usd(cost)})" : "")}."),
            "approved" => words.Of($"Approved by {who}{why}", $"{who} 승인{why}"),
            "rejected" => words.Of($"Rejected by {who}{why}", $"{who} 거부{why}"),
            "expired" => words.Of("Nobody approved it in time.", "기한 안에 승인한 사람이 없습니다."),
            LedgerKinds.Finish => words.Of(
                $"An early end of the training, at step {Step} of {OfSteps}, was asked for by {who}{why}",
                $"{who} 학습 조기 종료 요청({OfSteps}스텝 중 {Step}스텝){why}"),
            _ => words.Of(
                $"The training was over when {who} wanted to end it early{why}",
                $"{who}의 조기 종료 요청은 학습이 끝난 뒤에 도착했습니다{why}"),
        };
    }

    /// <summary>Writes the section of the report's page; nothing without an event.</summary>
    internal static void Write(StringBuilder page, RunReport report, Words words)
    {
        if (report.People is not { Count: > 0 } people)
        {
            return;
        }

        page.Append($"<section><h2>{words.Of("Decisions of people", "사람의 결정")}</h2><ul>\n");
        foreach (var row in people)
        {
            page.Append(
                CultureInfo.InvariantCulture,
                $"<li>{row.At.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z {ReportPage.Text(row.Say(words))}</li>\n");
        }

        page.Append("</ul></section>\n");
    }

    private static PersonRow? Of(LedgerEntry entry, int steps) => entry.Kind switch
    {
        LedgerKinds.ApprovalAsked => new PersonRow(entry.At, Asked, null, null)
        {
            EstimatedUsd = entry.Data.Deserialize<RunApproval>(RunLedger.Json)!.EstimatedUsd,
        },
        LedgerKinds.ApprovalDecided when entry.Data.Deserialize<ApprovalDecision>(RunLedger.Json) is { } decision =>
            new PersonRow(entry.At, WireName.Of(decision.Outcome), decision.By, decision.Reason),
        LedgerKinds.Finish when entry.Data.Deserialize<FinishFact>(RunLedger.Json) is { } finish =>
            new PersonRow(entry.At, LedgerKinds.Finish, finish.By, finish.Reason)
            {
                Step = finish.Step,
                OfSteps = steps,
            },
        Late when entry.Data.Deserialize<FinishFact>(RunLedger.Json) is { } late =>
            new PersonRow(entry.At, Late, late.By, late.Reason),
        _ => null,
    };

    private static string Usd(double usd) => string.Create(CultureInfo.InvariantCulture, $"{usd:0.00##} USD");
}
