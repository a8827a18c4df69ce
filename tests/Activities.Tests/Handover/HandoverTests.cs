using Workflows.Activities.Handover;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Activities.Teardown;
using Workflows.Activities.Tests.Sweeping;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.Activities.Tests.Handover;

/// <summary>A node that passes on has one owner, one bill at each moment, and a proof in the last owner's
/// ledger.</summary>
public sealed class HandoverTests : SweepFolder
{
    private static readonly RunId Group = new("run"), Taker = new("run-2"), Third = new("run-3");

    private static readonly HandedNode Handed = new(Run, Lease(1));

    [Fact]
    public async Task Node_ThatWasHandedOn_IsLeftAloneByTheGiverAndGivenBackByTheTaker()
    {
        Rent();
        Assert.True(await HandAsync());
        Assert.True(await HandAsync());

        Assert.Empty(await ReleaseAllAsync(Run));
        Assert.Equal("HANDED", (await ReleaseAsync(Run)).State);
        Assert.Empty(Cloud.Deleted());

        Assert.Equal([new NodeRelease(Node(1), "Ready", false)], await ReleaseAllAsync(Taker));
        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
        Cloud.Nodes.Clear();
        Assert.True((await ReleaseAllAsync(Taker))[0].ConfirmedNotFound);
        Assert.Single(Ledger.Read<NodeMoment>(Taker, LedgerKinds.Released));
        Assert.Empty(Ledger.Read<NodeMoment>(Run, LedgerKinds.Released));
        Assert.Equal(["hand wf-run-1-1", "hand wf-run-1-1"], Jobs.Calls.Where(
            call => call.StartsWith("hand", StringComparison.Ordinal)));
    }

    /// <summary>The giver's teardown finds it by its label, under a name that no fact has.</summary>
    [Fact]
    public async Task Node_ThatTheCloudNamesByTheNumberOfItsProject_IsLeftAloneByTheGiver()
    {
        Rent();
        await HandAsync();
        Cloud.Nodes[$"{Node(1)}"].Name = NodeName.Of("1234567890", Zone, "wf-run-1-1").ToString();

        Assert.Empty(await ReleaseAllAsync(Run));

        Assert.Equal(0, Facts(LedgerKinds.Revoked));
        Assert.Empty(Cloud.Deleted());
    }

    /// <summary>Whoever decides first has decided, and no crash in between makes it two.</summary>
    [Fact]
    public async Task Node_WhoseReleaseBegan_IsNotHandedOn()
    {
        Rent();
        await ReleaseAsync(Run);

        Assert.False(await HandAsync());
        Assert.False((await AcceptAsync(Place())).IsOwned);
        Assert.Empty(Ledger.Read(Taker));
        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
    }

    [Fact]
    public async Task Node_ThatNobodyOffered_IsNotHandedOn()
    {
        Cloud.Put(Node(1), State.Ready);

        Assert.False(await HandAsync());
        Assert.Equal(0, Facts(LedgerKinds.Handed));
    }

    [Fact]
    public async Task Bill_OfANodeThatPassesTwice_HasEachSecondOnce()
    {
        Rent();
        Clock.Advance(TimeSpan.FromHours(1));
        await HandAsync();
        Clock.Advance(TimeSpan.FromHours(2));
        Handovers.Offer(Ledger, Taker, Lease(1));
        Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(await new HandNodeActivity(Ledger, Jobs).RunAsync(
            null!, new HandInput(new HandedNode(Taker, Lease(1)), Third)));
        Clock.Advance(TimeSpan.FromHours(4));

        var now = Clock.GetUtcNow();
        Assert.Equal(
            [3600, 2 * 3600 + 60, 4 * 3600],
            new[] { Run, Taker, Third }.Select(id => RunCosts.Of(Ledger, id, now).BilledSeconds));
        Assert.Equal([0, 0, 3.6], new[] { Run, Taker, Third }.Select(id => RunCosts.UsdPerHour(Ledger, id)));
        Assert.Equal(
            [0, 0, 1], new[] { Run, Taker, Third }.Select(id => RunCosts.Left(Ledger, id, now).Count));
        Assert.Equal(Third, Handovers.OwnerOf(Ledger, Run, Node(1)));
    }

    /// <summary>The service died after the decision: the taker completes it, with the time of the decision.</summary>
    [Fact]
    public async Task Handover_ThatWasInterrupted_IsCompletedByTheTaker()
    {
        Rent();
        Clock.Advance(TimeSpan.FromHours(1));
        Ledger.Append(Run, LedgerKinds.Handed, $"{Node(1)}", new HandedFact(Node(1), Taker));
        Clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(
            new NodeAcceptance(Lease(1) with { Attempt = 0 }, true) { MostIdleSeconds = Spec.Pace.BootSeconds },
            await AcceptAsync(Place()));

        var now = Clock.GetUtcNow();
        Assert.Equal(
            [3600, 3600], new[] { Run, Taker }.Select(id => RunCosts.Of(Ledger, id, now).BilledSeconds));
    }

    /// <summary>A variant may end before it accepts its node, such as by its plan or a cancellation.</summary>
    [Fact]
    public async Task Handover_ThatWasInterrupted_IsCompletedByTheTeardownOfATakerThatNeverAccepted()
    {
        Interrupt();
        Assert.Equal([Node(1)], OpenNodes.Of(Ledger, Run));
        Clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal([new NodeRelease(Node(1), "Ready", false)], await ReleaseAllAsync(Taker));

        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
        Assert.Equal(
            [3600, 3600],
            new[] { Run, Taker }.Select(id => RunCosts.Of(Ledger, id, Clock.GetUtcNow()).BilledSeconds));
        Assert.Empty(OpenNodes.Of(Ledger, Run));
        Assert.Equal([Node(1)], OpenNodes.Of(Ledger, Taker));
    }

    /// <summary>The group was terminated between the decision and the taker's facts, and is resumed.</summary>
    [Fact]
    public async Task Handover_OfAnEarlierPart_IsKnownToTheTakerWhenItBegins()
    {
        Interrupt();
        Clock.Advance(TimeSpan.FromHours(1));

        Assert.Null(await new BeginVariantActivity(Ledger, Clock).RunAsync(null!, new VariantStart(
            Group, SpecOf(Taker) with { Resumption = new RunResumption(2, SpecOf(Taker), Clock.GetUtcNow(), []) })));

        Assert.Equal([Node(1)], OpenNodes.Of(Ledger, Taker));
        Assert.Equal(3600, RunCosts.Of(Ledger, Taker, Clock.GetUtcNow()).BilledSeconds);
    }

    [Fact]
    public async Task Bill_OfATaker_HasTheTimeBeforeItsFirstStageInThatStage()
    {
        Rent();
        await HandAsync();
        Clock.Advance(TimeSpan.FromMinutes(30));
        Ledger.Append(Taker, LedgerKinds.Stage, "plan", new StageInput(Taker, RunStageName.Plan, "plans"));
        Clock.Advance(TimeSpan.FromMinutes(30));

        var cost = RunCosts.Of(Ledger, Taker, Clock.GetUtcNow());

        Assert.Equal(3.6, cost.ActualUsd, 9);
        Assert.Equal(cost.ActualUsd, cost.ByStage.Values.Sum(), 9);
    }

    [Fact]
    public async Task Node_OfAQueuedResource_IsGivenBackWithIt()
    {
        Rent();
        var queued = new QueuedFact(
            Node(1), $"projects/p/locations/{Zone}/queuedResources/wf-run-1-1", Clock.GetUtcNow());
        Ledger.Append(Run, LedgerKinds.Queued, $"{Node(1)}", queued);
        await HandAsync();

        Assert.Equal(queued, QueuedRequests.Find(Ledger, Taker, Node(1)));
    }

    [Theory]
    [InlineData("us-west4-a", "v5litepod-8", true)]
    [InlineData("us-west4-b", "v5litepod-8", false)]
    [InlineData("us-west4-a", "v5litepod-4", false)]
    public async Task Acceptance_OfANode_NeedsItsPlaceInThePlan(string zone, string type, bool fits)
    {
        Rent();
        await HandAsync();

        var answer = await AcceptAsync(Place(zone) with { AcceleratorType = type, UsdPerHour = 9 });

        Assert.Equal((fits, true), (answer.Lease is not null, answer.IsOwned));
    }

    [Theory]
    [InlineData(ProvisioningMode.OnDemand, "v2-alpha-tpuv5-lite")]
    [InlineData(ProvisioningMode.Spot, "another-image")]
    public async Task Acceptance_OfANodeOfAnotherModeOrImage_IsRefused(ProvisioningMode mode, string image)
    {
        Rent();
        await HandAsync();

        Assert.Null((await AcceptAsync(Place(mode: mode) with { RuntimeVersion = image })).Lease);
    }

    [Fact]
    public async Task Acceptance_AfterASuspensionGaveTheNodeBack_FindsNone()
    {
        Rent();
        await HandAsync();
        Ledger.Append(Taker, LedgerKinds.Revoked, $"{Node(1)}", new NodeMoment(Node(1), "revoked"));

        Assert.Equal(new NodeAcceptance(null, false), await AcceptAsync(Place()));
    }

    [Theory]
    [InlineData(State.Ready, true, true, true)]
    [InlineData(State.Preempted, true, true, false)]
    [InlineData(State.Ready, false, true, false)]
    [InlineData(State.Ready, true, false, false)]
    public async Task Offer_OfANode_NeedsItHealthyAndAVariantThatHasNotBegun(
        State state, bool isConnected, bool hasWaiting, bool isOffered)
    {
        Cloud.Put(Node(1), state);
        if (isConnected)
        {
            Jobs.Connected.Add(Node(1));
        }

        Ledger.Append(Group, LedgerKinds.Members, "members", new MembersFact([Run, Taker]));
        Begin(Run);
        if (!hasWaiting)
        {
            Begin(Taker);
        }

        Assert.Equal(isOffered, await new OfferNodeActivity(Cloud, Ledger, Jobs).RunAsync(
            null!, new OfferInput(SpecOf(Run), Lease(1))));
        Assert.Equal(isOffered ? 1 : 0, Facts(LedgerKinds.Offered));
    }

    /// <summary>The label names the run that asked for the node, which has ended.</summary>
    [Theory]
    [InlineData("run-2", true)]
    [InlineData("run", true)]
    [InlineData("another", false)]
    public async Task Sweep_OfAHandedNode_KeepsItWhileItsOwnerOrItsGroupIsUnderWay(string live, bool isKept)
    {
        Rent();
        Cloud.Nodes[$"{Node(1)}"].Labels[NodeLabels.Group] = "run";
        await HandAsync();
        Runs.Live.Add(live);

        var report = await SweepAsync(SweepScope.Eternal);

        Assert.Equal(isKept ? [] : [$"{Node(1)}"], Cloud.Deleted());
        Assert.Equal(isKept ? 1 : 0, report.Projects.Single().Live);
        if (!isKept)
        {
            Cloud.Nodes.Clear();
            await SweepAsync(SweepScope.Eternal);
            Assert.Single(Ledger.Read<NodeMoment>(Taker, LedgerKinds.Released));
        }
    }

    /// <summary>A group may go on for days after one of its variants was terminated in the engine.</summary>
    [Fact]
    public async Task Sweep_OfTheNodeOfATerminatedVariant_DoesNotWaitForItsGroup()
    {
        Put().Labels[NodeLabels.Group] = "run";
        Runs.Live.Add("run");

        await SweepAsync(SweepScope.Eternal);

        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
    }

    [Theory]
    [InlineData("run-2", LedgerKinds.Stage)]
    [InlineData("run", LedgerKinds.Resumed)]
    public async Task Sweep_OfAHandedNode_DoesNotWaitForATakerThatWasTerminatedOrLeftByAnEarlierPart(
        string run, string kind)
    {
        Rent();
        Cloud.Nodes[$"{Node(1)}"].Labels[NodeLabels.Group] = "run";
        await HandAsync();
        Clock.Advance(TimeSpan.FromSeconds(1));
        Ledger.Append(new RunId(run), kind, "2", new NodeMoment(Node(1), kind));
        Runs.Live.Add("run");

        await SweepAsync(SweepScope.Eternal);

        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
    }

    /// <summary>Neither the sweep nor the group knows of the other: the one fact decides between them, too.</summary>
    [Fact]
    public async Task Sweep_OfANodeThatIsHandedOnMeanwhile_LeavesItToItsNewOwner()
    {
        Rent();
        Cloud.Nodes[$"{Node(1)}"].Labels[NodeLabels.Group] = "run";
        Runs.OnAsked = id => Assert.True(
            id != Run || Handovers.Hand(Ledger, Run, Lease(1), Taker));

        await SweepAsync(SweepScope.Eternal);

        Assert.Empty(Cloud.Deleted());
        Assert.Equal(0, Facts(LedgerKinds.Revoked));
    }

    [Fact]
    public async Task Sweep_OfAnOfferedNode_IsADecisionAgainstAHandover()
    {
        Rent();
        await SweepAsync(SweepScope.Eternal);

        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
        Assert.False(await HandAsync());
    }

    [Theory]
    [InlineData("wf-run-1-1", "run-1")]
    [InlineData("wf-a-1", "a")]
    [InlineData("wf-a", null)]
    [InlineData("other-a-1", null)]
    public void Creator_OfANode_IsTheRunInItsName(string node, string? run) =>
        Assert.Equal(run, Handovers.CreatorOf(NodeName.Of("p", Zone, node))?.Value);

    private static RunSpec SpecOf(RunId id) => Spec with
    {
        RunId = id,
        Handover = true,
        Group = new VariantGroup(Group, "v"),
    };

    /// <summary>A node that works, and that its run offers.</summary>
    private void Rent()
    {
        var node = Put();
        Ledger.Append(Run, LedgerKinds.Ready, node.Name, new NodeMoment(Node(1), "Ready"));
        Handovers.Offer(Ledger, Run, Lease(1));
    }

    /// <summary>The decision is on disk, and nothing after it.</summary>
    private void Interrupt()
    {
        Rent();
        Clock.Advance(TimeSpan.FromHours(1));
        Ledger.Append(Group, LedgerKinds.Members, "members", new MembersFact([Run, Taker]));
        Ledger.Append(Taker, LedgerKinds.VariantOf, "group", new VariantGroup(Group, "v"));
        Ledger.Append(Run, LedgerKinds.Handed, $"{Node(1)}", new HandedFact(Node(1), Taker));
    }

    private void Begin(RunId id) => Ledger.Append(
        Group, LedgerKinds.VariantBegun, $"{id}#1", new VariantBegun(id, id.Value, 1));

    private Task<bool> HandAsync() =>
        new HandNodeActivity(Ledger, Jobs).RunAsync(null!, new HandInput(Handed, Taker));

    private Task<NodeAcceptance> AcceptAsync(Candidate place) => new AcceptNodeActivity(Ledger, Jobs).RunAsync(
        null!, new AcceptInput(SpecOf(Taker), new RunPlan([Place("us-east5-a"), place], 1, 1), Handed));

    private Task<NodeRelease> ReleaseAsync(RunId id) => new ReleaseNodeActivity(Cloud, Ledger, Jobs).RunAsync(
        null!, new ReleaseInput(SpecOf(id), Node(1)));

    private Task<IReadOnlyList<NodeRelease>> ReleaseAllAsync(RunId id) =>
        new ReleaseAllActivity(Cloud, Ledger, Jobs, Secrets).RunAsync(null!, SpecOf(id));
}
