using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The approval without which a run rents nothing.</summary>
/// <param name="WithinHours">Hours for which the run waits for a person.</param>
public sealed record ApprovalSpec(double WithinHours)
{
    /// <summary>Gets the estimate in US dollars up to which the run asks nobody; null to ask always.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? AboveUsd { get; init; }
}

/// <summary>Asks for an approval.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Approval">The request's part for it.</param>
/// <param name="BudgetUsd">The run's budget in US dollars.</param>
/// <param name="EstimatedUsd">The expected cost in US dollars; null if it is not known.</param>
/// <param name="EstimatedSeconds">The expected time in seconds; null if it is not known.</param>
public sealed record ApprovalInput(
    RunId RunId, ApprovalSpec Approval, double BudgetUsd, double? EstimatedUsd, double? EstimatedSeconds);

/// <summary>An approval that a run waits for.</summary>
/// <param name="Since">Time of the question.</param>
/// <param name="Until">Time at which the run ends without an answer.</param>
/// <param name="EstimatedUsd">The expected cost in US dollars; null if it is not known.</param>
/// <param name="EstimatedSeconds">The expected time in seconds; null if it is not known.</param>
/// <param name="BudgetUsd">The most that it may cost.</param>
public sealed record RunApproval(
    DateTimeOffset Since, DateTimeOffset Until, double? EstimatedUsd, double? EstimatedSeconds, double BudgetUsd);

/// <summary>Ends of the wait for an approval.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ApprovalOutcome>))]
public enum ApprovalOutcome
{
    /// <summary>A person approved the run, which goes on.</summary>
    [JsonStringEnumMemberName("approved")]
    Approved,

    /// <summary>A person rejected the run, which ends.</summary>
    [JsonStringEnumMemberName("rejected")]
    Rejected,

    /// <summary>Nobody answered in time, and the run ends.</summary>
    [JsonStringEnumMemberName("expired")]
    Expired,
}

/// <summary>The answer to the question for an approval: the payload of <see cref="RunEvents.Approval"/>, and a fact of
/// the ledger.</summary>
/// <param name="Outcome">The answer.</param>
/// <param name="By">Name of the caller; null where callers have none, or nobody answered.</param>
/// <param name="Reason">The reason that was given; null for none.</param>
public sealed record ApprovalDecision(ApprovalOutcome Outcome, string? By, string? Reason)
{
    /// <summary>Gets the answer of a run that nobody answered.</summary>
    public static ApprovalDecision Expired { get; } = new(ApprovalOutcome.Expired, null, null);

    /// <summary>Gets a value indicating whether the run plans anew, since prices, capacity and the time to the deadline
    /// are others after the wait; false in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool PlansAnew { get; init; }
}

/// <summary>Notes an answer, unless there is one.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Decision">The answer.</param>
public sealed record DecisionInput(RunId RunId, ApprovalDecision Decision);

/// <summary>A request to end the training early: the payload of <see cref="RunEvents.Finish"/>.</summary>
/// <param name="By">Name of the caller; null where callers have none.</param>
/// <param name="Reason">The reason that was given; null for none.</param>
public sealed record FinishRequest(string? By, string? Reason);

/// <summary>Ends a run's training early.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Request">The request.</param>
public sealed record FinishInput(RunId RunId, FinishRequest Request);
