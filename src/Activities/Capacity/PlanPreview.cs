using Workflows.Activities.Deadlines;
using Workflows.Activities.Readiness;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>A run's plan as it would be made now. A preview starts, rents and writes nothing.</summary>
public sealed record PlanPreview
{
    /// <summary>Gets a value indicating whether the run would continue from its plan to its data.</summary>
    public bool Starts => Refusal is null;

    /// <summary>Gets the reason why the run would end at its plan; null if it would not.</summary>
    public RunFailure? Refusal { get; init; }

    /// <summary>Gets the model's address.</summary>
    public required string Model { get; init; }

    /// <summary>Gets the model's parameters, by its configuration; without one by the bytes of its weights at two bytes
    /// each.</summary>
    public required double Parameters { get; init; }

    /// <summary>Gets the estimate at the first place that the run would try.</summary>
    public required IReadOnlyList<EstimatePart> Estimate { get; init; }

    /// <summary>Gets the sum of its seconds.</summary>
    public required double EstimatedSeconds { get; init; }

    /// <summary>Gets the sum of its US dollars.</summary>
    public required double EstimatedUsd { get; init; }

    /// <summary>Gets the expected egress between the run's bucket and its nodes at that place, which the estimate and
    /// the budget do not include; null if nothing is loaded from a bucket, or its place was not read.</summary>
    public EgressEstimate? Egress { get; init; }

    /// <summary>Gets the budget in US dollars.</summary>
    public required double BudgetUsd { get; init; }

    /// <summary>
    /// Gets the pairs to train on, after cleaning and splitting; null if the corpus is elsewhere, or was not read in
    /// time.
    /// </summary>
    public int? TrainPairs { get; init; }

    /// <summary>Gets the passes over these pairs that the training makes; null if they were not counted.</summary>
    public double? Epochs { get; init; }

    /// <summary>Gets the places of the request in the order in which the run tries them.</summary>
    public required IReadOnlyList<PlannedPlace> Places { get; init; }

    /// <summary>Gets the order that the request wants.</summary>
    public PlaceOrder Order { get; init; }

    /// <summary>Gets the choices of which none is both slower and dearer than another, the shortest first.</summary>
    public required IReadOnlyList<PlanChoice> Frontier { get; init; }

    /// <summary>Gets the choice that takes the shortest time.</summary>
    public PlanChoice? Shortest => Frontier.Count > 0 ? Frontier[0] : null;

    /// <summary>Gets the choice that costs the least.</summary>
    public PlanChoice? Cheapest => Frontier.Count > 0 ? Frontier[^1] : null;

    /// <summary>Gets the shortest choice within the budget; null if there is none.</summary>
    public PlanChoice? BestWithinBudget => Frontier.FirstOrDefault(each => each.ExpectedUsd <= BudgetUsd);

    /// <summary>Gets the cheapest choice within the hours given; null if there is none, or no hours were
    /// given.</summary>
    public PlanChoice? BestWithinHours { get; init; }

    /// <summary>Gets the run's deadline; null for none.</summary>
    public DeadlineOutline? Deadline { get; init; }

    /// <summary>Gets the plan of each variant, in the order of the request; null for a request without. The other
    /// figures are then those of all variants together, and the places those of the first.</summary>
    public IReadOnlyList<VariantPlan>? Variants { get; init; }

    /// <summary>Gets the seconds on TPUs until all variants are done, as many at once as the request allows; null for a
    /// request without.</summary>
    public double? SecondsUntilDone { get; init; }

    /// <summary>Gets the compiler that the memory of 'compiled' is from; null if nothing was compiled.</summary>
    public string? Compiler { get; init; }

    /// <summary>Gets what the estimate assumes, one sentence each.</summary>
    public IReadOnlyList<string> Assumptions { get; init; } = [];

    /// <summary>Gets the costs and times that the numbers leave out, and the reasons why types were not compiled
    /// for.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}

/// <summary>The plan of a variant.</summary>
/// <param name="Name">Its name within the group.</param>
/// <param name="EstimatedSeconds">Its time on the TPU.</param>
/// <param name="EstimatedUsd">Its cost in US dollars.</param>
/// <param name="Refusal">The reason why it would end at its plan, apart from the budget; null if it would not.</param>
public sealed record VariantPlan(string Name, double EstimatedSeconds, double EstimatedUsd, RunFailure? Refusal);

/// <summary>A part of an estimate.</summary>
/// <param name="Stage"><c>boot</c>, <c>train</c> or <c>evaluate</c>.</param>
/// <param name="Seconds">Its time on the TPU.</param>
/// <param name="Usd">Its cost in US dollars.</param>
/// <param name="Source">Source of its time; null from services of earlier versions.</param>
public sealed record EstimatePart(string Stage, double Seconds, double Usd, EstimateSource? Source);

/// <summary>A place that a run tries, or passes over.</summary>
/// <param name="Order">From 1.</param>
/// <param name="Zone">The zone.</param>
/// <param name="AcceleratorType">The accelerator type.</param>
/// <param name="Provisioning">The provisioning mode.</param>
/// <param name="Chips">Chips of the slice.</param>
/// <param name="UsdPerHour">Price of the slice, in US dollars an hour.</param>
/// <param name="Seconds">Time of the work on it, without losses and waits.</param>
/// <param name="Usd">Cost of that time in US dollars.</param>
/// <param name="IsIn">true if the run tries this place.</param>
/// <param name="Why">The reason, in one sentence.</param>
/// <param name="LeastGib">GiB that each chip needs: all by a compiler, otherwise the least; null if not
/// counted.</param>
/// <param name="HbmGib">GiB that each chip has; null if not known.</param>
/// <param name="Refused">The remembered refusal; null for none.</param>
public sealed record PlannedPlace(
    int Order, string Zone, string AcceleratorType, ProvisioningMode Provisioning, int Chips, double UsdPerHour,
    double Seconds, double Usd, bool IsIn, string Why, double? LeastGib, double? HbmGib, Remembered? Refused)
{
    /// <summary>Gets the source of <see cref="LeastGib"/>; null if it was not compared.</summary>
    public EstimateSource? MemorySource { get; init; }

    /// <summary>Gets the source of <see cref="Seconds"/>.</summary>
    public EstimateSource? TimeSource { get; init; }

    /// <summary>Gets the expected cost to finish, by which places are ranked; null from services of earlier
    /// versions.</summary>
    public PlaceCost? Expected { get; init; }

    /// <summary>Gets the quota that is known to be too small; null if none is.</summary>
    public ReadQuota? Quota { get; init; }
}

/// <summary>A choice between time and money.</summary>
/// <param name="AcceleratorType">The type.</param>
/// <param name="Zone">The zone of the least expected cost, or the request's.</param>
/// <param name="Provisioning">The provisioning mode.</param>
/// <param name="Seconds">Time of the work on it, without losses and waits.</param>
/// <param name="Usd">Cost of that time in US dollars.</param>
/// <param name="IsAsked">true if it is a place that the request names and the run tries.</param>
public sealed record PlanChoice(
    string AcceleratorType, string Zone, ProvisioningMode Provisioning, double Seconds, double Usd, bool IsAsked)
{
    /// <summary>Gets the source of the time. Only the types of the request are compiled for.</summary>
    public EstimateSource? Source { get; init; }

    /// <summary>Gets the expected seconds with losses and waits.</summary>
    public double ExpectedSeconds { get => field > 0 ? field : Seconds; init; }

    /// <summary>Gets the expected cost in US dollars with losses, searches in vain and egress.</summary>
    public double ExpectedUsd { get => field > 0 ? field : Usd; init; }

    /// <summary>Keeps the choices of which none is both slower and dearer than another.</summary>
    /// <param name="choices">Any choices.</param>
    /// <returns>The shortest first, which is the dearest.</returns>
    internal static IReadOnlyList<PlanChoice> FrontierOf(IEnumerable<PlanChoice> choices)
    {
        var frontier = new List<PlanChoice>();
        foreach (var choice in choices.OrderBy(each => each.ExpectedSeconds).ThenBy(each => each.ExpectedUsd)
            .ThenByDescending(each => each.IsAsked).ThenBy(each => each.Zone, StringComparer.Ordinal))
        {
            if (frontier.Count == 0 || choice.ExpectedUsd < frontier[^1].ExpectedUsd)
            {
                frontier.Add(choice);
            }
        }

        return frontier;
    }
}
