using Grpc.Core;
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
    [InlineData(ProvisioningMode.Spot, true)]
    [InlineData(ProvisioningMode.OnDemand, false)]
    public async Task Create_OfAProvisioning_AsksForItAlone(ProvisioningMode mode, bool isSpot)
    {
        await RunAsync(Place(mode: mode));

        Assert.Equal(isSpot, Assert.Single(Cloud.Creates).Node.SchedulingConfig.Spot);
    }

    [Fact]
    public async Task Create_WithNetworkAndAccount_PassesThemOn()
    {
        var spec = Spec with { Tpu = Spec.Tpu with { Network = "vpc", ServiceAccount = "worker@p" } };

        await Activity().RunAsync(null!, new CreateNodeInput(spec, Place(), 1));

        var node = Assert.Single(Cloud.Creates).Node;
        Assert.Equal(("vpc", "worker@p"), (node.NetworkConfig.Network, node.ServiceAccount.Email));
    }

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

    [Fact]
    public async Task Create_OnceTheMemoryEnds_AsksAgain()
    {
        Cloud.Fail("Create", StatusCode.ResourceExhausted, NoCapacity);
        await RunAsync();
        Clock.Advance(TimeSpan.FromSeconds(601));

        var again = await RunAsync(attempt: 2);

        Assert.Equal((Node(2), null), (again.NodeName, again.Refusal));
    }

    [Fact]
    public async Task Create_RefusedForSpot_IsStillAskedOnDemand()
    {
        Cloud.Fail("Create", StatusCode.ResourceExhausted, NoCapacity);
        await RunAsync();

        Assert.Null((await RunAsync(Place(mode: ProvisioningMode.OnDemand), attempt: 2)).Refusal);
    }

    private NodeSecrets Secrets() => new(Folder);

    private CreateNodeActivity Activity() => new(Cloud, Ledger, Memory, Secrets(), Bootstrap, Clock);

    private Task<CreateNodeResult> RunAsync(Candidate? place = null, int attempt = 1) =>
        Activity().RunAsync(null!, new CreateNodeInput(Spec, place ?? Place(), attempt));
}
