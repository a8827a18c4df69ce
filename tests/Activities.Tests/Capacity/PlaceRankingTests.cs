using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>Places are ranked by the expected cost to finish; without a memory by their price.</summary>
public sealed class PlaceRankingTests : IDisposable
{
    /// <summary>Zones of v5litepod-8 by their spot price: 2.03, 4.20 and 4.80 USD an hour.</summary>
    private const string Cheap = "asia-northeast1-b", Middle = "us-west4-a", Dear = "us-east5-a";

    private static readonly TimeEstimate TenHours = new(180, 10 * 3600, 600, 1e9, 50, 50, 500, "");

    private readonly TemporaryFolder _folder = new("ranking-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private readonly PriceCatalog _catalog = PriceCatalog.Load(null);
    private readonly CapacityMemory _memory;

    public PlaceRankingTests() => _memory = new CapacityMemory(_folder.Path, _clock);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ProvisioningMode.Spot, SpotFallback.None, null)]
    [InlineData(ProvisioningMode.Spot, SpotFallback.OnDemand, null)]
    [InlineData(ProvisioningMode.Spot, SpotFallback.OnDemand, 11.0)]
    [InlineData(ProvisioningMode.Spot, SpotFallback.OnDemand, 50.0)]
    [InlineData(ProvisioningMode.OnDemand, SpotFallback.None, null)]
    [InlineData(ProvisioningMode.FlexStart, SpotFallback.None, 50.0)]
    public void Order_WithAnEmptyMemory_IsThatOfTheCatalog(
        ProvisioningMode mode, SpotFallback fallback, double? deadlineHours)
    {
        var spec = Spec([], deadlineHours, mode, fallback);
        var offers = PlaceList.Of(_catalog, spec);

        var order = Ranking(spec).Order(offers);
        var inReverse = Ranking(spec).Order([.. offers.Reverse()]);

        Assert.Equal(offers, order);
        Assert.Equal(offers.Select(place => place.UsdPerHour), inReverse.Select(place => place.UsdPerHour));
    }

    [Fact]
    public void Order_OfACheapZoneWhoseNodesDie_HasItBehindADearerOneThatKeepsThem()
    {
        var spec = Spec([], null);
        Lose(Cheap, 120, 120, 120, 120, 120, 120);
        Lose(Middle, 30_000);

        var ranking = Ranking(spec);
        var (cheap, middle) = (ranking.CostOf(At(Cheap)), ranking.CostOf(At(Middle)));

        Assert.True(cheap.WorkUsd < middle.WorkUsd);
        Assert.True(cheap.ExpectedUsd > middle.ExpectedUsd, $"{cheap} {middle}");
        Assert.Equal([Middle, Cheap], ranking.Order([At(Cheap), At(Middle)]).Select(place => place.Zone));
        Assert.Equal(cheap.ExpectedUsd, cheap.WorkUsd + cheap.LossUsd + cheap.InVainUsd + cheap.EgressUsd, 12);
        Assert.Equal((6, 120), (cheap.Past.Losses, cheap.Past.LifeSeconds));
    }

    /// <summary>Work and losses are those of the moving search: the same function of the same life.</summary>
    [Fact]
    public void CostOf_ASpotPlace_IsTheMovesOwnFormula()
    {
        var spec = Spec([], 14);
        Lose(Middle, 600, 1200, 3600);
        var outlook = DeadlinePlan.OutlookOf(spec, TenHours, spec.Pace.BootSeconds);
        var onDemand = _catalog.Offers("v5litepod-8", ProvisioningMode.OnDemand, null)[0].UsdPerHour;
        var spare = (outlook.SearchSpotUntil(spec.Deadline!.Value, spec.Pace) - _clock.GetUtcNow()).TotalSeconds;

        var cost = Ranking(spec).CostOf(At(Middle));

        Assert.Equal(
            SpotRisk.UsdOf(
                At(Middle).UsdPerHour, _memory.LifeOf("p", At(Middle)).Seconds, outlook, spare, onDemand)
                + (outlook.Start * At(Middle).UsdPerHour / 3600),
            cost.WorkUsd + cost.LossUsd, 9);
        Assert.True(cost.LossUsd > 0);
        Assert.Equal(0, cost.InVainUsd);
    }

    [Theory]
    [InlineData(null, SpotFallback.None)]
    [InlineData(null, SpotFallback.OnDemand)]
    [InlineData(30.0, SpotFallback.OnDemand)]
    public void Order_OfAZoneThatNearlyAlwaysRefuses_HasItBehindOneThatGivesNodes(
        double? deadlineHours, SpotFallback fallback)
    {
        var spec = Spec([], deadlineHours, ProvisioningMode.Spot, fallback);
        for (var request = 0; request < 60; request++)
        {
            _memory.RememberInVain("p", At(Middle), 60);
        }

        for (var request = 0; request < 20; request++)
        {
            _memory.RememberWait("p", At(Dear), 60);
        }

        var ranking = Ranking(spec);
        var (middle, dear) = (ranking.CostOf(At(Middle)), ranking.CostOf(At(Dear)));

        Assert.Equal([Dear, Middle], ranking.Order([At(Middle), At(Dear)]).Select(place => place.Zone));
        Assert.Equal((0, 60, 20, 0), (middle.Past.Nodes, middle.Past.InVain, dear.Past.Nodes, dear.Past.InVain));
        Assert.InRange(middle.InVainShare, 0.3, 1);
        Assert.True(middle.InVainUsd > 0 && middle.WorkUsd < dear.WorkUsd);
    }

    /// <summary>The nearer the deadline, the fewer requests are in time, and the more is done on demand.</summary>
    [Fact]
    public void CostOf_APlaceThatRefuses_RisesAsTheDeadlineComesNearer()
    {
        for (var request = 0; request < 4; request++)
        {
            _memory.RememberInVain("p", At(Middle), 60);
        }

        var far = Ranking(Spec([], 60)).CostOf(At(Middle));
        var near = Ranking(Spec([], 13)).CostOf(At(Middle));

        Assert.True(near.InVainShare > far.InVainShare);
        Assert.True(near.ExpectedUsd > far.ExpectedUsd);
        Assert.InRange(near.ExpectedWaitSeconds, 600, 24 * 3600);
    }

    [Fact]
    public void Order_OfPlacesThatCostTheSame_HasTheShorterWaitFirst()
    {
        var same = _catalog.Offers("v5litepod-8", ProvisioningMode.Spot, null)
            .GroupBy(place => place.UsdPerHour).First(group => group.Count() > 2).Take(3).ToList();
        _memory.RememberWait("p", same[0], 900);
        _memory.RememberWait("p", same[2], 30);

        var order = Ranking(Spec([], null)).Order(same);

        // The unknown place is taken as the mean of its type.
        Assert.Equal([same[2], same[1], same[0]], order);
    }

    [Fact]
    public void Order_WithAModelInAFarBucket_CountsItsEgressForEachNode()
    {
        var spec = Spec([], null);
        var far = new ModelWay(_catalog, "gs://b/m", 2000L << 30, 0, "us-west4");
        var cheap = Ranking(spec, far).CostOf(At(Cheap));

        var order = Ranking(spec, far).Order([At(Cheap), At(Middle)]);

        Assert.Equal([Middle, Cheap], order.Select(place => place.Zone));
        Assert.Equal(0, Ranking(spec, far).CostOf(At(Middle)).EgressUsd);
        Assert.Equal(2000 * 0.08 * (1 + cheap.ExpectedLosses), cheap.EgressUsd, 6);
        Assert.Contains("egress +", cheap.Words, StringComparison.Ordinal);
    }

    /// <summary>The model is small, and each checkpoint large: what a run writes can cost more than what it
    /// loads.</summary>
    [Fact]
    public void Order_WithCheckpointsOverContinents_CountsEachOfThemAndThoseReadAfterALoss()
    {
        var spec = Spec([], null);
        Lose(Cheap, 9000, 9000, 9000);
        const long Gib = 1L << 30;
        var model = new ModelWay(_catalog, "gs://b/m", Gib, 0, "us-west4");
        var far = model.With(new RunTraffic(3 * Gib, 10 * Gib, 60, 2 * Gib));

        var cost = Ranking(spec, far).CostOf(At(Cheap));
        var egress = cost.Egress!;

        Assert.True(cost.ExpectedLosses > 1);
        Assert.Equal(0.08, egress.UsdPerGib);
        Assert.Equal(0.08 * (1 + cost.ExpectedLosses), egress.ModelUsd, 9);
        Assert.Equal(0.08 * 3 * (1 + cost.ExpectedLosses), egress.CorpusUsd, 9);
        Assert.Equal(0.08 * 10 * (60 + cost.ExpectedLosses), egress.CheckpointUsd, 9);
        Assert.Equal(0.08 * 2, egress.ResultUsd, 9);
        Assert.Equal(
            egress.ModelUsd + egress.CorpusUsd + egress.CheckpointUsd + egress.ResultUsd, cost.EgressUsd, 9);
        Assert.Contains("checkpoints 5", cost.Words, StringComparison.Ordinal);
        Assert.Equal([Cheap, Middle], Ranking(spec, model).Order([At(Cheap), At(Middle)]).Select(each => each.Zone));
        Assert.Equal([Middle, Cheap], Ranking(spec, far).Order([At(Cheap), At(Middle)]).Select(each => each.Zone));
        Assert.Equal(0, Ranking(spec, far).CostOf(At(Middle)).EgressUsd);
    }

    [Theory]
    [InlineData(100, 50, 0, false, 2, 12e9, false)]
    [InlineData(120, 50, 0, false, 3, 12e9, false)]
    [InlineData(120, 50, 60, false, 2, 12e9, true)]
    [InlineData(30, 50, 0, false, 1, 12e9, false)]
    [InlineData(100, 50, 100, true, 0, 12e9, false)]
    public void Traffic_OfATraining_IsOneCheckpointForEachIntervalThatIsLeftAndTheLast(
        int steps, int every, int done, bool isTrained, int count, double bytes, bool begins)
    {
        var spec = Spec([], null);
        spec = spec with { Training = spec.Training with { Steps = steps, CheckpointEverySteps = every } };
        var figures = new RunFigures(_catalog, null, null, null, 2e9, spec, null);

        var traffic = RunTraffic.Of(spec, figures, null, done, isTrained);

        Assert.Equal((count, bytes, begins), (
            traffic.Checkpoints, traffic.CheckpointBytes, traffic.BeginsWithCheckpoint));
        Assert.Equal(isTrained ? 0 : 2e9, traffic.ResultBytes);
        Assert.Null(traffic.CorpusBytes);
    }

    /// <summary>A run with a deadline saves more checkpoints of an adapter than its request says, and each is
    /// moved.</summary>
    [Fact]
    public void Traffic_OfAnAdapterWithADeadline_IsThatOfTheCheckpointsThatAreSaved()
    {
        var spec = Spec([], null);
        spec = spec with
        {
            Deadline = _clock.GetUtcNow().AddDays(7),
            Tpu = spec.Tpu with { Fallback = SpotFallback.OnDemand },
            Training = spec.Training with { Steps = 100_000, CheckpointEverySteps = 50_000, Method = "lora" },
        };
        var figures = new RunFigures(_catalog, null, null, null, 2e9, spec, null);
        var time = figures.EstimateOf(spec.Tpu.AcceleratorTypes[0]);
        var every = (int)(120 / (time.Train / 100_000));

        Assert.InRange(every, 2, 25_000);
        Assert.Equal(Math.Ceiling(100_000.0 / every), RunTraffic.Of(spec, figures, null).Checkpoints);
        Assert.Contains(time.Assumptions!, each => each.StartsWith(
            $"Checkpoints every {every} steps", StringComparison.Ordinal));
        Assert.Equal(2, RunTraffic.Of(spec with { Deadline = null }, new RunFigures(
            _catalog, null, null, null, 2e9, spec with { Deadline = null }, null), null).Checkpoints);
    }

    /// <summary>Without its graph nobody knows how many weights an adapter has: none is guessed.</summary>
    [Fact]
    public void Traffic_OfAnAdapterThatCannotBeCounted_SaysSo()
    {
        var spec = Spec([], null);
        spec = spec with { Training = spec.Training with { Method = "lora" } };

        var traffic = RunTraffic.Of(spec, new RunFigures(_catalog, null, null, null, 2e9, spec, null), null);

        Assert.Null(traffic.CheckpointBytes);
        Assert.StartsWith("The checkpoints were not counted", traffic.Basis, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(PlaceOrder.Listed, "v6e-8 v5litepod-8")]
    [InlineData(PlaceOrder.Cost, "v5litepod-8 v6e-8")]
    public void Order_OfSeveralTypes_GoesByTheRateOfEachUnlessTheyAreListed(PlaceOrder order, string types)
    {
        var spec = Spec([], null);
        spec = spec with { Tpu = spec.Tpu with { AcceleratorTypes = ["v6e-8", "v5litepod-8"], Order = order } };

        var places = new PlaceRanking(
            _memory, _catalog, spec, type => type == "v6e-8" ? TenHours : TenHours with { Train = 3600 }, null,
            _clock.GetUtcNow()).Order(PlaceList.Of(_catalog, spec));

        Assert.Equal(types.Split(' '), places.Select(place => place.AcceleratorType).Distinct());
    }

    [Theory]
    [InlineData(PlaceOrder.Listed, Dear, Cheap)]
    [InlineData(PlaceOrder.Cost, Cheap, Dear)]
    public void Order_OfNamedZones_IsTheRequestsUnlessItWantsTheCost(PlaceOrder order, string first, string second)
    {
        var spec = Spec([Dear, Cheap], null);

        var places = Ranking(spec with { Tpu = spec.Tpu with { Order = order } }).Order(PlaceList.Of(_catalog, spec));

        Assert.Equal([first, second], places.Select(place => place.Zone));
    }

    [Fact]
    public void Words_OfAPlace_TellWhatIsRememberedAndWhatItCosts()
    {
        _memory.RememberWait("p", At(Middle), 60);
        _memory.RememberWait("p", At(Middle), 120);
        _memory.RememberInVain("p", At(Middle), 60);
        Lose(Middle, 7200, 3600);

        var words = Ranking(Spec([], null)).CostOf(At(Middle)).Words;
        var unknown = Ranking(Spec([], null, ProvisioningMode.OnDemand)).CostOf(
            _catalog.At("v5litepod-8", Middle, ProvisioningMode.OnDemand, null)).Words;

        Assert.StartsWith("spot 4.2029 USD/h for 10.2 h: 42.94 USD; got 2 of 3 times, after 90 s on average; "
            + "lost nodes lived 1.5 h on average (2 seen); ", words, StringComparison.Ordinal);
        Assert.Matches(@"; [0-9.]+ losses expected, \+[0-9.]+ USD\z", words);
        Assert.DoesNotContain("loss", unknown, StringComparison.Ordinal);
        Assert.EndsWith("no request is remembered", unknown, StringComparison.Ordinal);
    }

    private void Lose(string zone, params double[] lives)
    {
        foreach (var life in lives)
        {
            _memory.RememberLoss("p", At(zone), life);
        }
    }

    private PlaceRanking Ranking(RunSpec spec, ModelWay? model = null) =>
        new(_memory, _catalog, spec, _ => TenHours, model, _clock.GetUtcNow());

    private Candidate At(string zone) => _catalog.At("v5litepod-8", zone, ProvisioningMode.Spot, null);

    private RunSpec Spec(
        string[] zones, double? deadlineHours, ProvisioningMode mode = ProvisioningMode.Spot,
        SpotFallback fallback = SpotFallback.OnDemand) => new()
        {
            RunId = new RunId("run"),
            Name = "run",
            Project = "p",
            Direction = RunDirection.KoToEn,
            Model = ".",
            Data = new DataSpec { Train = "x.tsv" },
            Deadline = deadlineHours is { } hours ? _clock.GetUtcNow().AddHours(hours) : null,
            Tpu = new TpuSpec
            {
                AcceleratorTypes = ["v5litepod-8"],
                Zones = zones,
                Provisioning = mode,
                Fallback = mode == ProvisioningMode.Spot ? fallback : SpotFallback.None,
                Order = zones.Length == 0 ? PlaceOrder.Cost : PlaceOrder.Listed,
            },
        };
}
