using Workflows.Activities.Deadlines;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Ranks the places of a run by the expected cost to finish there (ADR 0031), with the formula by which a run moves
/// (<see cref="SpotRisk"/>). Each place is counted as if the run had it alone. With an empty memory places of one type
/// and mode are in the order of their prices.
/// </summary>
internal sealed class PlaceRanking
{
    /// <summary>Seconds for which a place is not asked again after a lack of capacity, as long as that is
    /// remembered.</summary>
    private const double RefusalSeconds = 600;

    private readonly PlacePasts _pasts;
    private readonly RunSpec _spec;
    private readonly Func<string, TimeEstimate> _timeOf;
    private readonly Dictionary<string, TimeEstimate> _times = new(StringComparer.Ordinal);
    private readonly ModelWay? _model;
    private readonly DateTimeOffset _now;
    private readonly List<Candidate> _places;
    private readonly List<Candidate> _onDemand;
    private readonly double _onDemandWait;

    /// <summary>Begins a ranking.</summary>
    /// <param name="memory">What is remembered; null for nothing.</param>
    /// <param name="catalog">The prices.</param>
    /// <param name="spec">The run.</param>
    /// <param name="timeOf">Returns the expected time on a type.</param>
    /// <param name="model">The way of the model and of all else that the run moves; null if that costs nothing.</param>
    /// <param name="now">The current time.</param>
    public PlaceRanking(
        CapacityMemory? memory, PriceCatalog catalog, RunSpec spec, Func<string, TimeEstimate> timeOf, ModelWay? model,
        DateTimeOffset now)
    {
        (_spec, _timeOf, _model, _now) = (spec, timeOf, model, now);
        _pasts = memory?.PastsOf(spec.Project)
            ?? new PlacePasts(spec.Project, new Dictionary<CapacityKey, IReadOnlyList<CapacityFact>>());
        _places = [.. PlaceList.Of(catalog, spec).Where(place => PlaceList.IsWithinPrice(place.UsdPerHour, spec))];
        _onDemand = [.. PlaceList.OnDemand(catalog, spec)];
        _onDemandWait = _onDemand.Select(place => memory?.LongestWait(spec.Project, place)).Max()
            ?? spec.Pace.BootSeconds;
    }

    /// <summary>Orders places as the request wants them: as they are listed, or by their expected cost. Of places that
    /// cost the same the one with the shorter wait is first.</summary>
    /// <param name="places">Places as they are listed.</param>
    /// <returns>All of them.</returns>
    public IReadOnlyList<Candidate> Order(IReadOnlyList<Candidate> places)
    {
        var isListed = _spec.Tpu.Order == PlaceOrder.Listed;
        var types = _spec.Tpu.AcceleratorTypes.ToList();
        return
        [
            .. places.Select((place, index) => (Place: place, Index: index, Cost: CostOf(place)))
                .OrderBy(each => isListed ? types.IndexOf(each.Place.AcceleratorType) : 0)
                .ThenBy(each => isListed && _spec.Tpu.Zones.Count > 0 ? each.Index : 0)
                .ThenBy(each => each.Cost.ExpectedUsd).ThenBy(each => each.Cost.ExpectedSeconds)
                .ThenBy(each => each.Index)
                .Select(each => each.Place),
        ];
    }

    /// <summary>Returns the expected cost of the run at a place.</summary>
    /// <param name="place">The place.</param>
    /// <returns>The cost.</returns>
    public PlaceCost CostOf(Candidate place)
    {
        var time = TimeOf(place.AcceleratorType);
        var outlook = DeadlinePlan.OutlookOf(_spec, time, _onDemandWait);
        var isSpot = place.Provisioning == ProvisioningMode.Spot;
        double? onDemandUsd = isSpot ? _onDemand.Where(each => each.AcceleratorType == place.AcceleratorType)
            .Select(each => (double?)each.UsdPerHour).Min() : null;
        var past = _pasts.Of(place);
        var (share, wait, period) = Asking(place, past);
        double? spare = onDemandUsd is not null && _spec.Deadline is { } deadline
            ? (outlook.SearchSpotUntil(deadline, _spec.Pace) - _now).TotalSeconds : null;
        var search = Math.Clamp(
            spare ?? double.PositiveInfinity, 0, Math.Max(0, _spec.Tpu.AcquireTimeoutSeconds));
        double? life = isSpot ? _pasts.LifeOf(place).Seconds : null;
        var (usd, losses, perLoss) = At(place.UsdPerHour);
        var start = outlook.Start * place.UsdPerHour / 3600;

        // Requests are taken as independent, so all of them are in vain with a power of one's chance. What follows is
        // on demand if the run goes over, else the dearest place, since the cheaper ones may lack capacity as well.
        var inVain = Math.Pow(1 - share, 1 + Math.Floor(search / period));
        var dearest = DearestOf(place);
        var next = onDemandUsd is { } price
            ? price * (outlook.Start + outlook.Work) / 3600
            : At(dearest).Usd + (outlook.Start * dearest / 3600);
        return new PlaceCost
        {
            ExpectedSeconds = time.Total + (losses * perLoss) + wait,
            WorkUsd = (place.UsdPerHour * outlook.Work / 3600) + start,
            LossUsd = usd - (place.UsdPerHour * outlook.Work / 3600),
            InVainUsd = inVain * Math.Max(0, next - usd - start),
            Egress = _model?.EgressIn(place.Region, losses),
            ExpectedLosses = losses,
            ExpectedLifeSeconds = life,
            ExpectedWaitSeconds = wait,
            ExpectedShare = share,
            InVainShare = inVain,
            Past = past,
            Words = "",
        }.Worded(place, time.Total / 3600);

        (double Usd, double Losses, double SecondsPerLoss) At(double usdPerHour) => life is { } seconds
            ? SpotRisk.Of(usdPerHour, seconds, outlook, spare - wait, onDemandUsd)
            : (usdPerHour * outlook.Work / 3600, 0, 0);
    }

    private TimeEstimate TimeOf(string type)
    {
        if (!_times.TryGetValue(type, out var time))
        {
            _times[type] = time = _timeOf(type);
        }

        return time;
    }

    /// <summary>
    /// Returns the share of requests that give a node, the seconds until one does, and those between two requests. A
    /// place is taken as its type in all zones until it has a past of its own, so an unknown one is neither preferred
    /// nor left; a type of which nothing is remembered gives a node to each request.
    /// </summary>
    private (double Share, double Wait, double Period) Asking(Candidate place, PlacePast past)
    {
        var type = _pasts.OfType(place);
        var ofType = (1.0 + type.Nodes) / (1 + type.Requests);
        var share = (ofType + past.Nodes) / (1 + past.Requests);
        var period = Math.Max(
            1, (past.InVainSeconds ?? type.InVainSeconds ?? 0) + (RefusalSeconds * _spec.MemoryPace));
        return (share, (past.WaitSeconds ?? type.WaitSeconds ?? 0) + ((1 - share) / share * period), period);
    }

    private double DearestOf(Candidate place) => _places
        .Where(each => each.AcceleratorType == place.AcceleratorType).Select(each => each.UsdPerHour)
        .DefaultIfEmpty(place.UsdPerHour).Max();
}
