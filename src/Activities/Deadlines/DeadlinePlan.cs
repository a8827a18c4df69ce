using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Deadlines;

/// <summary>Compares the estimate of a run with its deadline before anything is rented.</summary>
public static class DeadlinePlan
{
    /// <summary>The code of a run that cannot be done in time.</summary>
    public const string Infeasible = "DEADLINE_INFEASIBLE";

    /// <summary>Returns whether a run can be done in time by its estimate.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="seconds">Expected time on the TPU.</param>
    /// <param name="now">The current time.</param>
    /// <returns>true without a deadline.</returns>
    internal static bool IsInTime(RunSpec spec, double seconds, DateTimeOffset now) =>
        !((spec.Deadline - now)?.TotalSeconds < seconds);

    /// <summary>Leaves out the places whose type is too slow.</summary>
    /// <param name="places">The places.</param>
    /// <param name="spec">The run.</param>
    /// <param name="now">The current time.</param>
    /// <param name="seconds">Returns the expected time on a type.</param>
    /// <returns>The remaining places, at least one.</returns>
    /// <exception cref="RunFaultException">None is left.</exception>
    internal static IReadOnlyList<Candidate> InTime(
        IReadOnlyList<Candidate> places, RunSpec spec, DateTimeOffset now, Func<string, double> seconds)
    {
        List<Candidate> left = [.. places.Where(each => IsInTime(spec, seconds(each.AcceleratorType), now))];
        return left.Count > 0 ? left : throw Fault(spec, places.Min(each => seconds(each.AcceleratorType)), now);
    }

    /// <summary>Creates the fault of a run that cannot be done in time.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="seconds">Expected time on its fastest type.</param>
    /// <param name="now">The current time.</param>
    internal static RunFaultException Fault(RunSpec spec, double seconds, DateTimeOffset now) => new(
        Infeasible,
        string.Create(
            CultureInfo.InvariantCulture,
            $"The run would take about {seconds / 3600:0.00} h on the fastest type of the request, and its deadline, "
            + $"{spec.Deadline:yyyy-MM-dd HH:mm:ss}Z, is in {(spec.Deadline - now)?.TotalHours:0.00} h."),
        "Set a later deadline, ask for fewer steps or a faster accelerator, or leave the deadline out. 'workflows plan "
        + "REQUEST' shows the times.");

    /// <summary>Foresees a run before its first step.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="time">The expected time.</param>
    /// <param name="wait">Seconds for which an on-demand node is waited for.</param>
    internal static WorkOutlook OutlookOf(RunSpec spec, TimeEstimate time, double wait)
    {
        var step = time.Train / Math.Max(1, spec.Training.Steps);
        var every = CheckpointCadence.StepsOf(spec, time, step);
        var loss = Math.Max(Math.Min(spec.Training.Steps, every) * step, time.Evaluate);
        return new WorkOutlook(time.Train + time.Evaluate, loss, time.Rest, wait, time.Basis);
    }

    /// <summary>Describes a planned run and its deadline.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="time">The expected time at its first place.</param>
    /// <param name="needed">Expected seconds on its fastest type.</param>
    /// <param name="wait">Seconds for which an on-demand node is waited for.</param>
    /// <param name="onDemand">The places to go over to; none if the run does not go over.</param>
    /// <param name="now">The current time.</param>
    /// <returns>null for a run without a deadline.</returns>
    internal static DeadlineOutline? Outline(
        RunSpec spec, TimeEstimate time, double needed, double wait, IReadOnlyList<Candidate> onDemand,
        DateTimeOffset now)
    {
        if (spec.Deadline is not { } deadline)
        {
            return null;
        }

        var outlook = OutlookOf(spec, time, wait);
        return new DeadlineOutline(
            deadline, (deadline - now).TotalSeconds, needed, (deadline - now).TotalSeconds - needed,
            IsInTime(spec, needed, now))
        {
            SpotUntil = onDemand.Count > 0 ? outlook.SearchSpotUntil(deadline, spec.Pace) : null,
            OnDemandUsd = onDemand.Count > 0 ? time.Total / 3600 * onDemand[0].UsdPerHour : null,
        };
    }
}

/// <summary>A planned run and its deadline.</summary>
/// <param name="At">The deadline.</param>
/// <param name="SecondsLeft">Seconds until then.</param>
/// <param name="NeededSeconds">Expected seconds on the fastest type of the request.</param>
/// <param name="SlackSeconds">The difference; below 0 if the run is infeasible.</param>
/// <param name="IsFeasible">true if the run can be done in time by its estimate.</param>
public sealed record DeadlineOutline(
    DateTimeOffset At, double SecondsLeft, double NeededSeconds, double SlackSeconds, bool IsFeasible)
{
    /// <summary>Gets the time until which the run would search for spot nodes before its first step; null if it does
    /// not go over to on-demand nodes.</summary>
    public DateTimeOffset? SpotUntil { get; init; }

    /// <summary>Gets the expected cost in US dollars if the whole run is on demand; null if it does not go
    /// over.</summary>
    public double? OnDemandUsd { get; init; }
}
