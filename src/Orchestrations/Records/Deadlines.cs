using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The work that is left of a run, for its decisions before its deadline. Times are in seconds.</summary>
/// <param name="Work">Work on a TPU from the newest checkpoint to the last translation.</param>
/// <param name="Loss">The most work that the loss of a TPU costs: that since a checkpoint, or a whole
/// translation.</param>
/// <param name="Start">From a usable node until it works: models loaded, programs compiled, checkpoint read.</param>
/// <param name="OnDemandWait">From the request for an on-demand node until it is usable.</param>
/// <param name="Basis">Sources of these numbers, as one sentence.</param>
public sealed record WorkOutlook(double Work, double Loss, double Start, double OnDemandWait, string Basis)
{
    /// <summary>Share of the work by which its estimate may be wrong if nothing was measured; chosen.</summary>
    private const double Unmeasured = 0.05;

    /// <summary>Gets the share of the work by which its estimate may be wrong; null for 0.05, also in older
    /// histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? Uncertainty { get; init; }

    /// <summary>Gets the seconds of spare time that are not waited through, because they pay for the way from an
    /// on-demand node back to spot; 0 if the run does not move, also in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double Reserve { get; init; }

    /// <summary>Gets the places of the plan in the order to try them now; null for that of the plan, also in older
    /// histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<Candidate>? Places { get; init; }

    /// <summary>Seconds of a restart on an on-demand node: the wait for it, and its start.</summary>
    [JsonIgnore]
    public double Restart => OnDemandWait + Start;

    /// <summary>
    /// Returns the time until which a run may search for a spot node. A node that is found then can start, lose the
    /// most work, and an on-demand node can still finish: the safety net of "Can't Be Late" (Wu et al., NSDI'24) with
    /// the lost work.
    /// </summary>
    /// <param name="deadline">The deadline.</param>
    /// <param name="pace">The run's intervals.</param>
    /// <returns>The time; it may have passed.</returns>
    public DateTimeOffset SearchSpotUntil(DateTimeOffset deadline, PaceSpec pace) =>
        deadline.AddSeconds(-Bounded(Work + Loss + Start + Restart + Margin(pace)));

    /// <summary>
    /// Returns the time until which a working spot node may be kept: the last one at which its loss is recoverable on
    /// demand.
    /// </summary>
    /// <param name="deadline">The deadline.</param>
    /// <param name="pace">The run's intervals.</param>
    /// <returns>The time; it may have passed.</returns>
    public DateTimeOffset KeepSpotUntil(DateTimeOffset deadline, PaceSpec pace) =>
        deadline.AddSeconds(-Bounded(Work + Restart + Margin(pace)));

    /// <summary>Returns whether a working spot node must be given up for an on-demand one now: its loss would soon not
    /// be recoverable, and a restart is still in time. Once it is not, the node is the best chance that is
    /// left.</summary>
    /// <param name="now">The current time.</param>
    /// <param name="deadline">The deadline.</param>
    /// <param name="pace">The run's intervals.</param>
    /// <returns>true to move.</returns>
    public bool MustMove(DateTimeOffset now, DateTimeOffset deadline, PaceSpec pace) =>
        now >= KeepSpotUntil(deadline, pace) && now.AddSeconds(Bounded(Work + Restart)) <= deadline;

    /// <summary>Returns the seconds that are not needed if all work from now on is on demand.</summary>
    /// <param name="now">The current time.</param>
    /// <param name="deadline">The deadline.</param>
    /// <returns>Seconds; below 0 if the deadline will be missed by this estimate.</returns>
    public double Slack(DateTimeOffset now, DateTimeOffset deadline) =>
        (deadline - now).TotalSeconds - Work - Restart;

    /// <summary>Returns the seconds between two looks, twice, and what the estimate may be wrong by.</summary>
    private double Margin(PaceSpec pace) => 2 * pace.PollSeconds + (Uncertainty ?? Unmeasured) * Work;

    /// <summary>A century, since an estimate of a huge request must not leave the calendar.</summary>
    private static double Bounded(double seconds) => Math.Clamp(seconds, 0, 100.0 * 365 * 24 * 3600);
}

/// <summary>A question for the work that is left.</summary>
/// <param name="Kind">The job that is to be done next.</param>
/// <param name="Spec">The run.</param>
public sealed record OutlookInput(JobKind Kind, RunSpec Spec);

/// <summary>Reasons for which a run goes over from spot to on-demand nodes.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SwitchReason>))]
public enum SwitchReason
{
    /// <summary>The deadline leaves no time for another spot node and its loss.</summary>
    [JsonStringEnumMemberName("deadline")]
    Deadline,

    /// <summary>The loss of the working spot node would soon not be recoverable.</summary>
    [JsonStringEnumMemberName("loss-not-recoverable")]
    LossNotRecoverable,

    /// <summary>No spot node was to be had in the time of the search.</summary>
    [JsonStringEnumMemberName("search-over")]
    SearchOver,

    /// <summary>Every spot place refused for a lasting reason.</summary>
    [JsonStringEnumMemberName("no-place-left")]
    NoPlaceLeft,

    /// <summary>So many spot nodes were lost that the job would not finish.</summary>
    [JsonStringEnumMemberName("too-many-losses")]
    TooManyLosses,
}

/// <summary>A run went over to on-demand nodes, and stays with them to its end.</summary>
/// <param name="RunId">The run.</param>
/// <param name="At">Time of the decision.</param>
/// <param name="Reason">The reason.</param>
/// <param name="Outlook">The numbers behind it; null without a deadline.</param>
public sealed record SpotSwitch(RunId RunId, DateTimeOffset At, SwitchReason Reason, WorkOutlook? Outlook);
