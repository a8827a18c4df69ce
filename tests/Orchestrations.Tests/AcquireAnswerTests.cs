namespace Workflows.Orchestrations.Tests;

/// <summary>The search and the answers that say nothing about one place: rate limits, quotas of a family, and a node
/// that is shown late.</summary>
public sealed class AcquireAnswerTests
{
    private const double Day = 86400;
    private readonly FakeContext _context = new();
    private readonly Dictionary<string, Queue<Refusal>> _answers = new(StringComparer.Ordinal);
    private Func<NodeObservation> _look = () => new NodeObservation("READY", true, null);

    public AcquireAnswerTests() => _context.Answer = (name, input) => (name, input) switch
    {
        (Stages.CreateNode, CreateNodeInput create) => new CreateNodeResult(
            Given.Node(create.Candidate.Zone, $"n{create.Attempt}"), "operation",
            _answers.GetValueOrDefault(create.Candidate.Zone) is { Count: > 0 } queue ? queue.Dequeue() : null),
        (Stages.ObserveNode, ObserveNodeInput) => _look(),
        (Stages.ReleaseNode, ReleaseInput release) => new NodeRelease(release.NodeName, "READY", false),
        _ => true,
    };

    [Fact]
    public async Task Acquire_OverTheRateLimit_WaitsInPlaceWithTheSameRequest()
    {
        Limit("us-a1-a", 5, 10, 20);
        var began = _context.CurrentUtcDateTime;

        var result = await RunAsync(Spec(6 * 3600), Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal("us-a1-a", result.Lease?.Candidate.Zone);
        Assert.Equal([("us-a1-a", 1, 0), ("us-a1-a", 1, 1), ("us-a1-a", 1, 2), ("us-a1-a", 1, 3)], Asked());
        Assert.Equal(5 + 10 + 20 + 10, (_context.CurrentUtcDateTime - began).TotalSeconds);
        Assert.Equal(2, result.NextAttempt);

        // The wait is none of the place's: what is remembered counts from the request that was accepted.
        var end = Assert.Single(Ends());
        Assert.Equal((AttemptOutcome.Ready, 10), (end.Outcome, end.Seconds));
    }

    /// <summary>The node is given its whole time to boot after the wait.</summary>
    [Fact]
    public async Task Acquire_AfterALongRateLimit_GivesTheNodeItsTimeToBoot()
    {
        Limit("us-a1-a", 500);
        var looks = 0;
        _look = () => new NodeObservation("CREATING", ++looks == 5, null);

        Assert.NotNull((await RunAsync(Spec(6 * 3600), Given.Plan("us-a1-a"))).Lease);
        Assert.Equal(AttemptOutcome.Ready, Assert.Single(Ends()).Outcome);
    }

    /// <summary>A limit of one region must not keep the search from others; its waits go on growing there.</summary>
    [Fact]
    public async Task Acquire_OverTheRateLimitForLong_AsksTheNextPlaceAndKeepsCounting()
    {
        Limit("us-a1-a", [.. Enumerable.Repeat(5.0, 7)]);
        Limit("us-b1-a", 5);

        var result = await RunAsync(Spec(6 * 3600), Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        Assert.Equal(
            [.. Enumerable.Range(0, 7).Select(count => ("us-a1-a", 1, count)), ("us-b1-a", 2, 7), ("us-b1-a", 2, 8)],
            Asked());
        Assert.Equal(("RATE_LIMITED", AttemptOutcome.Refused), (Ends()[0].Refusal?.Code, Ends()[0].Outcome));
    }

    [Fact]
    public async Task Acquire_OverTheRateLimitForAllOfTheSearch_EndsWithItAsAnyOther()
    {
        Limit("us-a1-a", [.. Enumerable.Repeat(60.0, 500)]);
        var began = _context.CurrentUtcDateTime;

        var result = await RunAsync(Spec(3 * 3600), Given.Plan("us-a1-a"));

        Assert.Equal("NO_CAPACITY", result.Failure?.Code);
        Assert.Contains("too many requests", result.Failure!.Message, StringComparison.Ordinal);
        Assert.InRange((_context.CurrentUtcDateTime - began).TotalHours, 2.8, 3);
        Assert.InRange(Asked().Count, 60, 180);
    }

    /// <summary>Another answer ends the growth.</summary>
    [Fact]
    public async Task Acquire_AfterAnotherAnswer_BeginsWithAShortWait()
    {
        Limit("us-a1-a", 5, 5);
        _answers["us-a1-a"].Enqueue(Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600));
        Limit("us-b1-a", 5);

        await RunAsync(Spec(6 * 3600), Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal([0, 1, 2, 0, 1], Asked().Select(each => each.Item3));
    }

    [Fact]
    public async Task Acquire_CancelledInARateLimit_Ends()
    {
        Limit("us-a1-a", [.. Enumerable.Repeat(5.0, 50)]);
        var answer = _context.Answer;
        _context.Answer = (name, input) =>
        {
            if (input is CreateNodeInput { RateLimits: 2 })
            {
                _context.Raise(RunEvents.Cancel, "enough");
            }

            return answer(name, input);
        };

        var result = await RunAsync(Spec(6 * 3600), Given.Plan("us-a1-a", "us-b1-a"));

        Assert.True(result.Cancelled);
        Assert.Equal(3, Asked().Count);
    }

    [Fact]
    public async Task Acquire_WhoseTimeEndsInARateLimit_EndsWithItsTime()
    {
        Limit("us-a1-a", [.. Enumerable.Repeat(50.0, 50)]);
        var began = _context.CurrentUtcDateTime;

        var result = await new AcquireTpuOrchestration().RunAsync(_context, new AcquireInput(
            Spec(6 * 3600), Given.Plan("us-a1-a"), 1, null, [])
        {
            StopAt = began.AddSeconds(120),
        });

        Assert.Equal("TIME_EXHAUSTED", result.Failure?.Code);
        Assert.True((_context.CurrentUtcDateTime - began).TotalSeconds <= 120);
    }

    /// <summary>The quota of small v5e slices has 4 chips in the zone: v5litepod-8 was asked for, and v5litepod-4
    /// fits.</summary>
    [Fact]
    public async Task Acquire_AQuotaThatIsTooSmall_RulesOutTheSlicesOfItsFamilyInItsScopeAndMode()
    {
        var asked = Of("us-a1-a", "v5litepod-8");
        Candidate[] places =
        [
            asked, Of("us-a1-a", "v5litepod-6"), Of("us-a1-a", "v5litepod-8", ProvisioningMode.OnDemand),
            Of("us-a1-a", "v5litepod-16"), Of("us-a1-b", "v5litepod-6"), Of("us-a1-a", "v5litepod-4"),
            Of("us-a1-a", "v6e-8"),
        ];
        _answers["us-a1-a"] = new Queue<Refusal>(
        [
            Given.Refusal("QUOTA_EXHAUSTED", RefusalScope.Zone, Day) with
            {
                Quotas = [new QuotaReach("v5litepod", 5, 8, [ProvisioningMode.Spot], "us-a1-a")],
            },
            .. Enumerable.Repeat(Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600), 4),
        ]);
        _answers["us-a1-b"] = new Queue<Refusal>([Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600)]);

        var result = await RunAsync(Spec(6 * 3600), new RunPlan(places, 1, 1));

        Assert.Equal([asked, places[1]], result.RuledOut);
        Assert.Equal(places.Except([places[1]]), _context.Calls.Select(call => call.Input)
            .OfType<CreateNodeInput>().Take(6).Select(input => input.Candidate));
    }

    [Fact]
    public async Task Acquire_AQuotaOfNothingInTheRegion_LeavesNoSliceOfTheFamilyToAsk()
    {
        _answers["us-a1-a"] = new Queue<Refusal>(
        [
            Given.Refusal("QUOTA_EXHAUSTED", RefusalScope.Region, Day) with
            {
                Quotas = [new QuotaReach("v5litepod", 1, 8, [ProvisioningMode.Spot], "us-a1")],
            },
        ]);

        var result = await RunAsync(Spec(6 * 3600), new RunPlan(
            [Of("us-a1-a", "v5litepod-8"), Of("us-a1-b", "v5litepod-1"), Of("us-a1-c", "v5litepod-4")], 1, 1));

        Assert.Equal("NO_ZONE_LEFT", result.Failure?.Code);
        Assert.Single(Asked());
    }

    /// <summary>The cloud shows a node some time after it has accepted the request for it.</summary>
    [Fact]
    public async Task Acquire_ANodeThatIsNotFoundJustAfterItsAcceptedRequest_IsWaitedForUntilItIsReady()
    {
        var looks = 0;
        _look = () => ++looks <= 5
            ? new NodeObservation("NOT_FOUND", false, null) : new NodeObservation("READY", true, null);

        var result = await RunAsync(Spec(600), Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal(Given.Node("us-a1-a", "n1"), result.Lease?.NodeName);
        Assert.Single(Asked());
        Assert.DoesNotContain(_context.Calls, call => call.Name == Stages.ReleaseNode);
        Assert.Equal(AttemptOutcome.Ready, Assert.Single(Ends()).Outcome);
    }

    [Fact]
    public async Task Acquire_ANodeThatIsNeverFound_IsGivenBackBeforeTheNextPlace()
    {
        var looks = 0;
        _look = () => ++looks <= 6
            ? new NodeObservation("NOT_FOUND", false, null) : new NodeObservation("READY", true, null);

        var result = await RunAsync(Spec(600), Given.Plan("us-a1-a", "us-b1-a"));

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        Assert.Equal(
            Given.Node("us-a1-a", "n1"),
            _context.Calls.Select(call => call.Input).OfType<ReleaseInput>().Single().NodeName);
    }

    /// <summary>A look that was one too many is repeated after the delay that the cloud asks for, of bounded
    /// length.</summary>
    [Theory]
    [InlineData(30, 30)]
    [InlineData(5, 10)]
    [InlineData(500, 80)]
    public async Task Acquire_LooksOverTheRateLimit_KeepTheDelay(double asked, double waited)
    {
        var looks = 0;
        var began = _context.CurrentUtcDateTime;
        _look = () => ++looks == 1
            ? new NodeObservation("UNREACHABLE", false, null) { RetryAfterSeconds = asked }
            : new NodeObservation("READY", true, null);

        await RunAsync(
            Spec(6 * 3600) with { Pace = Given.Spec.Pace with { BootSeconds = 900 } }, Given.Plan("us-a1-a"));

        Assert.Equal(10 + waited, (_context.CurrentUtcDateTime - began).TotalSeconds);
    }

    private static RunSpec Spec(double search) =>
        Given.Spec with { Tpu = Given.Spec.Tpu with { AcquireTimeoutSeconds = search } };

    private static Candidate Of(string zone, string type, ProvisioningMode mode = ProvisioningMode.Spot) =>
        Given.At(zone) with { AcceleratorType = type, Provisioning = mode };

    private void Limit(string zone, params double[] waits) => _answers[zone] = new Queue<Refusal>(waits.Select(
        wait => new Refusal(Refusal.RateLimited, RefusalScope.Zone, 0, "too many requests", "wait")
        {
            RetryAfterSeconds = wait,
        }));

    private Task<AcquireResult> RunAsync(RunSpec spec, RunPlan plan) =>
        new AcquireTpuOrchestration().RunAsync(_context, new AcquireInput(spec, plan, 1, null, []));

    private List<(string, int, int)> Asked() => [.. _context.Calls.Select(call => call.Input).OfType<CreateNodeInput>()
        .Select(input => (input.Candidate.Zone, input.Attempt, input.RateLimits))];

    private List<AttemptEnd> Ends() => [.. _context.Calls.Select(call => call.Input).OfType<AttemptEnd>()];
}
