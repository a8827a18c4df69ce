using Grpc.Core;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Teardown;
using Workflows.Activities.Tests.Provisioning;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.Activities.Tests.Teardown;

/// <summary>Nothing may be left running: what can exist is asked for, and nothing else.</summary>
public sealed class ReleaseAllActivityTests : CloudFolder
{
    private const string ApiDisabled =
        "Cloud TPU API has not been used in project 1 before or it is disabled.";

    [Fact]
    public async Task ReleaseAll_OfARunThatAskedForNothing_NeedsNoCloud()
    {
        Assert.Empty(await RunAsync());

        Assert.Equal((0, 0), (Cloud.Connects, Cloud.Calls.Count));
    }

    /// <summary>Every attempt but a refused one may have left a node, whatever its end says.</summary>
    [Theory]
    [InlineData(AttemptOutcome.Ready, true)]
    [InlineData(AttemptOutcome.Failed, true)]
    [InlineData(AttemptOutcome.Timeout, true)]
    [InlineData(AttemptOutcome.Cancelled, true)]
    [InlineData(AttemptOutcome.Refused, false)]
    public async Task ReleaseAll_OfAnAttempt_AsksForItsNodeIfItMayExist(AttemptOutcome outcome, bool isAskedFor)
    {
        Intend(1);
        End(1, outcome);

        var releases = await RunAsync();

        Assert.Equal(isAskedFor ? [Node(1)] : [], releases.Select(release => release.NodeName));
        Assert.Equal(isAskedFor, Cloud.Calls.Contains(("Get", $"{Node(1)}")));
    }

    [Fact]
    public async Task ReleaseAll_OfAnAttemptWithoutAnEnd_AsksForItsNode()
    {
        // The service died between the create call and the end of the attempt.
        Intend(1);
        Cloud.Put(Node(1), State.Creating);

        Assert.Equal([new NodeRelease(Node(1), "Creating", false)], await RunAsync());
        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
    }

    /// <summary>Nothing can exist, and the cloud cannot be reached: the run ends at once, not after hours.</summary>
    [Fact]
    public async Task ReleaseAll_OfAnUnsentRequestWithoutCredentials_HasNothingToGiveBack()
    {
        Intend(1);
        var key = SentRequests.Begin(Ledger, Run, Node(1));
        var unsent = new RpcException(new Status(StatusCode.Unauthenticated, "Not sent: invalid_grant"));
        SentRequests.NoteIfUnsent(Ledger, Run, key, unsent);
        Cloud.Fail("List", StatusCode.Unauthenticated, "Not sent: invalid_grant");

        Assert.Empty(await RunAsync());
    }

    [Fact]
    public async Task ReleaseAll_OfASentRequestWithoutCredentials_IsTriedAgain()
    {
        Intend(1);
        SentRequests.Begin(Ledger, Run, Node(1));
        Cloud.Fail("List", StatusCode.Unauthenticated, "Not sent: invalid_grant");

        await Assert.ThrowsAsync<RpcException>(() => RunAsync());
    }

    [Fact]
    public async Task ReleaseAll_OfARefusalWithoutAName_StillAsksForTheIntendedNode()
    {
        // The API stayed out of reach: nobody knows whether the node was made, and the attempt names none.
        Intend(1);
        End(1, AttemptOutcome.Refused, NodeName.None);

        Assert.Equal([Node(1)], (await RunAsync()).Select(release => release.NodeName));
    }

    [Fact]
    public async Task ReleaseAll_OfSeveralAttempts_LooksAtEachOnceInOneOrder()
    {
        foreach (var attempt in new[] { 3, 1, 2 })
        {
            Intend(attempt);
        }

        End(2, AttemptOutcome.Refused);
        Cloud.Put(Node(1), State.Ready, "run-1");
        Cloud.Put(Node(3), State.Deleting, "run-1");

        var releases = await RunAsync();

        Assert.Equal(
            [new NodeRelease(Node(1), "Ready", false), new NodeRelease(Node(3), "Deleting", false)], releases);
        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
    }

    /// <summary>An outage of one zone must not leave the nodes of the others running.</summary>
    [Fact]
    public async Task ReleaseAll_WithAZoneThatDoesNotAnswer_DeletesTheNodesOfTheOthers()
    {
        foreach (var attempt in Enumerable.Range(1, 6))
        {
            Intend(attempt);
        }

        Cloud.Put(Node(7, "us-west8-b"), State.Ready, "run-1");
        for (var call = 0; call < 3; call++)
        {
            Cloud.Fail("Get", StatusCode.Unavailable, "no connection");
        }

        await Assert.ThrowsAsync<RpcException>(() => RunAsync());
        Assert.Equal([$"{Node(7, "us-west8-b")}"], Cloud.Deleted());
        Assert.Equal(4, Cloud.Calls.Count(call => call.Item1 == "Get"));

        Assert.Equal(7, (await RunAsync()).Count);
    }

    /// <summary>A proof is enough, unless the cloud lists the node all the same: a long search has hundreds.</summary>
    [Fact]
    public async Task ReleaseAll_OfNodesThatAreProvedGone_AsksForThoseThatAreListed()
    {
        Intend(1);
        Intend(2);
        Assert.All(await RunAsync(), release => Assert.True(release.ConfirmedNotFound));
        Cloud.Calls.Clear();
        Cloud.Put(Node(2), State.Ready, "run-1");

        var releases = await RunAsync();

        Assert.Equal([true, false], releases.Select(release => release.ConfirmedNotFound));
        Assert.Equal([("Get", $"{Node(2)}")], Cloud.Calls.Where(call => call.Item1 == "Get"));
        Assert.Equal([$"{Node(2)}"], Cloud.Deleted());
    }

    [Fact]
    public async Task ReleaseAll_WithStraysInOtherZones_FindsThemByTheirLabelOnEveryPage()
    {
        Intend(1);
        var strays = Enumerable.Range(2, 5).Select(each => Node(each, $"us-west{each}-b")).ToList();
        strays.ForEach(stray => Cloud.Put(stray, State.Ready, "run-1"));

        var releases = await RunAsync();

        Assert.Equal(6, releases.Count);
        Assert.Equal(strays.Select(each => $"{each}").Order(StringComparer.Ordinal), Cloud.Deleted());
        Assert.Equal(("List", "projects/p/locations/-"), Cloud.Calls[0]);
    }

    [Fact]
    public async Task ReleaseAll_WithARefusedNodeThatExistsAllTheSame_FindsItByItsLabel()
    {
        Intend(1);
        End(1, AttemptOutcome.Refused);
        Cloud.Put(Node(1), State.Ready, "run-1");

        await RunAsync();

        Assert.Equal([$"{Node(1)}"], Cloud.Deleted());
    }

    [Theory]
    [InlineData("run-11")]
    [InlineData("other")]
    [InlineData(null)]
    public async Task ReleaseAll_WithNodesOfOthers_LeavesThemAlone(string? run)
    {
        Intend(1);
        Cloud.Put(Node(7), State.Ready, run);

        var releases = await RunAsync();

        Assert.Equal([Node(1)], releases.Select(release => release.NodeName));
        Assert.Empty(Cloud.Deleted());
    }

    /// <summary>Ids of runs can be chosen: two services in one project may have a run of one id.</summary>
    [Fact]
    public async Task ReleaseAll_WithARunOfTheSameIdOfAnotherService_LeavesItsNodesAlone()
    {
        Intend(1);
        Cloud.Put(Node(7), State.Ready, "run-1");
        Cloud.Put(Node(8), State.Ready, "run-1");
        Cloud.Nodes[$"{Node(7)}"].Labels[NodeLabels.Service] = "0123456789abcdef";
        Cloud.Nodes[$"{Node(8)}"].Labels[NodeLabels.Service] = new NodeSecrets(Folder).ServiceId;

        await RunAsync();

        Assert.Equal([$"{Node(8)}"], Cloud.Deleted());
    }

    [Fact]
    public async Task ReleaseAll_Repeated_DeletesNothingTwice()
    {
        Intend(1);
        Cloud.Put(Node(1), State.Ready, "run-1");

        await RunAsync();
        await RunAsync();
        Cloud.Nodes.Clear();
        var last = await RunAsync();

        Assert.Equal([new NodeRelease(Node(1), "NOT_FOUND", true)], last);
        Assert.Single(Cloud.Deleted());
    }

    [Fact]
    public async Task ReleaseAll_OfAProjectWithoutTheApi_EndsIfItAdmittedNoNode()
    {
        Intend(1);
        End(1, AttemptOutcome.Refused);
        Cloud.Fail("List", StatusCode.PermissionDenied, ApiDisabled);

        Assert.Empty(await RunAsync());
    }

    [Theory]
    [InlineData(StatusCode.PermissionDenied, ApiDisabled, false)]
    [InlineData(StatusCode.Unavailable, "down", true)]
    public async Task ReleaseAll_WhoseSearchFails_NeverClaimsThatNothingIsLeft(
        StatusCode code, string text, bool isRefused)
    {
        Intend(1);
        if (isRefused)
        {
            End(1, AttemptOutcome.Refused);
        }

        Cloud.Fail("List", code, text);

        await Assert.ThrowsAsync<RpcException>(RunAsync);
    }

    private Task<IReadOnlyList<NodeRelease>> RunAsync() =>
        new ReleaseAllActivity(Cloud, Ledger, Jobs, new NodeSecrets(Folder)).RunAsync(null!, Spec);
}
