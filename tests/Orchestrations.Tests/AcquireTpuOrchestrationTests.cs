namespace Workflows.Orchestrations.Tests;

public sealed class AcquireTpuOrchestrationTests
{
    private const double Day = 86400;
    private readonly FakeContext _context = new();
    private readonly Dictionary<string, Refusal?> _refusals = new(StringComparer.Ordinal);
    private readonly HashSet<string> _neverReady = [];

    public AcquireTpuOrchestrationTests() => _context.Answer = (name, input) => (name, input) switch
    {
        (Stages.CreateNode, CreateNodeInput create) => new CreateNodeResult(
            Given.Node(create.Candidate.Zone, $"n{create.Attempt}"), "operation",
            _refusals.GetValueOrDefault(create.Candidate.Zone)),
        (Stages.ObserveNode, ObserveNodeInput observe) => new NodeObservation(
            "READY", !_neverReady.Contains(observe.Lease.Candidate.Zone), null),
        (Stages.ReleaseNode, ReleaseInput release) => new NodeRelease(release.NodeName, "READY", false),
        _ => true,
    };

    [Fact]
    public async Task Acquire_FirstZoneRefused_TakesTheNext()
    {
        _refusals["us-a1-a"] = Given.Refusal("ZONE_FORBIDDEN", RefusalScope.Zone, Day);

        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        Assert.Equal(3, result.NextAttempt);
        Assert.Equal([Given.At("us-a1-a")], result.RuledOut);
        Assert.Equal([AttemptOutcome.Refused, AttemptOutcome.Ready], Ends().Select(end => end.Outcome));
    }

    [Fact]
    public async Task Acquire_RegionRefused_AsksNoOtherZoneOfThatRegion()
    {
        _refusals["us-a1-a"] = Given.Refusal("QUOTA_EXHAUSTED", RefusalScope.Region, Day);

        var result = await RunAsync(Given.Plan("us-a1-a", "us-a1-b", "us-a1-c", "us-b1-a"));

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        Assert.Equal(["us-a1-a", "us-b1-a"], Asked());
    }

    /// <summary>Each of its zones would be refused without a request, one attempt after the other.</summary>
    [Fact]
    public async Task Acquire_RegionRefusedForShort_AsksItsOtherZonesOnceThatIsOver()
    {
        var began = _context.CurrentUtcDateTime;
        _refusals["us-a1-a"] = Given.Refusal("QUOTA_IN_USE", RefusalScope.Region, 120) with
        {
            RegionUntil = began.AddSeconds(120),
        };
        _refusals["us-b1-a"] = Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600);
        var answer = _context.Answer;
        _context.Answer = (name, input) => input is CreateNodeInput { Attempt: 3 }
            ? new CreateNodeResult(NodeName.None, null, _refusals["us-a1-a"], Asked: false) : answer(name, input);

        var result = await RunAsync(Given.Plan("us-a1-a", "us-a1-b", "us-b1-a", "us-a1-c"));

        // Rounds at 0, 60 and 180 s: in the third the refusal of the first is over.
        Assert.Equal(["us-a1-a", "us-b1-a", "us-a1-a", "us-b1-a", "us-a1-a", "us-a1-b"], Asked());
        Assert.Equal("us-a1-b", result.Lease?.Candidate.Zone);
        Assert.Empty(result.RuledOut);
    }

    [Fact]
    public async Task Acquire_RegionRefusedForShort_AsksForOtherTypesAndModesThere()
    {
        _refusals["us-a1-a"] = Given.Refusal("QUOTA_IN_USE", RefusalScope.Region, 120) with
        {
            RegionUntil = _context.CurrentUtcDateTime.AddSeconds(120),
        };
        var other = Given.At("us-a1-b") with { AcceleratorType = "v6e-8" };
        var mode = Given.At("us-a1-b") with { Provisioning = ProvisioningMode.OnDemand };
        _refusals["us-a1-b"] = Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600);

        await RunAsync(new RunPlan([Given.At("us-a1-a"), Given.At("us-a1-b"), other, mode], 1, 1));

        Assert.Equal(
            [Given.At("us-a1-a"), other, mode],
            _context.Calls.Select(call => call.Input).OfType<CreateNodeInput>().Take(3).Select(each => each.Candidate));
    }

    [Fact]
    public async Task Acquire_ProjectRefused_StopsAtOnceWithTheFix()
    {
        _refusals["us-a1-a"] = Given.Refusal("API_DISABLED", RefusalScope.Project, 0);

        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Null(result.Lease);
        Assert.Equal(new RunFailure("API_DISABLED", "API_DISABLED reason", "API_DISABLED fix"), result.Failure);
        Assert.Equal(["us-a1-a"], Asked());
    }

    [Fact]
    public async Task Acquire_EverythingRefusedForGood_FailsWithoutWaiting()
    {
        _refusals["us-a1-a"] = Given.Refusal("ZONE_FORBIDDEN", RefusalScope.Zone, Day);
        _refusals["us-b1-a"] = Given.Refusal("QUOTA_EXHAUSTED", RefusalScope.Zone, Day);

        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal("NO_ZONE_LEFT", result.Failure?.Code);
        Assert.Equal(2, Asked().Count);
    }

    [Fact]
    public async Task Acquire_RunWhoseTimeEndsBeforeTheNextRound_EndsWithItsTime()
    {
        _refusals["us-a1-a"] = Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600);

        var result = await RunAsync(
            Given.Plan("us-a1-a"), stopAt: _context.CurrentUtcDateTime.AddSeconds(100));

        // Rounds at 0 and 60 s; the next would be at 180 s.
        Assert.Equal("TIME_EXHAUSTED", result.Failure?.Code);
        Assert.Equal(2, Asked().Count);
    }

    [Fact]
    public async Task Acquire_NoCapacityForTheWholeTime_TriesInRoundsAndGivesUp()
    {
        _refusals["us-a1-a"] = Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600);
        var began = _context.CurrentUtcDateTime;

        var result = await RunAsync(Given.Plan("us-a1-a"));

        // Rounds at 0, 60, 180 and 420 s: the pause doubles, and the next would end after 600 s.
        Assert.Equal("NO_CAPACITY", result.Failure?.Code);
        Assert.Equal(4, Asked().Count);
        Assert.Equal(420, (_context.CurrentUtcDateTime - began).TotalSeconds);
    }

    [Fact]
    public async Task Acquire_NodeThatNeverComesUp_IsGivenBackBeforeTheNextZone()
    {
        _neverReady.Add("us-a1-a");

        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        var release = _context.Calls.FindIndex(call => call.Name == Stages.ReleaseNode);
        var second = _context.Calls.FindLastIndex(call => call.Name == Stages.CreateNode);
        Assert.InRange(release, 0, second);
        Assert.True(Assert.IsType<ReleaseInput>(_context.Calls[release].Input).GoesOn);
        Assert.Equal("BOOT_TIMEOUT", Ends()[0].Refusal?.Code);
    }

    /// <summary>A node costs from READY on, also while its worker is not there.</summary>
    [Theory]
    [InlineData("BUDGET_EXHAUSTED")]
    [InlineData("TIME_EXHAUSTED")]
    public async Task Acquire_LimitReachedWhileANodeBoots_GivesItBackAndEnds(string code)
    {
        var stopAt = _context.CurrentUtcDateTime.AddHours(9);
        var answer = _context.Answer;
        _context.Answer = (name, input) => input is ObserveNodeInput observe
            ? new NodeObservation("READY", false, null)
            {
                SpentUsd = code == "BUDGET_EXHAUSTED" ? 9.99 : null,
                IsTimeOver = observe.StopAt == stopAt,
            }
            : answer(name, input);

        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"), stopAt: stopAt);

        Assert.Null(result.Lease);
        Assert.Equal(code, result.Failure?.Code);
        Assert.Equal(["us-a1-a"], Asked());
        Assert.Equal(AttemptOutcome.Cancelled, Assert.Single(Ends()).Outcome);
        Assert.Single(_context.Calls, call => call.Name == Stages.ReleaseNode);
    }

    /// <summary>A lost node holds its quota until it is gone: a request before that would be refused.</summary>
    [Theory]
    [InlineData("us-a1-a", 3, 3)]
    [InlineData("us-a1-b", 3, 3)]
    [InlineData("us-a1-a", 99, 10)]
    [InlineData("us-b1-a", 3, 0)]
    public async Task Acquire_AfterALoss_FollowsTheReleaseWhereTheQuotaIsTheSame(string zone, int goneAt, int looks)
    {
        var began = _context.CurrentUtcDateTime;
        Release(number => number >= goneAt);

        var result = await new AcquireTpuOrchestration().RunAsync(
            _context, Input(Given.Plan(zone)) with { Leaving = Given.Lease("us-a1-a") });

        Assert.Equal(zone, result.Lease?.Candidate.Zone);
        Assert.Equal(Enumerable.Repeat(Given.Lease("us-a1-a").NodeName, looks), Released());
        Assert.Equal(looks, _context.Calls.FindIndex(call => call.Name == Stages.CreateNode));
        Assert.Equal(10 * (looks + 1), (_context.CurrentUtcDateTime - began).TotalSeconds);
    }

    [Fact]
    public async Task Acquire_WithADeadline_AsksBeforeTheLostNodeIsGone()
    {
        var input = Input(Given.Plan("us-a1-a")) with { Leaving = Given.Lease("us-a1-a") };

        await new AcquireTpuOrchestration().RunAsync(_context, input with
        {
            Spec = input.Spec with { Deadline = _context.CurrentUtcDateTime.AddDays(1) },
        });

        Assert.Empty(Released());
    }

    [Fact]
    public async Task Acquire_WhoseLostNodeCannotBeReleased_AsksAllTheSame()
    {
        Release(_ => throw new Microsoft.DurableTask.TaskFailedException("Release", 1, new TimeoutException("away")));

        var result = await new AcquireTpuOrchestration().RunAsync(
            _context, Input(Given.Plan("us-a1-a")) with { Leaving = Given.Lease("us-a1-a") });

        Assert.NotNull(result.Lease);
        Assert.Equal(10, Released().Count);
    }

    /// <summary>The cloud may have received the request: its node is waited for as any other.</summary>
    [Fact]
    public async Task Acquire_ARequestWithoutAnAnswer_TakesTheNodeThatComesUp()
    {
        var looks = 0;
        Unanswered("us-a1-a", () => ++looks switch
        {
            <= 3 => new NodeObservation("NOT_FOUND", false, null),
            <= 5 => new NodeObservation("CREATING", false, null),
            _ => new NodeObservation("READY", true, null),
        });

        Assert.Equal("us-a1-a", (await RunAsync(Given.Plan("us-a1-a", "us-b1-a"))).Lease?.Candidate.Zone);
        Assert.Empty(Released());
    }

    [Fact]
    public async Task Acquire_ARequestThatWasNeverReceived_GivesItUpSoonAndProvesIt()
    {
        Unanswered("us-a1-a", () => new NodeObservation("NOT_FOUND", false, null));

        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        Assert.Equal([Given.Node("us-a1-a", "n1")], Released());
        Assert.Equal(("CLOUD_UNREACHABLE", 40), (Ends()[0].Refusal?.Code, Ends()[0].Seconds));
    }

    /// <summary>A zone that does not answer looks either tells nothing about the node.</summary>
    [Fact]
    public async Task Acquire_ARequestWithoutAnAnswerInAnOutage_WaitsForTheNodeAsForAnyOther()
    {
        Unanswered("us-a1-a", () => new NodeObservation("UNREACHABLE", false, null));

        await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal(("BOOT_TIMEOUT", 60), (Ends()[0].Refusal?.Code, Ends()[0].Seconds));
    }

    [Fact]
    public async Task Acquire_AfterALoss_TriesThatZoneLast()
    {
        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"), avoid: "us-a1-a");

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
    }

    [Fact]
    public async Task Acquire_PlacesRuledOutEarlier_AreNotAsked()
    {
        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"), ruledOut: [Given.At("us-a1-a")]);

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        Assert.Equal(["us-b1-a"], Asked());
    }

    [Fact]
    public async Task Acquire_CancelledWhileANodeBoots_GivesItBack()
    {
        _neverReady.Add("us-a1-a");
        var answer = _context.Answer;
        _context.Answer = (name, input) =>
        {
            if (name == Stages.CreateNode)
            {
                _context.Raise(RunEvents.Cancel, "enough");
            }

            return answer(name, input);
        };

        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.True(result.Cancelled);
        Assert.Null(result.Lease);
        Assert.Contains(_context.Calls, call => call.Name == Stages.ReleaseNode);
        Assert.Equal([AttemptOutcome.Cancelled], Ends().Select(end => end.Outcome));
    }

    [Fact]
    public async Task Acquire_PlaceRefusedLately_IsSkippedAndNotReleased()
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) => answer(name, input) is CreateNodeResult { Refusal: not null } refused
            ? refused with { Asked = false }
            : answer(name, input);
        _refusals["us-a1-a"] = Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600);

        await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal([AttemptOutcome.Skipped, AttemptOutcome.Ready], Ends().Select(end => end.Outcome));
        Assert.DoesNotContain(_context.Calls, call => call.Name == Stages.ReleaseNode);
    }

    [Fact]
    public async Task Acquire_ApiThatStaysOutOfReach_TriesTheNextZoneAndComesBackLater()
    {
        Fail("us-a1-a", new IOException("no route"));

        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        Assert.Empty(result.RuledOut);
        Assert.Equal(
            ("CLOUD_UNREACHABLE", RefusalScope.Zone, NodeName.None),
            (Ends()[0].Refusal?.Code, Ends()[0].Refusal?.Scope, Ends()[0].Lease.NodeName));
    }

    [Fact]
    public async Task Acquire_FaultThatNoRetryMends_EndsTheRunWithItsFix()
    {
        Fail("us-a1-a", new RunFaultException("CREDENTIALS_MISSING", "none", "log in"));

        var result = await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal(new RunFailure("CREDENTIALS_MISSING", "none", "log in"), result.Failure);
        Assert.Equal(["us-a1-a"], Asked());
    }

    [Fact]
    public async Task Acquire_NodeThatFailsWhileItIsMade_IsGivenBackAtOnce()
    {
        var refusal = Given.Refusal("PREEMPTED_DURING_CREATE", RefusalScope.Zone, 600);
        var answer = _context.Answer;
        _context.Answer = (name, input) => input is ObserveNodeInput { Lease.Candidate.Zone: "us-a1-a" }
            ? new NodeObservation("Preempted", false, refusal)
            : answer(name, input);

        await RunAsync(Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal((AttemptOutcome.Failed, refusal), (Ends()[0].Outcome, Ends()[0].Refusal));
        Assert.Equal(10, Ends()[0].Seconds);
        Assert.Contains(
            _context.Calls, call => call.Input is ReleaseInput release && release.NodeName == Ends()[0].Lease.NodeName);
    }

    [Fact]
    public async Task Acquire_OfSeveralAccelerators_RulesOutARegionForTheRefusedTypeAlone()
    {
        _refusals["us-a1-a"] = Given.Refusal("QUOTA_EXHAUSTED", RefusalScope.Region, Day);
        var other = Given.At("us-a1-b") with { AcceleratorType = "v6e-8" };

        var result = await RunAsync(new RunPlan([Given.At("us-a1-a"), Given.At("us-a1-b"), other], 1, 1));

        Assert.Equal(other, result.Lease?.Candidate);
    }

    [Fact]
    public async Task Acquire_SecondRound_PausesLongerEachTime()
    {
        var rounds = 0;
        var answer = _context.Answer;
        _refusals["us-a1-a"] = Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600);
        _context.Answer = (name, input) =>
        {
            if (name == Stages.CreateNode && ++rounds == 3)
            {
                _refusals.Clear();
            }

            return answer(name, input);
        };
        var began = _context.CurrentUtcDateTime;

        var result = await RunAsync(Given.Plan("us-a1-a"));

        Assert.Equal(4, result.NextAttempt);
        Assert.Equal(60 + 120 + 10, (_context.CurrentUtcDateTime - began).TotalSeconds);
    }

    private void Fail(string zone, Exception fault)
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) => input is CreateNodeInput create && create.Candidate.Zone == zone
            ? throw new Microsoft.DurableTask.TaskFailedException(name, 1, fault)
            : answer(name, input);
    }

    private void Unanswered(string zone, Func<NodeObservation> look)
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) => (answer(name, input), input) switch
        {
            (CreateNodeResult created, CreateNodeInput create) when create.Candidate.Zone == zone =>
                created with { Operation = null, IsUnanswered = true },
            (NodeObservation, ObserveNodeInput observe) when observe.Lease.Candidate.Zone == zone => look(),
            (var other, _) => other,
        };
    }

    private void Release(Func<int, bool> isGone)
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) => input is ReleaseInput release
            ? new NodeRelease(release.NodeName, "DELETING", isGone(Released().Count)) : answer(name, input);
    }

    private static AcquireInput Input(RunPlan plan) => new(Given.Spec, plan, 1, null, []);

    private List<NodeName> Released() =>
        [.. _context.Calls.Select(call => call.Input).OfType<ReleaseInput>().Select(input => input.NodeName)];

    private Task<AcquireResult> RunAsync(
        RunPlan plan, string? avoid = null, IReadOnlyList<Candidate>? ruledOut = null,
        DateTimeOffset? stopAt = null) => new AcquireTpuOrchestration().RunAsync(
            _context, new AcquireInput(Given.Spec, plan, 1, avoid, ruledOut ?? []) { StopAt = stopAt });

    private List<string> Asked() => [.. _context.Calls.Select(call => call.Input).OfType<CreateNodeInput>()
        .Select(input => input.Candidate.Zone)];

    private List<AttemptEnd> Ends() => [.. _context.Calls.Select(call => call.Input).OfType<AttemptEnd>()];
}
