namespace Workflows.Orchestrations.Tests;

/// <summary>Runs that go over from spot to on-demand nodes, for a deadline or for want of spot nodes.</summary>
public sealed class DeadlineTests
{
    private const double Day = 86400;

    private static readonly JobObservation Working = new("READY", false, null, 0, null, 1, 10, 2.0, 0.1);

    private static readonly WorkOutlook Outlook = new(
        Work: 2000, Loss: 200, Start: 60, OnDemandWait: 120, "The rate is measured.");

    private readonly FakeContext _context = new();
    private readonly DateTimeOffset _start;
    private readonly HashSet<(string Zone, ProvisioningMode Mode)> _full = [];
    private readonly HashSet<(string Zone, ProvisioningMode Mode)> _neverReady = [];
    private double _rememberSeconds = 600;

    public DeadlineTests()
    {
        _start = _context.CurrentUtcDateTime;
        _context.Answer = (name, input) => (name, input) switch
        {
            (Stages.CreateNode, CreateNodeInput { Candidate: var place } create) => new CreateNodeResult(
                Given.Node(place.Zone, $"n{create.Attempt}"), "operation",
                _full.Contains((place.Zone, place.Provisioning))
                    ? Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, _rememberSeconds) : null),
            (Stages.ObserveNode, ObserveNodeInput { Lease.Candidate: var place }) => new NodeObservation(
                "READY", !_neverReady.Contains((place.Zone, place.Provisioning)), null),
            (Stages.ReleaseNode, ReleaseInput release) => new NodeRelease(release.NodeName, "READY", false),
            (Stages.Outlook, _) => Outlook,
            (nameof(AcquireTpuOrchestration), AcquireInput acquire) =>
                new AcquireTpuOrchestration().RunAsync(_context, acquire),
            _ => true,
        };
    }

    /// <summary>Work 2000, its loss 200, two starts of 60, a wait of 120, and a margin of 2 x 10 + 100
    /// seconds.</summary>
    [Fact]
    public void Outlook_OfAWork_LeavesTimeForALossAndARestart()
    {
        var deadline = _start.AddSeconds(5000);
        var pace = Given.Spec.Pace;

        Assert.Equal(_start.AddSeconds(5000 - 2560), Outlook.SearchSpotUntil(deadline, pace));
        Assert.Equal(_start.AddSeconds(5000 - 2300), Outlook.KeepSpotUntil(deadline, pace));
        Assert.Equal(2820, Outlook.Slack(_start, deadline));
        Assert.False(Outlook.MustMove(_start.AddSeconds(2699), deadline, pace));
        Assert.True(Outlook.MustMove(_start.AddSeconds(2700), deadline, pace));
        Assert.True(Outlook.MustMove(_start.AddSeconds(2820), deadline, pace));

        // A restart would miss the deadline for certain, so the working node is the best chance.
        Assert.False(Outlook.MustMove(_start.AddSeconds(2821), deadline, pace));
    }

    /// <summary>Histories from before the field have no uncertainty, and replay with a twentieth of the work.</summary>
    [Theory]
    [InlineData(null, 100)]
    [InlineData(0.02, 40)]
    public void Outlook_OfAnUncertainty_LeavesThatShareOfTheWork(double? uncertainty, double share)
    {
        var deadline = _start.AddSeconds(5000);
        var outlook = Outlook with { Uncertainty = uncertainty };

        Assert.Equal(_start.AddSeconds(5000 - 2460 - share), outlook.SearchSpotUntil(deadline, Given.Spec.Pace));
        Assert.Equal(_start.AddSeconds(5000 - 2200 - share), outlook.KeepSpotUntil(deadline, Given.Spec.Pace));
    }

    [Theory]
    [InlineData(1e300)]
    [InlineData(double.PositiveInfinity)]
    public void Outlook_OfAnEndlessWork_StaysInTheCalendar(double work)
    {
        var outlook = Outlook with { Work = work };

        Assert.True(outlook.SearchSpotUntil(_start, Given.Spec.Pace) < _start.AddYears(-99));
        Assert.False(outlook.MustMove(_start, _start.AddDays(1), Given.Spec.Pace));
    }

    [Fact]
    public async Task Acquire_WithoutSpotCapacity_GoesOverAsLateAsIsSafe()
    {
        _full.Add(("us-a1-a", ProvisioningMode.Spot));

        var result = await AcquireAsync(deadlineSeconds: 3000);

        Assert.Equal(ProvisioningMode.OnDemand, result.Lease?.Candidate.Provisioning);
        Assert.True(result.IsSwitched);
        var change = Assert.Single(Switches());
        Assert.Equal((SwitchReason.Deadline, _start.AddSeconds(3000 - 2560)), (change.Reason, change.At));
        Assert.Equal(Outlook, change.Outlook);
        Assert.True(Asked().Count(place => place.Provisioning == ProvisioningMode.Spot) > 2);
    }

    [Fact]
    public async Task Acquire_ADeadlineThatLeavesNoTimeForSpot_AsksOnDemandAtOnce()
    {
        var result = await AcquireAsync(deadlineSeconds: 2559);

        Assert.Equal(ProvisioningMode.OnDemand, result.Lease?.Candidate.Provisioning);
        Assert.Single(Asked());
        Assert.Equal(_start, Assert.Single(Switches()).At);
    }

    /// <summary>A node that boots too long is given back in time, not after its own limit.</summary>
    [Fact]
    public async Task Acquire_ASpotNodeThatIsReadyTooLate_IsGivenBackAtTheSwitch()
    {
        _neverReady.Add(("us-a1-a", ProvisioningMode.Spot));

        var result = await AcquireAsync(deadlineSeconds: 2600);

        Assert.Equal(ProvisioningMode.OnDemand, result.Lease?.Candidate.Provisioning);
        Assert.Equal(_start.AddSeconds(40), Assert.Single(Switches()).At);
        Assert.Equal("SPOT_TOO_LATE", Ends()[0].Refusal?.Code);
        var release = _context.Calls.FindIndex(call => call.Name == Stages.ReleaseNode);
        Assert.InRange(release, 0, _context.Calls.FindIndex(call => call.Name == Stages.RecordSwitch));
    }

    [Fact]
    public async Task Acquire_EverySpotPlaceRefusedForGood_GoesOverAtOnce()
    {
        _full.Add(("us-a1-a", ProvisioningMode.Spot));
        _rememberSeconds = Day;

        var result = await AcquireAsync(deadlineSeconds: Day);

        Assert.Equal(ProvisioningMode.OnDemand, result.Lease?.Candidate.Provisioning);
        Assert.Equal((SwitchReason.NoPlaceLeft, _start), (Switches()[0].Reason, Switches()[0].At));
    }

    /// <summary>Without a deadline the time of the search decides, and the search on demand has as much
    /// again.</summary>
    [Fact]
    public async Task Acquire_AFallbackWithoutADeadline_GoesOverAfterTheTimeOfTheSearch()
    {
        _full.Add(("us-a1-a", ProvisioningMode.Spot));
        _full.Add(("us-a1-a", ProvisioningMode.OnDemand));

        var result = await AcquireAsync(deadlineSeconds: null);

        var change = Assert.Single(Switches());
        Assert.Equal((SwitchReason.SearchOver, _start.AddSeconds(600)), (change.Reason, change.At));
        Assert.Null(change.Outlook);
        Assert.Equal("NO_CAPACITY", result.Failure?.Code);
        Assert.True(result.IsSwitched);
        Assert.InRange((_context.CurrentUtcDateTime - _start).TotalSeconds, 1000, 1200);
    }

    /// <summary>A run that keeps spare time for its way back ends its search for spot with the time of the search, too,
    /// where that is over first.</summary>
    [Fact]
    public async Task Acquire_ATimeOfTheSearchBeforeTheReserve_GoesOver()
    {
        _full.Add(("us-a1-a", ProvisioningMode.Spot));

        var result = await AcquireAsync(deadlineSeconds: Day, Outlook with { Reserve = 3600 });

        var change = Assert.Single(Switches());
        Assert.Equal((SwitchReason.SearchOver, _start.AddSeconds(600)), (change.Reason, change.At));
        Assert.Equal(ProvisioningMode.OnDemand, result.Lease?.Candidate.Provisioning);
    }

    /// <summary>A spot node is better than none.</summary>
    [Fact]
    public async Task Acquire_AfterTheSwitchWithoutOnDemandCapacity_TakesSpot()
    {
        _full.Add(("us-a1-a", ProvisioningMode.OnDemand));

        var result = await AcquireAsync(deadlineSeconds: 100);

        Assert.Equal(ProvisioningMode.Spot, result.Lease?.Candidate.Provisioning);
        Assert.Equal([ProvisioningMode.OnDemand, ProvisioningMode.Spot], Asked().Select(place => place.Provisioning));
    }

    [Fact]
    public async Task Work_WhoseLossWouldSoonBeTooLate_MovesToOnDemandAndStaysThere()
    {
        var looks = 0;
        var answer = _context.Answer;
        _context.Answer = (name, input) => name != Stages.ObserveJob ? answer(name, input) : ++looks < 3
            ? Working with { Outlook = Outlook with { Work = 1500 } }
            : Working with { Outlook = Outlook };

        await new TpuWorkOrchestration().RunAsync(_context, Input(2320));

        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        Assert.Null(next.Lease);
        Assert.True(next.IsSwitched);
        Assert.Equal(0, next.Losses);
        Assert.Equal(SwitchReason.LossNotRecoverable, Assert.Single(Switches()).Reason);
        Assert.Equal(
            [Stages.StopJob, Stages.RecordSwitch, Stages.ReleaseNode],
            _context.Calls.TakeLast(3).Select(call => call.Name));

        await new TpuWorkOrchestration().RunAsync(_context, next);

        Assert.Equal(ProvisioningMode.OnDemand, Asked()[^1].Provisioning);
        Assert.Single(Switches());
        Assert.DoesNotContain(_context.Calls, call => call.Name == Stages.Outlook);
    }

    /// <summary>A run that spot cannot finish goes over instead of failing.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Work_AfterTooManyLosses_GoesOverIfItMay(bool maySwitch)
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) => name == Stages.ObserveJob
            ? Working with { IsLost = true, LossCause = "PREEMPTED" } : answer(name, input);
        var input = Input(Day) with { Losses = 50 };

        var result = await new TpuWorkOrchestration().RunAsync(
            _context, maySwitch ? input : input with { Plan = Given.Plan("us-a1-a") });

        Assert.Equal(maySwitch ? null : "TOO_MANY_LOSSES", result.Failure?.Code);
        Assert.Equal(maySwitch ? [SwitchReason.TooManyLosses] : [], Switches().Select(change => change.Reason));
        Assert.Equal(maySwitch ? (true, 0) : null, _context.NextGeneration is TpuWorkInput next
            ? (next.IsSwitched, next.Losses) : ((bool, int)?)null);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Work_AtItsDeadline_StopsOnlyIfTheRequestSaysSo(bool stops)
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) => name == Stages.ObserveJob ? Working : answer(name, input);
        var input = Input(15);
        var spec = input.Spec with { StopsAtDeadline = stops };
        DateTimeOffset? stopAt = stops ? spec.Deadline : null;

        var result = await new TpuWorkOrchestration().RunAsync(
            _context, input with { Spec = spec, StopAt = stopAt, Plan = Given.Plan("us-a1-a") });

        Assert.Equal(stops ? "DEADLINE_MISSED" : null, result.Failure?.Code);
        Assert.Equal(stops ? 2 : 60, _context.Calls.Count(call => call.Name == Stages.ObserveJob));
    }

    /// <summary>
    /// Whatever the spot market does, a deadline that on-demand nodes can keep from the start is kept, and with time to
    /// spare most of the work is done on spot.
    /// </summary>
    [Fact]
    public async Task Work_OverRandomSpotMarkets_KeepsEveryDeadlineThatOnDemandCanKeep()
    {
        var spotOnly = 0;
        for (var seed = 0; seed < 300; seed++)
        {
            var market = new SpotMarket(seed);
            await market.RunAsync();

            Assert.True(market.FinishedAt <= market.Deadline, $"seed {seed}: {market}");
            spotOnly += market.IsOnSpotToTheEnd ? 1 : 0;
        }

        Assert.InRange(spotOnly, 30, 270);
    }

    private static RunPlan Plan() => Given.Plan("us-a1-a") with
    {
        OnDemand = [Given.At("us-a1-a") with { Provisioning = ProvisioningMode.OnDemand }],
    };

    private Task<AcquireResult> AcquireAsync(double? deadlineSeconds, WorkOutlook? outlook = null)
    {
        var spec = Given.Spec with
        {
            Deadline = deadlineSeconds is { } seconds ? _start.AddSeconds(seconds) : null,
            Tpu = Given.Spec.Tpu with { Fallback = SpotFallback.OnDemand },
        };
        return new AcquireTpuOrchestration().RunAsync(_context, new AcquireInput(spec, Plan(), 1, null, [])
        {
            Outlook = deadlineSeconds is null ? null : outlook ?? Outlook,
        });
    }

    private TpuWorkInput Input(double deadlineSeconds) => new(
        JobKind.Train, Given.Spec with { Deadline = _start.AddSeconds(deadlineSeconds) }, Plan(), Given.Data,
        Given.Lease("us-a1-a"), 2);

    private List<SpotSwitch> Switches() =>
        [.. _context.Calls.Where(call => call.Name == Stages.RecordSwitch).Select(call => (SpotSwitch)call.Input!)];

    private List<Candidate> Asked() => [.. _context.Calls.Where(call => call.Name == Stages.CreateNode)
        .Select(call => ((CreateNodeInput)call.Input!).Candidate)];

    private List<AttemptEnd> Ends() => [.. _context.Calls.Where(call => call.Name == Stages.EndAttempt)
        .Select(call => (AttemptEnd)call.Input!)];
}
