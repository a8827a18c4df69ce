using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Events;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Cli.Watching;

/// <summary>Formats the events of people, and the question for an approval.</summary>
internal static class PersonText
{
    public static string? Of(RunEvent fact) => fact.Kind switch
    {
        LedgerKinds.ApprovalAsked => "approval    asked for: " + Question(Read<RunApproval>(fact)),
        LedgerKinds.ApprovalDecided => Decision(Read<ApprovalDecision>(fact)),
        LedgerKinds.Finish when Read<FinishFact>(fact) is { } finish =>
            $"finish      the training ends after step {finish.Step}{Who(finish.By, finish.Reason)}",
        LedgerKinds.FinishLate when Read<FinishFact>(fact) is { } late =>
            $"finish      came too late: the training was over{Who(late.By, late.Reason)}",
        _ => null,
    };

    /// <summary>Lists the lines of a run that waits for a person.</summary>
    public static IEnumerable<string> Lines(RunView run) => run.Approval is not { } asked ? [] :
    [
        $"  waits for approval: {Question(asked)}",
        $"  {string.Join("  or  ", new[] { PersonEvents.Approve, PersonEvents.Reject }.Select(
            name => $"workflows event {run.Id} {name} --reason TEXT"))}",
    ];

    private static string Question(RunApproval asked) => string.Create(
        CultureInfo.InvariantCulture,
        $"until {asked.Until:yyyy-MM-dd HH:mm:ss}Z; {Estimate(asked)}, budget {asked.BudgetUsd:0.00} USD");

    private static string Estimate(RunApproval asked) => asked.EstimatedUsd is { } usd
        ? string.Create(CultureInfo.InvariantCulture, $"about {usd:0.0000} USD")
            + (asked.EstimatedSeconds is { } seconds
                ? string.Create(CultureInfo.InvariantCulture, $" and {seconds:0} s") : "")
        : "no estimate";

    private static string Decision(ApprovalDecision decision) => decision.Outcome switch
    {
        ApprovalOutcome.Expired => "approval    nobody answered in time",
        _ => $"approval    {WireName.Of(decision.Outcome)}{Who(decision.By, decision.Reason)}",
    };

    private static string Who(string? by, string? reason) =>
        (by is null ? "" : $" by {by}") + (reason is null ? "" : $": {reason}");

    private static T Read<T>(RunEvent fact) => fact.Data.Deserialize<T>(RunLedger.Json)!;
}
