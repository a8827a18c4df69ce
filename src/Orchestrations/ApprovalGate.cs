using System.Globalization;
using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>Waits for a person's approval before a run rents its first node: ADR 0033.</summary>
internal sealed class ApprovalGate
{
    private readonly TaskOrchestrationContext _context;
    private readonly RunSpec _spec;
    private readonly RunApproval _asked;
    private readonly DateTimeOffset? _stopAt;
    private readonly Task<ApprovalDecision> _answer;

    private ApprovalGate(TaskOrchestrationContext context, RunSpec spec, RunApproval asked, DateTimeOffset? stopAt)
    {
        (_context, _spec, _asked, _stopAt) = (context, spec, asked, stopAt);
        _answer = context.WaitForExternalEvent<ApprovalDecision>(RunEvents.Approval);
    }

    /// <summary>Gets one line for people.</summary>
    public string Detail => string.Create(
        CultureInfo.InvariantCulture,
        $"waiting for approval until {_asked.Until:yyyy-MM-dd HH:mm:ss}Z")
        + (_asked.EstimatedUsd is { } usd
            ? string.Create(CultureInfo.InvariantCulture, $": the estimate is {usd:0.00##} USD") : "");

    /// <summary>Gets the run's status while it waits.</summary>
    public RunStage Stage => new(RunStageName.Approve, Detail) { Approval = _asked };

    /// <summary>Gets the reason why the run does not go on; null if it is approved, or the wait is not over.</summary>
    public RunFailure? Failure { get; private set; }

    /// <summary>Gets a value indicating whether the approved run plans anew before it rents.</summary>
    public bool PlansAnew { get; private set; }

    /// <summary>Asks for the approval of a run.</summary>
    /// <param name="context">The run's orchestration.</param>
    /// <param name="spec">The run.</param>
    /// <param name="stopAt">The time at which it is stopped; null for none.</param>
    /// <param name="usd">The expected cost in US dollars; null if it is not known.</param>
    /// <param name="seconds">The expected time in seconds; null if it is not known.</param>
    /// <returns>null if none is needed.</returns>
    public static async Task<ApprovalGate?> AskAsync(
        TaskOrchestrationContext context, RunSpec spec, DateTimeOffset? stopAt, double? usd, double? seconds) =>
        spec.Approval is { } approval
            && await context.AskApprovalAsync(
                new ApprovalInput(spec.RunId, approval, spec.BudgetUsd, usd, seconds)) is { } asked
            ? new ApprovalGate(context, spec, asked, stopAt) : null;

    /// <summary>Waits until the run is approved or rejected, or its time is over.</summary>
    /// <param name="cancel">Ends with a cancellation.</param>
    /// <param name="interruption">Ends the wait; null for none.</param>
    /// <returns>true if the wait is over; false if it was cancelled or interrupted.</returns>
    public async Task<bool> IsOverAsync(Task cancel, Task? interruption = null)
    {
        var isStop = _stopAt < _asked.Until;
        var at = isStop ? _stopAt!.Value : _asked.Until;
        var isTime = _context.CurrentUtcDateTime >= at;
        if (!isTime && !_answer.IsCompleted)
        {
            // An open timer would keep the orchestration from completing.
            using var stop = new CancellationTokenSource();
            var timer = _context.CreateTimer(at.UtcDateTime, stop.Token);
            await Task.WhenAny(_answer, cancel, timer, interruption ?? cancel);
            isTime = timer.IsCompleted;
            stop.Cancel();
        }

        if (cancel.IsCompleted || !(isTime || _answer.IsCompleted))
        {
            return false;
        }

        // The record decides, where the service has noted an answer before it sent the event. So an answer that was
        // accepted in the last second counts.
        if (isTime && isStop && !_answer.IsCompleted)
        {
            Failure = TpuWorkOrchestration.TimeIsOver(_spec, _stopAt);
            return true;
        }

        var decision = await _context.DecideApprovalAsync(new DecisionInput(
            _spec.RunId, _answer.IsCompleted ? await _answer : ApprovalDecision.Expired));
        (Failure, PlansAnew) = (FailureOf(decision), decision.PlansAnew);
        return true;
    }

    private RunFailure? FailureOf(ApprovalDecision decision) => decision.Outcome switch
    {
        ApprovalOutcome.Approved => null,
        ApprovalOutcome.Rejected => new RunFailure(
            "APPROVAL_REJECTED",
            $"The run was rejected{(decision.By is { } by ? $" by {by}" : "")}"
                + $"{(decision.Reason is { } reason ? $": {reason}" : ", without a reason")}",
            "Resume it with the changes that the reason asks for: it asks for approval again. It has rented nothing "
            + "since it asked."),
        _ => new RunFailure(
            "APPROVAL_EXPIRED",
            string.Create(
                CultureInfo.InvariantCulture,
                $"Nobody approved the run within {_spec.Approval!.WithinHours:0.###} hours (approval.withinHours)."),
            "Resume it to ask again, with a longer approval.withinHours if need be. It has rented nothing since it "
            + "asked."),
    };
}
