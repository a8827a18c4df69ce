using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Names the command that resumes a stopped run.</summary>
public static class ResumeHint
{
    /// <summary>Returns the command, with the change that the reason of the stop asks for.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="status">How it ended.</param>
    /// <param name="failure">The reason; null for none.</param>
    /// <param name="budgetUsd">Its budget in US dollars.</param>
    /// <param name="spentUsd">Its cost so far in US dollars.</param>
    /// <returns>The command; null for a run that has its verdict or has not ended.</returns>
    public static string? Of(RunId runId, RunStatus status, RunFailure? failure, double budgetUsd, double spentUsd)
    {
        if (status is not (RunStatus.Failed or RunStatus.Cancelled or RunStatus.Terminated))
        {
            return null;
        }

        var isSpent = spentUsd >= budgetUsd || failure?.Code is "BUDGET_EXHAUSTED" or "BUDGET_BELOW_ESTIMATE";
        var more = Math.Max(1, Math.Ceiling(2 * Math.Max(budgetUsd, spentUsd)));
        return $"workflows resume {runId}" + failure?.Code switch
        {
            _ when isSpent => string.Create(CultureInfo.InvariantCulture, $" --set budgetUsd={more:0}"),
            "NO_CAPACITY" => " --set tpu.acquireTimeoutSeconds=86400",
            "DEADLINE_MISSED" or "DEADLINE_INFEASIBLE" => " --set deadline=null",
            "TOO_MANY_LOSSES" => " --set tpu.provisioning=on-demand",
            _ => "",
        };
    }
}
