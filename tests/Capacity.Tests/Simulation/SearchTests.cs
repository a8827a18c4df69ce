using Microsoft.DurableTask;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Activities.Capacity;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Teardown;
using Workflows.Capacity.Bench.Markets;
using Workflows.Capacity.Bench.Product;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using Workflows.Orchestrations;
using Workflows.Service.Workers;
using Workflows.TestKit;

namespace Workflows.Capacity.Tests.Simulation;

/// <summary>Whole searches for a node on a virtual clock: the product's orchestrator and activities, the real client
/// and the emulated cloud.</summary>
public sealed class SearchTests : IDisposable
{
    private const string Project = "search";

    private readonly TemporaryFolder _folder = new();
    private readonly VirtualClock _clock = new(SpotWorld.Start);
    private readonly EmulatedCloud _cloud;
    private readonly InProcessCloud _calls;
    private readonly CapacityMemory _memory;
    private readonly RunLedger _ledger;

    public SearchTests()
    {
        _cloud = new EmulatedCloud(
            new EmulatorOptions { StateDirectory = Path.Combine(_folder.Path, "emulator") }, _clock,
            NullLogger<EmulatedCloud>.Instance);
        _calls = new InProcessCloud(_cloud);
        _memory = new CapacityMemory(_folder.Path, _clock);
        _ledger = new RunLedger(_folder.Path, _clock);
    }

    public void Dispose()
    {
        _calls.Dispose();
        _cloud.Dispose();
        _folder.Dispose();
    }

    /// <summary>"Quota exceeded for quota metric 'Write requests'" for more than ten minutes: before, six answers
    /// counted as none, and the place as out of reach.</summary>
    [Theory]
    [InlineData("")]
    [InlineData(""", "rateLimitRetrySeconds": 60""")]
    public async Task Search_OverTheRateLimitForTenMinutes_GetsItsNodeInTheSamePlace(string retry)
    {
        _cloud.Prepare(Project, $$$$"""
            {"zones": {"us-west4-a": {"rateLimitedCreates": 10{{{{retry}}}}}}}
            """);

        var result = await SearchAsync("r1", [Of("us-west4-a", "v5litepod-8")]);

        Assert.Equal("us-west4-a", result.Lease?.Candidate.Zone);
        Assert.True(_clock.GetUtcNow() - SpotWorld.Start > TimeSpan.FromMinutes(10));
        Assert.Empty(_memory.All());
        var past = _memory.PastsOf(Project).Of(Of("us-west4-a", "v5litepod-8"));
        Assert.Equal((1, 0), (past.Nodes, past.InVain));
        Assert.InRange(past.WaitSeconds!.Value, 1, 60);
        Assert.All(
            Ends("r1").Where(end => end.Outcome != AttemptOutcome.Ready),
            end => Assert.Equal("RATE_LIMITED", end.Refusal?.Code));
        await TearDownAsync("r1");
    }

    /// <summary>The limit of the family is 4 chips in the zone: no larger slice is asked for, by this run or by the
    /// next, and the one of 4 is given.</summary>
    [Fact]
    public async Task Search_WithAQuotaOfFourChips_AsksOnceAndTakesTheSliceThatFits()
    {
        _cloud.Prepare(Project, """
            {"zones": {"us-west4-a": {"quota": {"TPUV5sPreemptibleLitepodServingPerProjectPerZoneForTPUAPI": 4}}}}
            """);
        Candidate[] places = [Of("us-west4-a", "v5litepod-8"), Of("us-west4-a", "v5litepod-4")];

        var first = await SearchAsync("r1", places);
        await TearDownAsync("r1");
        var second = await SearchAsync("r2", places);
        await TearDownAsync("r2");

        Assert.Equal(places[1], first.Lease?.Candidate);
        Assert.Equal(places[1], second.Lease?.Candidate);
        Assert.Equal([places[0]], first.RuledOut);
        Assert.Equal([AttemptOutcome.Skipped, AttemptOutcome.Ready], Ends("r2").Select(end => end.Outcome));
    }

    [Fact]
    public async Task Search_WithAQuotaOfNothing_AsksForNoSliceOfTheFamilyAgain()
    {
        _cloud.Prepare(Project, """
            {"regions": {"us-west4": {"quota": {"TPUV5sPreemptibleLitepodServingPerProjectPerRegionForTPUAPI": 0}}}}
            """);
        Candidate[] places =
        [
            Of("us-west4-a", "v5litepod-8"), Of("us-west4-b", "v5litepod-1"), Of("us-west4-a", "v5litepod-4"),
        ];

        var first = await SearchAsync("r1", places);
        var second = await SearchAsync("r2", [places[1], Of("us-west4-a", "v5litepod-1", ProvisioningMode.OnDemand)]);
        await TearDownAsync("r2");

        Assert.Equal("NO_ZONE_LEFT", first.Failure?.Code);
        Assert.Equal(AttemptOutcome.Refused, Assert.Single(Ends("r1")).Outcome);
        Assert.Equal([AttemptOutcome.Skipped, AttemptOutcome.Ready], Ends("r2").Select(end => end.Outcome));
    }

    /// <summary>The cloud accepts the request, does not find its node for a while, and then has it READY.</summary>
    [Theory]
    [InlineData(100, true)]
    [InlineData(1000, false)]
    public async Task Search_WhoseNodeIsNotFoundJustAfterItsRequest_TakesItOrLeavesNothing(int unseen, bool takes)
    {
        _cloud.Prepare(Project, $$$$"""
            {"createSeconds": 30, "zones": {"us-west4-a": {"unseenSeconds": {{{{unseen}}}}}}}
            """);

        var result = await SearchAsync("r1", [Of("us-west4-a", "v5litepod-8"), Of("us-west1-c", "v5litepod-8")]);

        Assert.Equal(takes ? "us-west4-a" : "us-west1-c", result.Lease?.Candidate.Zone);
        _clock.MoveTo(_clock.GetUtcNow().AddSeconds(takes ? 0 : unseen));
        Assert.Equal(takes ? [AttemptOutcome.Ready] : [AttemptOutcome.Timeout, AttemptOutcome.Ready],
            Ends("r1").Select(end => end.Outcome));
        await TearDownAsync("r1");
    }

    /// <summary>A run is cancelled while the cloud does not show its node yet: NOT_FOUND is no proof then.</summary>
    [Fact]
    public async Task Teardown_WhileTheNodeIsNotFoundYet_WaitsUntilItIsDeleted()
    {
        _cloud.Prepare(Project, """{"zones": {"us-west4-a": {"unseenSeconds": 60}}}""");
        var create = await Activities("r1")[Stages.CreateNode].RunAsync(
            new ActivityContext(Stages.CreateNode),
            new CreateNodeInput(Spec("r1"), Of("us-west4-a", "v5litepod-8"), 1));
        Assert.Null(Assert.IsType<CreateNodeResult>(create).Refusal);

        await TearDownAsync("r1");
    }

    private static Candidate Of(string zone, string type, ProvisioningMode mode = ProvisioningMode.Spot) =>
        PriceCatalog.Load(null).At(type, zone, mode, null);

    private static RunSpec Spec(string run) => new()
    {
        RunId = new RunId(run),
        Name = run,
        Project = Project,
        Direction = RunDirection.KoToEn,
        Model = "model",
        Data = new DataSpec { Train = "train" },
        BudgetUsd = 1e9,
        Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
    };

    private List<AttemptEnd> Ends(string run) =>
        [.. _ledger.Read<AttemptEnd>(new RunId(run), LedgerKinds.Attempt).Select(fact => fact.Data)];

    private async Task<AcquireResult> SearchAsync(string run, IReadOnlyList<Candidate> places)
    {
        var plan = new RunPlan(places, 1, 1);
        _ledger.Append(new RunId(run), LedgerKinds.Plan, "plan", plan);
        AcquireResult? result = null;
        Assert.True(await Runner(run).RunAsync(async () => result = await InlineContext.RunAsync(
            Runner(run), $"{run}:acquire", () => new AcquireTpuOrchestration(),
            new AcquireInput(Spec(run), plan, 1, null, [])), SpotWorld.Start.AddDays(1)));
        return result!;
    }

    /// <summary>Gives back what the run has, and checks that the cloud has nothing, now and later.</summary>
    private async Task TearDownAsync(string run)
    {
        await Runner(run).RunAsync(
            () => InlineContext.RunAsync(Runner(run), $"{run}:teardown", () => new TeardownOrchestration(), Spec(run)),
            DateTimeOffset.MaxValue);
        Assert.Empty(_cloud.Occupied());
        _clock.MoveTo(_clock.GetUtcNow().AddHours(1));
        Assert.Empty(_cloud.Occupied());
    }

    private readonly Dictionary<string, InlineRunner> _runners = [];

    private InlineRunner Runner(string run)
    {
        if (!_runners.TryGetValue(run, out var runner))
        {
            var activities = Activities(run);
            _runners[run] = runner = new InlineRunner(
                _clock, async (_, name, input) => await activities[name].RunAsync(new ActivityContext(name), input),
                _ => null);
        }

        return runner;
    }

    private Dictionary<string, ITaskActivity> Activities(string run)
    {
        var secrets = new NodeSecrets(_folder.Path);
        var jobs = new JobBook(_ledger, new MetricsLog(_ledger, _clock), _clock);
        return new Dictionary<string, ITaskActivity>(StringComparer.Ordinal)
        {
            [Stages.CreateNode] = new CreateNodeActivity(
                _calls, _ledger, _memory, secrets,
                new WorkerBootstrap(new Uri("http://127.0.0.1:1"), "image", "#!/bin/sh"), jobs, _clock),
            [Stages.ObserveNode] = new ConnectedWorker(
                new ObserveNodeActivity(_calls, _ledger, _memory, jobs, _clock)),
            [Stages.EndAttempt] = new EndAttemptActivity(_ledger, _memory),
            [Stages.ReleaseNode] = new ReleaseNodeActivity(_calls, _ledger, jobs),
            [Stages.ReleaseAll] = new ReleaseAllActivity(_calls, _ledger, jobs, secrets),
        };
    }

    /// <summary>The worker of a READY node connects at once.</summary>
    private sealed class ConnectedWorker(ObserveNodeActivity look) : TaskActivity<ObserveNodeInput, NodeObservation>
    {
        public override async Task<NodeObservation> RunAsync(TaskActivityContext context, ObserveNodeInput input)
        {
            var seen = await look.RunAsync(context, input);
            return seen with { IsUsable = seen.State == "Ready" };
        }
    }

    private sealed class ActivityContext(string name) : TaskActivityContext
    {
        public override TaskName Name => name;

        public override string InstanceId => "search";
    }
}
