using Grpc.Core;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Provisioning;

public sealed class CreateNodeActivityTests : CloudFolder
{
    private const string NoCapacity = "There is no more capacity in the zone \"us-west4-a\"";

    private static readonly WorkerBootstrap Bootstrap = new(new Uri("http://gateway:8081"), "image:1", "#!/bin/sh");

    [Fact]
    public async Task Create_AcceptedByTheCloud_GivesNameAndOperation()
    {
        var made = await RunAsync();

        Assert.Equal(
            new CreateNodeResult(Node(1), $"projects/p/locations/{Zone}/operations/op-wf-run-1-1", null), made);
        Assert.Equal(Lease(1), Assert.Single(Ledger.Read<TpuLease>(Run, LedgerKinds.Intent)).Data);
    }

    [Fact]
    public async Task Create_AnyNode_CarriesLabelSecretAndStartUp()
    {
        await RunAsync();

        var node = Assert.Single(Cloud.Creates).Node;
        Assert.Equal(("v5litepod-8", "v2-alpha-tpuv5-lite"), (node.AcceleratorType, node.RuntimeVersion));
        Assert.Equal("run-1", node.Labels[NodeLabels.Run]);
        Assert.Matches("^[0-9a-f]{16}$", node.Labels[NodeLabels.Service]);
        Assert.Equal(
            ["run-1", $"{Node(1)}", "http://gateway:8081/", Secrets().For(Run, Node(1)), "image:1", "#!/bin/sh"],
            new[]
            {
                NodeLabels.Run, NodeLabels.NodeName, NodeLabels.Gateway, NodeLabels.Secret, "workflows-image",
                "startup-script",
            }.Select(key => node.Metadata[key]));
        Assert.Null(node.ServiceAccount);
    }

    [Theory]
    [InlineData(ProvisioningMode.Spot, true, false)]
    [InlineData(ProvisioningMode.OnDemand, false, false)]
    [InlineData(ProvisioningMode.Reserved, false, true)]
    public async Task Create_OfAProvisioning_AsksForItAlone(ProvisioningMode mode, bool isSpot, bool isReserved)
    {
        await RunAsync(Place(mode: mode));

        var scheduling = Assert.Single(Cloud.Creates).Node.SchedulingConfig;
        Assert.Equal((isSpot, isReserved), (scheduling.Spot, scheduling.Reserved));
    }

    [Fact]
    public async Task Create_WithNetworkAndAccount_PassesThemOn()
    {
        var spec = Spec with
        {
            Tpu = Spec.Tpu with { Network = "vpc", Subnetwork = "sub", ServiceAccount = "worker@p" },
        };

        await Activity().RunAsync(null!, new CreateNodeInput(spec, Place(), 1));

        var node = Assert.Single(Cloud.Creates).Node;
        Assert.Equal(("vpc", "worker@p"), (node.NetworkConfig.Network, node.ServiceAccount.Email));
        Assert.Equal("sub", node.NetworkConfig.Subnetwork);
        Assert.True(node.NetworkConfig.EnableExternalIps);
    }

    [Fact]
    public async Task Create_WithoutAnExternalAddress_AsksForNone()
    {
        var spec = Spec with { Tpu = Spec.Tpu with { WithoutExternalIp = true } };

        await Activity().RunAsync(null!, new CreateNodeInput(spec, Place(), 1));

        Assert.False(Assert.Single(Cloud.Creates).Node.NetworkConfig.EnableExternalIps);
    }

    /// <summary>The first two zones may be in trouble; the third with the same words makes it the project's.</summary>
    [Fact]
    public async Task Create_ThatEveryZoneAnswersWithTheSameUnknownWords_EndsTheRun()
    {
        Ledger.Append(Run, LedgerKinds.Plan, "plan", new RunPlan([Place("a-b1-a"), Place("a-b1-b"), Place()], 1, 1));
        var scopes = new List<(string?, RefusalScope?)>();
        foreach (var (zone, attempt) in new[] { ("a-b1-a", 1), ("a-b1-b", 2), (Zone, 3) })
        {
            Cloud.Fail(
                "Create", StatusCode.FailedPrecondition, $"The frob of '{zone}' is not zorked [EID: 0x{attempt}]");
            var result = await RunAsync(Place(zone), attempt);
            scopes.Add((result.Refusal?.Code, result.Refusal?.Scope));
            Finish(attempt, zone, result.Refusal);
        }

        Assert.Equal(
            [("UNKNOWN", RefusalScope.Zone), ("UNKNOWN", RefusalScope.Zone),
                ("SAME_ANSWER_EVERYWHERE", RefusalScope.Project)],
            scopes);
    }

    [Fact]
    public async Task Create_ThatOneZoneAnswersDifferently_GoesOnTrying()
    {
        Ledger.Append(Run, LedgerKinds.Plan, "plan", new RunPlan([Place("a-b1-a"), Place()], 1, 1));
        RefusalScope? scope = null;
        for (var attempt = 1; attempt <= 6; attempt++)
        {
            var zone = attempt % 2 == 0 ? Zone : "a-b1-a";
            Clock.Advance(TimeSpan.FromHours(1));
            Cloud.Fail(
                "Create", StatusCode.FailedPrecondition, attempt % 2 == 0 ? "The moon is full." : "The sun is out.");
            var result = await RunAsync(Place(zone), attempt);
            Finish(attempt, zone, result.Refusal);
            scope = result.Refusal?.Scope;
        }

        Assert.Equal(RefusalScope.Zone, scope);
    }

    [Fact]
    public async Task Create_WithoutReadAccessInTwoZones_EndsTheRun()
    {
        Ledger.Append(
            Run, LedgerKinds.Plan, "plan", new RunPlan([Place("a-b1-a"), Place("a-b1-b"), Place()], 1, 1));
        Cloud.Fail("Create", StatusCode.PermissionDenied, "Read access to project 'p' was denied");
        Cloud.Fail("Create", StatusCode.PermissionDenied, "Read access to project 'p' was denied");

        var first = await RunAsync(Place("a-b1-a"));
        Finish(1, "a-b1-a", first.Refusal);
        var second = await RunAsync(Place("a-b1-b"), 2);

        Assert.Equal(
            (RefusalScope.Zone, RefusalScope.Project), (first.Refusal?.Scope, second.Refusal?.Scope));
        Assert.Equal("PROJECT_FORBIDDEN", second.Refusal?.Code);
    }

    /// <summary>Teardown must not search for hours for a node that nobody was asked for.</summary>
    [Theory]
    [InlineData(StatusCode.Unauthenticated, "Not sent: no access token was given: invalid_grant", false)]
    [InlineData(StatusCode.Unavailable, "Not sent: the endpoint that gives access tokens cannot be reached", false)]
    [InlineData(StatusCode.Unavailable, "connection reset", true)]
    public async Task Create_WhoseRequestNeverLeft_LeavesNothingToGiveBack(StatusCode code, string text, bool mayExist)
    {
        Cloud.Fail("Create", code, text);

        var thrown = await Record.ExceptionAsync(() => RunAsync());

        Assert.Equal(mayExist, SentRequests.MayExist(Ledger, Run, Node(1)));
        Assert.Equal(code == StatusCode.Unauthenticated, thrown is null);
    }

    /// <summary>No retry gives a token, so the first answer ends the run; no place is remembered for it.</summary>
    [Fact]
    public async Task Create_WithCredentialsThatGiveNoToken_EndsTheRunWithTheirFix()
    {
        Cloud.Fail("Create", StatusCode.Unauthenticated, "Not sent: no access token was given: invalid_grant");

        var result = await RunAsync();

        Assert.Equal(
            ("UNAUTHENTICATED", RefusalScope.Project, true),
            (result.Refusal?.Code, result.Refusal?.Scope, result.Asked));
        Assert.Contains("invalid_grant", result.Refusal!.Reason, StringComparison.Ordinal);
        Assert.Contains("gcloud auth application-default login", result.Refusal.Fix, StringComparison.Ordinal);
        Assert.Null(Memory.Find("p", Place()));
        Assert.Empty(Cloud.Nodes);
    }

    [Fact]
    public async Task Create_UnsentOnceAndSentAtTheRetry_MayExist()
    {
        Cloud.Fail("Create", StatusCode.Unavailable, "Not sent: no route");
        await Assert.ThrowsAsync<RpcException>(() => RunAsync());
        Assert.False(SentRequests.MayExist(Ledger, Run, Node(1)));
        Cloud.Fail("CreateAnswer", StatusCode.Unavailable, "connection reset");
        await Assert.ThrowsAsync<RpcException>(() => RunAsync());

        Assert.True(SentRequests.MayExist(Ledger, Run, Node(1)));
    }

    private void Finish(int attempt, string zone, Refusal? refusal) => Ledger.Append(
        Run, LedgerKinds.Attempt, $"{attempt}",
        new AttemptEnd(Run, Lease(attempt, zone), AttemptOutcome.Refused, refusal, 1));

    /// <summary>The invariant of teardown: what may exist is on disk before the cloud hears of it.</summary>
    [Fact]
    public async Task Create_WhoseAnswerIsLost_HasLeftItsIntentAndIsThrownForARetry()
    {
        Cloud.Fail("CreateAnswer", StatusCode.Unavailable, "connection reset");

        await Assert.ThrowsAsync<RpcException>(() => RunAsync());

        Assert.Equal(Node(1), Assert.Single(Ledger.Read<TpuLease>(Run, LedgerKinds.Intent)).Data.NodeName);
        Assert.Contains($"{Node(1)}", Cloud.Nodes.Keys);
    }

    [Fact]
    public async Task Create_RetriedAfterALostAnswer_AdoptsTheNodeAndMakesNoSecond()
    {
        Cloud.Fail("CreateAnswer", StatusCode.Unavailable, "connection reset");
        await Assert.ThrowsAsync<RpcException>(() => RunAsync());

        var adopted = await RunAsync();

        Assert.Equal(new CreateNodeResult(Node(1), null, null), adopted);
        Assert.Single(Cloud.Nodes);
        Assert.Equal(1, Facts(LedgerKinds.Intent));
    }

    /// <summary>It costs from the first answer that shows it READY, and not from the next look.</summary>
    [Fact]
    public async Task Create_RetriedWhenTheNodeIsReadyAlready_LetsItCostFromThen()
    {
        Cloud.Fail("CreateAnswer", StatusCode.Unavailable, "connection reset");
        await Assert.ThrowsAsync<RpcException>(() => RunAsync());
        Assert.Equal(0, Facts(LedgerKinds.Ready));
        Cloud.Nodes[$"{Node(1)}"].State = Google.Cloud.Tpu.V2.Node.Types.State.Ready;

        await RunAsync();

        Assert.Equal(1, Facts(LedgerKinds.Ready));
    }

    [Fact]
    public async Task Create_OfANameThatAnotherServicesRunOfTheSameIdHas_DoesNotTakeIt()
    {
        Cloud.Put(Node(1), Google.Cloud.Tpu.V2.Node.Types.State.Ready, "run-1");
        Cloud.Nodes[$"{Node(1)}"].Labels[NodeLabels.Service] = "0123456789abcdef";

        Assert.Equal("NAME_TAKEN", (await RunAsync()).Refusal?.Code);
    }

    [Fact]
    public async Task Create_OfANameThatIsTaken_RefusesTheZoneAndLeavesTheOthersNodeAlone()
    {
        Cloud.Put(Node(1), Google.Cloud.Tpu.V2.Node.Types.State.Ready, "another-run");

        var result = await RunAsync();

        Assert.Equal(("NAME_TAKEN", RefusalScope.Zone), (result.Refusal?.Code, result.Refusal?.Scope));
        Assert.Empty(Cloud.Deleted());
    }

    [Theory]
    [InlineData(StatusCode.Unavailable, "try again")]
    [InlineData(StatusCode.Internal, "internal error")]
    [InlineData(StatusCode.ResourceExhausted, "Quota exceeded for requests per minute")]
    public async Task Create_ThatMeetsAShortOutage_ThrowsInsteadOfGivingUpTheZone(StatusCode code, string text)
    {
        Cloud.Fail("Create", code, text);

        Assert.Equal(code, (await Assert.ThrowsAsync<RpcException>(() => RunAsync())).StatusCode);

        Assert.Null(Memory.Find("p", Place()));
    }

    [Fact]
    public async Task Create_AnsweredInternalAgainAndAgain_GivesUpTheZoneAtTheThird()
    {
        var result = await InternalAsync(Place(), attempt: 1);

        Assert.Equal(
            ("CLOUD_INTERNAL_ERROR", RefusalScope.Zone), (result.Refusal?.Code, result.Refusal?.Scope));
        Assert.Equal("CLOUD_INTERNAL_ERROR", Memory.Find("p", Place())?.Code);

        // It may have made a node all the same: teardown must prove that it did not.
        Assert.Equal(NodeName.None, result.NodeName);
        Assert.True(SentRequests.MayExist(Ledger, Run, Node(1)));
    }

    [Fact]
    public async Task Create_AnsweredInternalAndMadeAllTheSame_TakesTheNode()
    {
        for (var time = 1; time < CreateNodeActivity.MostInternalAnswers; time++)
        {
            Cloud.Fail("Create", StatusCode.Internal, "an internal error has occurred");
            await Assert.ThrowsAsync<RpcException>(() => RunAsync());
        }

        Cloud.Fail("CreateAnswer", StatusCode.Internal, "an internal error has occurred");

        Assert.Equal(new CreateNodeResult(Node(1), null, null), await RunAsync());
        Assert.Single(Cloud.Nodes);
    }

    /// <summary>The zone does not answer whether there is a node: to go on would leave it to nobody.</summary>
    [Fact]
    public async Task Create_AnsweredInternalWithoutALook_CountsAsAccepted()
    {
        for (var time = 1; time < CreateNodeActivity.MostInternalAnswers; time++)
        {
            Cloud.Fail("Create", StatusCode.Internal, "an internal error has occurred");
            await Assert.ThrowsAsync<RpcException>(() => RunAsync());
        }

        Cloud.Fail("CreateAnswer", StatusCode.Internal, "an internal error has occurred");
        Cloud.Fail("Get", StatusCode.Unavailable, "down");

        Assert.Equal(new CreateNodeResult(Node(1), null, null) { IsUnanswered = true }, await RunAsync());
    }

    [Fact]
    public async Task Create_WithoutAnAnswerAgainAndAgain_CountsAsAccepted()
    {
        for (var time = 1; time < CreateNodeActivity.MostUnanswered; time++)
        {
            Cloud.Broken[$"{Node(1)}"] = new RpcException(new Status(StatusCode.Unavailable, "down"));
            await Assert.ThrowsAsync<RpcException>(() => RunAsync());
        }

        Assert.Equal(new CreateNodeResult(Node(1), null, null) { IsUnanswered = true }, await RunAsync());
        Cloud.Broken.Clear();
        Assert.Equal(new CreateNodeResult(Node(1), $"projects/p/locations/{Zone}/operations/op-wf-run-1-1", null),
            await RunAsync());
    }

    /// <summary>Another run may learn of a refusal meanwhile: the node of the lost answer is there all the
    /// same.</summary>
    [Fact]
    public async Task Create_AfterALostAnswerInAPlaceRefusedSince_TakesTheNode()
    {
        Cloud.Fail("CreateAnswer", StatusCode.Unavailable, "down");
        await Assert.ThrowsAsync<RpcException>(() => RunAsync());
        Memory.Remember("p", Place(), new Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600, "full", "wait"));

        Assert.Equal(new CreateNodeResult(Node(1), null, null), await RunAsync());
    }

    /// <summary>The attempts before it are over, and a node of theirs costs for as long as it exists.</summary>
    [Fact]
    public async Task Create_OfALaterAttempt_GivesBackWhatEarlierOnesLeft()
    {
        Intend(1);
        End(1, AttemptOutcome.Refused, NodeName.None);
        Cloud.Put(Node(1), Google.Cloud.Tpu.V2.Node.Types.State.Ready);
        Cloud.Fail("Delete", StatusCode.Unavailable, "down");

        Assert.Null((await RunAsync(attempt: 2)).Refusal);
        Assert.Equal((1, 1), (Facts(LedgerKinds.NotReleased), Facts(LedgerKinds.Ready)));
        await RunAsync(attempt: 3);

        Assert.Equal([$"{Node(1)}", $"{Node(1)}", $"{Node(2)}"], Cloud.Deleted().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Create_OfAMove_LeavesTheNodeThatWorks()
    {
        Intend(1);
        End(1, AttemptOutcome.Ready);
        Cloud.Put(Node(1), Google.Cloud.Tpu.V2.Node.Types.State.Ready);

        await Activity().RunAsync(null!, new CreateNodeInput(Spec, Place(), 2) { IsMove = true });

        Assert.Empty(Cloud.Deleted());
    }

    [Fact]
    public async Task Create_AnsweredInternalInEveryZoneTwice_EndsTheRunWithATypedFailure()
    {
        Ledger.Append(Run, LedgerKinds.Plan, "plan", new RunPlan([Place("a-b1-a"), Place()], 1, 1));
        var scopes = new List<RefusalScope?>();
        Refusal? last = null;
        for (var attempt = 1; attempt <= 4; attempt++)
        {
            Clock.Advance(TimeSpan.FromHours(1));
            var zone = attempt % 2 == 0 ? Zone : "a-b1-a";
            last = (await InternalAsync(Place(zone), attempt)).Refusal;
            Finish(attempt, zone, last);
            scopes.Add(last?.Scope);
        }

        Assert.Equal([RefusalScope.Zone, RefusalScope.Zone, RefusalScope.Zone, RefusalScope.Project], scopes);
        Assert.Equal("CLOUD_INTERNAL_ERROR", last?.Code);
        Assert.Contains("status.cloud.google.com", last?.Fix, StringComparison.Ordinal);
    }

    private async Task<CreateNodeResult> InternalAsync(Candidate place, int attempt)
    {
        for (var time = 1; time < CreateNodeActivity.MostInternalAnswers; time++)
        {
            Cloud.Fail("Create", StatusCode.Internal, "an internal error has occurred");
            await Assert.ThrowsAsync<RpcException>(() => RunAsync(place, attempt));
        }

        Cloud.Fail("Create", StatusCode.Internal, "an internal error has occurred");
        return await RunAsync(place, attempt);
    }

    [Fact]
    public async Task Create_ThatIsRefused_RemembersItForTheNextRun()
    {
        Cloud.Fail("Create", StatusCode.ResourceExhausted, NoCapacity);

        var first = await RunAsync();
        var second = await RunAsync(attempt: 2);

        Assert.Equal(("OUT_OF_CAPACITY", true), (first.Refusal?.Code, first.Asked));
        Assert.Equal(("OUT_OF_CAPACITY", false), (second.Refusal?.Code, second.Asked));
        Assert.Equal(600, second.Refusal!.RememberSeconds);
        Assert.Contains(NoCapacity, second.Refusal.Reason, StringComparison.Ordinal);
        Assert.Single(Cloud.Creates);
        Assert.Equal(1, Facts(LedgerKinds.Intent));
    }

    /// <summary>A region that is refused is passed over as one place, not zone by zone, and for its whole
    /// time.</summary>
    /// <summary>A search leaves the other zones out for as long as the memory would.</summary>
    [Theory]
    [InlineData("region us-west4", 120)]
    [InlineData("zone us-west4-a", null)]
    public async Task Create_RefusedForAQuotaInUse_TellsUntilWhenItsRegionRefuses(string place, int? seconds)
    {
        Cloud.Fail("Create", StatusCode.ResourceExhausted, $"Quota limit 'Q' has been exceeded. Limit: 8 in {place}.");

        var refusal = (await RunAsync()).Refusal;

        Assert.Equal("QUOTA_IN_USE", refusal?.Code);
        Assert.Equal(
            seconds is { } time ? Clock.GetUtcNow().AddSeconds(time) : (DateTimeOffset?)null, refusal?.RegionUntil);
    }

    [Fact]
    public async Task Create_InARememberedRegion_IsRefusedForTheRegion()
    {
        Memory.Remember("p", Place("us-west4-b"), new Refusal("QUOTA_EXHAUSTED", RefusalScope.Region, 86400, "q", "f"));
        Memory.Remember("p", Place(), new Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600, "c", "f"));

        var refusal = (await RunAsync()).Refusal;

        Assert.Equal(
            ("QUOTA_EXHAUSTED", RefusalScope.Region, 86400), (refusal?.Code, refusal?.Scope, refusal?.RememberSeconds));
        Assert.Equal(Clock.GetUtcNow().AddDays(1), refusal?.RegionUntil);
        Memory.Forget(new ForgottenPlace("us-west4"));
        Assert.Equal(RefusalScope.Zone, (await RunAsync()).Refusal?.Scope);
    }

    [Fact]
    public async Task Create_OnceTheMemoryEnds_AsksAgain()
    {
        Cloud.Fail("Create", StatusCode.ResourceExhausted, NoCapacity);
        await RunAsync();
        Clock.Advance(TimeSpan.FromSeconds(601));

        var again = await RunAsync(attempt: 2);

        Assert.Equal((Node(2), null), (again.NodeName, again.Refusal));
    }

    /// <summary>Nothing is sent, intended or remembered of a dear place while there is time to spare.</summary>
    [Fact]
    public async Task Create_InADearPlaceWithTimeToSpare_SendsAndRemembersNothing()
    {
        var spec = Spec with
        {
            Deadline = Clock.GetUtcNow().AddDays(3),
            Tpu = Spec.Tpu with { Fallback = SpotFallback.OnDemand },
        };
        var cheap = Place("us-central1-a") with { UsdPerHour = 1 };
        Ledger.AppendInPart(Run, LedgerKinds.Plan, "plan", new RunPlan([cheap, Place()], 1, 3600)
        {
            OnDemand = [cheap with { Provisioning = ProvisioningMode.OnDemand }],
            Time = new TimeEstimate(60, 3000, 500, 1e9, 1, 1, 1, "measured") { Source = EstimateSource.Measured },
        });
        var activity = new CreateNodeActivity(
            Cloud, Ledger, Memory, new NodeSecrets(Folder),
            new WorkerBootstrap(new Uri("http://127.0.0.1:1"), "image", "script"), Jobs, Clock,
            new PricePatience(Ledger, Memory, new WorkForesight(Ledger, Memory, Clock), Clock));

        var dear = await activity.RunAsync(null!, new CreateNodeInput(spec, Place(), 1));
        var asked = await activity.RunAsync(null!, new CreateNodeInput(spec, cheap, 2));

        Assert.Equal((PricePatience.Code, false, null), (dear.Refusal?.Code, dear.Asked, dear.Operation));
        Assert.Null(asked.Refusal);
        Assert.Equal("wf-run-1-2", Assert.Single(Cloud.Creates).NodeId);
        Assert.Equal(1, Facts(LedgerKinds.Intent));
        Assert.Empty(Memory.All());
    }

    /// <summary>A rehearsal's clock runs faster: its rounds have 2 s in place of 60 s.</summary>
    [Fact]
    public async Task Create_RefusedInARehearsal_IsAskedAgainWithinItsSearch()
    {
        var spec = Spec with { IsRehearsal = true, Pace = new PaceSpec { RoundPauseSeconds = 2 } };
        Task<CreateNodeResult> AskAsync(int attempt) =>
            Activity().RunAsync(null!, new CreateNodeInput(spec, Place(), attempt));
        Cloud.Fail("Create", StatusCode.ResourceExhausted, NoCapacity);
        var refused = await AskAsync(1);
        Clock.Advance(TimeSpan.FromSeconds(19));
        var skipped = await AskAsync(2);
        Clock.Advance(TimeSpan.FromSeconds(2));

        var again = await AskAsync(3);

        Assert.Equal((true, false, true), (refused.Asked, skipped.Asked, again.Asked));
        Assert.Equal((600, null), (refused.Refusal!.RememberSeconds, again.Refusal));
    }

    [Fact]
    public async Task Create_RefusedForSpot_IsStillAskedOnDemand()
    {
        Cloud.Fail("Create", StatusCode.ResourceExhausted, NoCapacity);
        await RunAsync();

        Assert.Null((await RunAsync(Place(mode: ProvisioningMode.OnDemand), attempt: 2)).Refusal);
    }

    /// <summary>A node of 3.6 USD an hour costs 0.15 USD in the ten polls in which it is given back.</summary>
    [Theory]
    [InlineData(0.151, 0, false)]
    [InlineData(0.1499, 0, true)]
    [InlineData(0.251, 100, false)]
    [InlineData(0.2499, 100, true)]
    public async Task Create_WithABudgetThatCouldOnlyGiveTheNodeBack_AsksForNone(
        double budget, int seconds, bool isRefused)
    {
        var spec = Spec with { BudgetUsd = budget };
        Intend(9);
        Ledger.Append(Run, LedgerKinds.Ready, $"{Node(9)}", new NodeMoment(Node(9), "Ready"));
        Clock.Advance(TimeSpan.FromSeconds(seconds));
        Ledger.Append(Run, LedgerKinds.Released, $"{Node(9)}", new NodeMoment(Node(9), "NOT_FOUND"));

        var made = await Activity().RunAsync(null!, new CreateNodeInput(spec, Place(), 1));

        Assert.Equal(isRefused ? 0 : 1, Cloud.Creates.Count);
        Assert.Equal(
            isRefused ? ("BUDGET_EXHAUSTED", RefusalScope.Request) : (null, null),
            (made.Refusal?.Code, made.Refusal?.Scope));
        Assert.Equal(!isRefused, made.Asked);
        Assert.Equal(isRefused ? 1 : 2, Facts(LedgerKinds.Intent));
    }

    /// <summary>Places of several types: the rest of the budget may be enough for a smaller one.</summary>
    [Fact]
    public async Task Create_AtAPlaceThatIsTooDearForTheRestOfTheBudget_LeavesItOutWhileACheaperOneIsNot()
    {
        var spec = Spec with { BudgetUsd = 0.1 };
        var small = Place() with { AcceleratorType = "v5litepod-1", Chips = 1, UsdPerHour = 0.45 };
        Ledger.Append(Run, LedgerKinds.Plan, "plan", new RunPlan([Place(), small], 1, 1));

        var dear = await Activity().RunAsync(null!, new CreateNodeInput(spec, Place(), 1));
        var cheap = await Activity().RunAsync(null!, new CreateNodeInput(spec, small, 2));
        var none = await Activity().RunAsync(null!, new CreateNodeInput(spec with { BudgetUsd = 0.018 }, small, 3));

        Assert.Equal(
            ("BUDGET_EXHAUSTED", RefusalScope.Zone, false), (dear.Refusal?.Code, dear.Refusal?.Scope, dear.Asked));
        Assert.True(dear.Refusal!.RememberSeconds >= 3600, "the search rules it out");
        Assert.Null(Memory.Find(Spec.Project, Place()));
        Assert.Null(cheap.Refusal);
        Assert.Equal(RefusalScope.Request, none.Refusal?.Scope);
    }

    /// <summary>A move has two nodes at once.</summary>
    [Fact]
    public async Task Create_OfASecondNode_KeepsTheEndOfBoth()
    {
        Intend(9);
        Ledger.Append(Run, LedgerKinds.Ready, $"{Node(9)}", new NodeMoment(Node(9), "Ready"));
        var spec = Spec with { BudgetUsd = 0.3 };

        var made = await Activity().RunAsync(null!, new CreateNodeInput(spec, Place(), 1) { IsMove = true });

        Assert.Equal("BUDGET_EXHAUSTED", made.Refusal?.Code);
        Assert.Contains("has 0.30 USD left, and giving back", made.Refusal!.Reason, StringComparison.Ordinal);
    }

    private NodeSecrets Secrets() => new(Folder);

    private CreateNodeActivity Activity() => new(Cloud, Ledger, Memory, Secrets(), Bootstrap, Jobs, Clock);

    private Task<CreateNodeResult> RunAsync(Candidate? place = null, int attempt = 1) =>
        Activity().RunAsync(null!, new CreateNodeInput(Spec, place ?? Place(), attempt));
}
