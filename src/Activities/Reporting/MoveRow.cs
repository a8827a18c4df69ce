using System.Globalization;
using System.Text;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>A move of the working run to a cheaper node.</summary>
/// <param name="At">Time of the request for the new node.</param>
/// <param name="From">Zone of the old node.</param>
/// <param name="To">Zone of the new node.</param>
/// <param name="Reason">The reason.</param>
/// <param name="Step">The last step.</param>
/// <param name="Seconds">Seconds until then.</param>
/// <param name="SavingUsd">Expected saving in US dollars.</param>
/// <param name="CostUsd">Expected cost of the move in US dollars.</param>
/// <param name="Why">Reason for which it was given up, or null.</param>
public sealed record MoveRow(
    DateTimeOffset At, string From, string To, MoveReason Reason, MoveStep Step, double Seconds, double SavingUsd,
    double CostUsd, string? Why)
{
    /// <summary>Lists the moves of a run.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>By their time, each with its last step.</returns>
    public static IReadOnlyList<MoveRow> Of(RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return
        [
            .. new[] { LedgerKinds.MoveBegun, LedgerKinds.Moved, LedgerKinds.MoveGivenUp }
                .SelectMany(kind => ledger.Read<MoveRecord>(runId, kind))
                .GroupBy(fact => fact.Data.Move.To.Attempt)
                .Select(steps => steps.OrderBy(step => step.Data.Step).Last().Data)
                .OrderBy(step => step.Move.To.Attempt)
                .Select(step => new MoveRow(
                    step.Move.BegunAt, step.Move.From.Candidate.Zone, step.Move.To.Candidate.Zone, step.Move.Reason,
                    step.Step, step.Seconds, step.Move.SavingUsd, step.Move.CostUsd, step.Why)),
        ];
    }

    /// <summary>Writes the section of the report's page; nothing without a move.</summary>
    internal static void Write(StringBuilder page, RunReport report, Words words)
    {
        if (report.Moves is not { Count: > 0 } moves)
        {
            return;
        }

        page.Append(words.Of(
            "<h2>Moves to cheaper nodes</h2>\n<table><tr><th>From</th><th>To</th><th>Reason</th><th>End</th>"
            + "<th>Expected saving, USD</th><th>Expected cost, USD</th></tr>\n",
            "<h2>더 저렴한 노드로 이동</h2>\n<table><tr><th>이전 영역</th><th>새 영역</th><th>이유</th><th>결과</th>"
            + "<th>예상 절감액(USD)</th><th>예상 비용(USD)</th></tr>\n"));
        foreach (var move in moves)
        {
            var end = words.Name(move.Step) + (move.Why is { } why ? $" ({why})" : "");
            page.Append(
                CultureInfo.InvariantCulture,
                $"<tr><td>{Text(move.From)}</td><td>{Text(move.To)}</td><td>{Text(words.Name(move.Reason))}</td>"
                + $"<td>{Text(end)}</td><td>{move.SavingUsd:0.00}</td><td>{move.CostUsd:0.00}</td></tr>\n");
        }

        page.Append("</table>\n");
    }

    private static string Text(string text) => ReportPage.Text(text);
}
