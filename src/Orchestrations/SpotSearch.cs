namespace Workflows.Orchestrations;

/// <summary>The search for a TPU: the places to try now, and the time at which a run goes over from spot to on-demand
/// nodes. Runs that do not go over search in the places of their plan.</summary>
internal sealed class SpotSearch
{
    private readonly AcquireInput _input;
    private readonly bool _isSwitched;
    private readonly DateTimeOffset? _deadlineUntil;
    private readonly DateTimeOffset? _waitUntil;

    /// <summary>Begins a search.</summary>
    /// <param name="input">The request.</param>
    /// <param name="giveUpAt">The end of the search for spot nodes.</param>
    public SpotSearch(AcquireInput input, DateTimeOffset giveUpAt)
        : this(input, input.IsSwitched)
    {
        if (!_isSwitched && input.Plan.OnDemand is { Count: > 0 })
        {
            _deadlineUntil = input is { Outlook: { } outlook, Spec: { Deadline: { } deadline, Pace: var pace } }
                ? outlook.SearchSpotUntil(deadline, pace) : null;
            Until = _deadlineUntil < giveUpAt ? _deadlineUntil : giveUpAt;
            _waitUntil = input.Outlook is { Reserve: > 0 and var reserve } && _deadlineUntil is { } until
                && reserve < (until - DateTimeOffset.MinValue).TotalSeconds ? until.AddSeconds(-reserve) : null;
        }
    }

    private SpotSearch(AcquireInput input, bool isSwitched)
    {
        (_input, _isSwitched) = (input, isSwitched);

        // After the switch a spot node is better than none. The zone that just preempted a TPU is tried last, since it
        // had no capacity a moment ago.
        Places =
        [
            .. (isSwitched ? input.Plan.OnDemand ?? [] : []).Concat(input.Outlook?.Places ?? input.Plan.Candidates)
                .OrderBy(place => isSwitched && place.Provisioning == ProvisioningMode.Spot ? 1 : 0)
                .ThenBy(place => place.Zone == input.Avoid ? 1 : 0),
        ];
    }

    /// <summary>Gets the places in the order to try.</summary>
    public IReadOnlyList<Candidate> Places { get; }

    /// <summary>Gets the time at which the run goes over to on-demand nodes; null if it does not, or has.</summary>
    public DateTimeOffset? Until { get; }

    /// <summary>Returns whether no further spot node is to be asked for.</summary>
    public bool IsOver(DateTimeOffset now) => now >= Until;

    /// <summary>Returns the reason to go over to on-demand nodes now; null for none.</summary>
    /// <param name="now">The current time.</param>
    /// <param name="ruledOut">Places that are not asked again.</param>
    /// <param name="hasAsked">true once every place was asked: a run that can come back from on demand does not wait
    /// through all of its spare time.</param>
    public SwitchReason? ReasonToSwitch(DateTimeOffset now, IReadOnlySet<Candidate> ruledOut, bool hasAsked) =>
        Until is null ? null
        : now >= _deadlineUntil || (hasAsked && now >= _waitUntil) ? SwitchReason.Deadline
        : now >= Until ? SwitchReason.SearchOver
        : ruledOut.IsSupersetOf(Places) ? SwitchReason.NoPlaceLeft
        : null;

    /// <summary>Returns the search among on-demand places.</summary>
    public SpotSearch Switched() => new(_input, isSwitched: true);

    /// <summary>Shortens a pause that would end after the switch.</summary>
    public TimeSpan Shortened(TimeSpan pause, DateTimeOffset now) =>
        (_waitUntil > now && !(Until < _waitUntil) ? _waitUntil : Until) is { } until && now + pause > until
            ? until - now : pause;

    /// <summary>Creates the result of the search.</summary>
    public AcquireResult End(
        TpuLease? lease, int nextAttempt, RunFailure? failure, bool isCancelled, IEnumerable<Candidate> ruledOut) =>
        new(lease, nextAttempt, failure, isCancelled, [.. ruledOut]) { IsSwitched = _isSwitched };
}
