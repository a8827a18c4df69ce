using Grpc.Core;
using Workflows.Activities.Reporting;
using Workflows.Activities.Teardown;
using Workflows.Activities.Tests.Provisioning;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.Activities.Tests.Teardown;

public sealed class ReleaseNodeActivityTests : CloudFolder
{
    [Theory]
    [InlineData(State.Creating)]
    [InlineData(State.Ready)]
    [InlineData(State.Preempted)]
    [InlineData(State.Stopped)]
    public async Task Release_NodeThatExists_DeletesItAndClaimsNothing(State state)
    {
        Cloud.Put(Node(1), state);

        var release = await RunAsync();

        Assert.Equal(new NodeRelease(Node(1), $"{state}", false), release);
        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
        Assert.Equal(0, Facts(LedgerKinds.Released));
        Assert.Equal(
            new NodeDeletion(Node(1), $"{state}", "deletion"),
            Assert.Single(Ledger.Read<NodeDeletion>(Run, LedgerKinds.Deletion)).Data);
    }

    /// <summary>A node can become READY between the last look at it and its release, and costs from then on.</summary>
    [Theory]
    [InlineData(State.Creating, 0, 0)]
    [InlineData(State.Ready, 1, 0)]
    [InlineData(State.Preempted, 0, 1)]
    [InlineData(State.Stopped, 0, 1)]
    [InlineData(State.Repairing, 0, 1)]
    public async Task Release_NodeThatNobodyLookedAt_NotesItsCost(State state, int ready, int stopped)
    {
        Cloud.Put(Node(1), state);

        await RunAsync();
        await RunAsync();

        Assert.Equal((ready, stopped), (Facts(LedgerKinds.Ready), Facts(LedgerKinds.Stopped)));
    }

    [Fact]
    public async Task Release_Repeated_DeletesOnceAndWaitsForTheProof()
    {
        Cloud.Put(Node(1), State.Ready);
        await RunAsync();

        var second = await RunAsync();
        Cloud.Nodes.Clear();
        var third = await RunAsync();
        var fourth = await RunAsync();

        Assert.Equal(new NodeRelease(Node(1), "Deleting", false), second);
        Assert.Equal([new NodeRelease(Node(1), "NOT_FOUND", true), third], [third, fourth]);
        Assert.Single(Cloud.Deleted());
        Assert.Equal("NOT_FOUND", Assert.Single(Ledger.Read<NodeMoment>(Run, LedgerKinds.Released)).Data.State);
    }

    [Fact]
    public async Task Release_NodeThatGoesBetweenLookAndDelete_IsNoFault()
    {
        Cloud.Put(Node(1), State.Ready);
        Cloud.Fail("Delete", StatusCode.NotFound, "gone");

        Assert.False((await RunAsync()).ConfirmedNotFound);
    }

    [Theory]
    [InlineData("Get")]
    [InlineData("Delete")]
    public async Task Release_ApiOutOfReach_ThrowsAndProvesNothing(string method)
    {
        Cloud.Put(Node(1), State.Ready);
        Cloud.Fail(method, StatusCode.Unavailable, "down");

        await Assert.ThrowsAsync<RpcException>(RunAsync);

        Assert.Equal(0, Facts(LedgerKinds.Released));
    }

    [Fact]
    public async Task Release_EvenOfAnApiOutOfReach_ShutsTheWorkerOutFirst()
    {
        Cloud.Fail("Get", StatusCode.Unavailable, "down");

        await Assert.ThrowsAsync<RpcException>(RunAsync);

        Assert.Equal(["revoke wf-run-1-1"], Jobs.Calls);
    }

    /// <summary>A retry policy of hours would hold a run that could work elsewhere.</summary>
    [Theory]
    [InlineData("Get", StatusCode.Unavailable)]
    [InlineData("Delete", StatusCode.Internal)]
    [InlineData("Delete", StatusCode.PermissionDenied)]
    public async Task Release_ForARunThatGoesOn_NotesACloudThatDoesNotTakeItAndProvesNothing(
        string method, StatusCode code)
    {
        Cloud.Put(Node(1), State.Ready);
        Cloud.Fail(method, code, "down");

        var failed = await RunAsync(goesOn: true);
        var again = await RunAsync(goesOn: true);

        Assert.Equal(new NodeRelease(Node(1), "UNREACHABLE", false), failed);
        Assert.Equal(new NodeRelease(Node(1), "Ready", false), again);
        Assert.Equal(
            new NodeMoment(Node(1), $"{code}: down"),
            Assert.Single(Ledger.Read<NodeMoment>(Run, LedgerKinds.NotReleased)).Data);
        Assert.Equal((0, 1), (Facts(LedgerKinds.Released), Facts(LedgerKinds.Deletion)));
    }

    private Task<NodeRelease> RunAsync() => RunAsync(goesOn: false);

    private Task<NodeRelease> RunAsync(bool goesOn) => new ReleaseNodeActivity(Cloud, Ledger, Jobs)
        .RunAsync(null!, new ReleaseInput(Spec, Node(1)) { GoesOn = goesOn });
}
