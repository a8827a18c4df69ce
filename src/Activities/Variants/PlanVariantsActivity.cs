using System.Globalization;
using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>
/// Refuses a group whose variants together would cost more than the budget, before anything is rented. Variants of a
/// resumed group are not estimated here, since their own plans count the work that is done.
/// </summary>
/// <param name="planner">Estimates each variant.</param>
/// <param name="inputs">Ends the work when the group is cancelled.</param>
public sealed class PlanVariantsActivity(RunPlanner planner, InputWork inputs) : TaskActivity<RunSpec, double>
{
    /// <summary>Estimates a group.</summary>
    /// <param name="context">The activity.</param>
    /// <param name="input">The group.</param>
    /// <returns>US dollars of all variants; 0 for a group that is not estimated.</returns>
    /// <exception cref="RunFaultException">The estimate is over the budget.</exception>
    public override async Task<double> RunAsync(TaskActivityContext context, RunSpec input)
    {
        if (input.Resumption is not null || (input.AllowOverBudget && input.Approval is null))
        {
            return 0;
        }

        var plans = new List<PlanPreview>();
        await inputs.UntilOverAsync(input.RunId, async stop =>
        {
            foreach (var variant in input.Variants!)
            {
                try
                {
                    plans.Add(await planner.PreviewAsync(variant.Spec, null, stop));
                }
                catch (RunFaultException)
                {
                    // This variant ends at its own plan, with this fault, and costs nothing.
                }
            }
        });
        return OverBudget(input, plans) is { } fault ? throw fault : plans.Sum(plan => plan.EstimatedUsd);
    }

    /// <summary>Creates the fault of a group that would be stopped for its cost.</summary>
    /// <param name="group">The group.</param>
    /// <param name="plans">The plan of each variant.</param>
    /// <returns>null if the group may begin.</returns>
    public static RunFaultException? OverBudget(RunSpec group, IReadOnlyList<PlanPreview> plans)
    {
        ArgumentNullException.ThrowIfNull(group);
        var usd = plans.Sum(plan => plan.EstimatedUsd);
        return usd <= group.BudgetUsd || group.AllowOverBudget ? null : new RunFaultException(
            "BUDGET_BELOW_ESTIMATE",
            string.Create(
                CultureInfo.InvariantCulture,
                $"The {plans.Count} variants would cost about {usd:0.00} USD together, and their budget is "
                + $"{group.BudgetUsd:0.00} USD: some would be paid for and stopped without a model."),
            "Raise budgetUsd, leave variants out, ask for fewer steps or a cheaper accelerator, or set allowOverBudget "
            + "to true.");
    }

    /// <summary>
    /// Returns the time until the last of some variants is done, if each begins in its order as soon as one of the
    /// places is free (list scheduling).
    /// </summary>
    /// <param name="seconds">The time of each variant, in the order of the request.</param>
    /// <param name="concurrency">Places, 1 or more.</param>
    /// <returns>Seconds.</returns>
    public static double Makespan(IEnumerable<double> seconds, int concurrency)
    {
        ArgumentNullException.ThrowIfNull(seconds);
        var free = new double[concurrency];
        foreach (var each in seconds)
        {
            var first = Array.IndexOf(free, free.Min());
            free[first] += each;
        }

        return free.Max();
    }
}
