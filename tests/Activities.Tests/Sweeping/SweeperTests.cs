using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Grpc.Core;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.Activities.Tests.Sweeping;

/// <summary>What no live run keeps is given back with a proof; what may be somebody else's is left alone.</summary>
public sealed class SweeperTests : SweepFolder
{
    [Fact]
    public async Task Sweep_OfAnEndedRunsNode_DeletesItAndProvesItInLedgerAndRecord()
    {
        // Made late: the run has ended, and its create call was never answered.
        var node = Put();

        var first = await SweepAsync(SweepScope.Eternal);
        var second = await SweepAsync(SweepScope.Eternal);
        Cloud.Nodes.Clear();
        Clock.Advance(TimeSpan.FromMinutes(1));
        var third = await SweepAsync(SweepScope.Eternal);

        Assert.Equal([SweepStep.Asked, SweepStep.Deleting], new[] { first, second }.Select(Step));
        Assert.Equal(ResourceOwner.ThisService, Assert.Single(first.Found).Owner);
        Assert.Equal([node.Name], Cloud.Deleted());
        Assert.Equal(["revoke wf-run-1-1"], Jobs.Calls);
        Assert.Empty(third.Found);
        Assert.True(third.IsClean);
        var proof = Assert.Single(third.GivenBack);
        Assert.Equal(
            (node.Name, "run-1", "deletion", TimeSpan.FromMinutes(1), "NOT_FOUND"),
            (proof.Name, proof.Run, proof.Operation, proof.GoneAt - proof.AskedAt, proof.State));
        Assert.Equal(proof, Assert.Single(Ledger.Read<SweptFact>(Run, LedgerKinds.Swept)).Data);
        Assert.Equal("deletion", Assert.Single(
            Ledger.Read<NodeDeletion>(Run, LedgerKinds.Deletion)).Data.Operation);
        Assert.Equal("NOT_FOUND", Assert.Single(Ledger.Read<NodeMoment>(Run, LedgerKinds.Released)).Data.State);
        Assert.Contains(("Get", node.Name), Cloud.Calls);
    }

    [Fact]
    public async Task Sweep_OfAnUnknownRunsNode_ProvesItInTheRecordAloneAndMakesNoLedger()
    {
        var node = Put("gone-run");

        var report = await SweepAsync(SweepScope.Eternal);
        Cloud.Nodes.Clear();
        Reopen();
        await SweepAsync(SweepScope.Eternal);
        Reopen();

        Assert.Contains("knows no such run", Assert.Single(report.Found).Why, StringComparison.Ordinal);
        Assert.False(Ledger.Knows(new RunId("gone-run")));
        Assert.Equal(node.Name, Assert.Single((await SweepAsync(Look)).GivenBack).Name);
    }

    [Fact]
    public async Task Sweep_OfALiveRunsNode_LeavesItAloneWhoeverAsks()
    {
        Put();
        var old = Put(attempt: 2);
        old.Labels.Remove(NodeLabels.Service);
        Runs.Live.Add("run-1");

        var reports = new[] { await SweepAsync(SweepScope.Eternal), await SweepAsync(Person) };

        Assert.Empty(Cloud.Deleted());
        Assert.All(reports, report => Assert.Empty(report.Found));
        Assert.All(reports, report => Assert.Equal(2, Assert.Single(report.Projects).Live));
    }

    /// <summary>A request whose answer was lost can be carried out late: its run has seen NOT_FOUND, and looks no
    /// more.</summary>
    [Fact]
    public async Task Sweep_OfANodeThatItsLiveRunHasGivenBack_DeletesIt()
    {
        var late = Put(attempt: 1);
        Put(attempt: 2);
        Intend(2);
        Runs.Live.Add("run-1");
        Ledger.Append(Run, LedgerKinds.Released, $"{Node(1)}", new NodeMoment(Node(1), "NOT_FOUND"));

        var report = await SweepAsync(SweepScope.Eternal);

        Assert.Equal([late.Name], Cloud.Deleted());
        Assert.Contains("given it back", Assert.Single(report.Found).Why, StringComparison.Ordinal);
        Assert.Equal(1, Assert.Single(report.Projects).Live);
    }

    [Fact]
    public async Task Sweep_OfAnotherServicesNode_LeavesItAloneUntilAPersonNamesThatService()
    {
        var node = Put();
        node.Labels[NodeLabels.Service] = Other;

        var eternal = await SweepAsync(SweepScope.Eternal with { OfServices = [Other] });
        var person = await SweepAsync(Person);

        Assert.Equal(
            (ResourceOwner.OtherService, SweepStep.Listed, Other),
            (eternal.Found[0].Owner, eternal.Found[0].Step, eternal.Found[0].Service));
        Assert.True(person.IsClean);
        Assert.Empty(Cloud.Deleted());

        await SweepAsync(Person with { OfServices = [Other] });

        Assert.Equal([node.Name], Cloud.Deleted());
        Assert.Empty(Jobs.Calls);
    }

    /// <summary>A label can be written by anybody, the secret cannot.</summary>
    [Theory]
    [InlineData(false, true, "earlier version")]
    [InlineData(false, false, "perhaps another one's")]
    [InlineData(true, false, "somebody else")]
    public async Task Sweep_OfANodeWithoutProof_TellsAboutItAndDeletesItForAPersonAlone(
        bool hasLabel, bool hasSecret, string why)
    {
        var node = Put();
        if (!hasLabel)
        {
            node.Labels.Remove(NodeLabels.Service);
        }

        if (!hasSecret)
        {
            node.Metadata[NodeLabels.Secret] = new string('0', 64);
        }

        var eternal = await SweepAsync(SweepScope.Eternal);

        Assert.Equal((ResourceOwner.Unproved, SweepStep.Listed), (eternal.Found[0].Owner, eternal.Found[0].Step));
        Assert.Contains(why, eternal.Found[0].Why, StringComparison.Ordinal);
        Assert.False(eternal.IsClean);
        Assert.Empty(Cloud.Deleted());

        await SweepAsync(Person);
        Cloud.Nodes.Clear();

        // The proof is looked for by every later look, whoever makes it.
        Assert.Equal(node.Name, Assert.Single((await SweepAsync(SweepScope.Eternal)).GivenBack).Name);
        Assert.Equal(hasSecret ? 1 : 0, Facts(LedgerKinds.Swept));
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("")]
    [InlineData("Run-1")]
    [InlineData("a\u001b[31m")]
    [InlineData("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")]
    public async Task Sweep_OfAHostileLabel_IsNoRunAndNoPath(string label)
    {
        var node = Put();
        node.Labels[NodeLabels.Run] = label;
        var before = Directory.GetFileSystemEntries(Folder, "*", SearchOption.AllDirectories);

        var report = await SweepAsync(SweepScope.Eternal);

        Assert.Equal((ResourceOwner.Unproved, label), (report.Found[0].Owner, report.Found[0].Run));
        Assert.Empty(Cloud.Deleted());
        Assert.Equal(
            before.Append(Path.Combine(Folder, "sweep.jsonl")).Append(Path.Combine(Folder, "sweep-last.json"))
                .Order(StringComparer.Ordinal),
            Directory.GetFileSystemEntries(Folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("projects/p/locations/us-west4-a/nodes/a\u001b[2J")]
    [InlineData("projects/p/locations/us-west4-a/nodes/a b")]
    [InlineData("nonsense")]
    public async Task Sweep_OfANameThatCannotBe_PassesItOver(string name)
    {
        var node = Put();
        node.Name = name;

        Assert.Empty((await SweepAsync(Person)).Found);
        Assert.Empty(Cloud.Deleted());
    }

    [Fact]
    public async Task Sweep_OfAQueuedResource_DeletesItByForceWithItsNode()
    {
        var node = Put();
        var queued = Queue(node);
        node.QueuedResource = queued.Name;

        var report = await SweepAsync(SweepScope.Eternal);
        Cloud.Nodes.Clear();
        Cloud.Queued.Clear();
        var last = await SweepAsync(SweepScope.Eternal);

        Assert.Equal(
            [(ResourceKind.QueuedResource, SweepStep.Asked), (ResourceKind.Node, SweepStep.Deleting)],
            report.Found.Select(each => (each.Kind, each.Step)));
        Assert.Contains(("ForceQueued", queued.Name), Cloud.Calls);
        Assert.Empty(Cloud.Deleted());
        Assert.Equal([queued.Name, node.Name], last.GivenBack.Select(each => each.Name).Order().Reverse());
    }

    [Fact]
    public async Task Sweep_OfAQueuedResourceOfTwoOwners_TouchesNeither()
    {
        var queued = Queue(Put().Clone());
        var foreign = queued.Tpu.NodeSpec[0].Clone();
        foreign.Node.Labels[NodeLabels.Service] = Other;
        queued.Tpu.NodeSpec.Add(foreign);
        Cloud.Nodes.Clear();

        Assert.Equal(ResourceOwner.Unproved, Assert.Single((await SweepAsync(SweepScope.Eternal)).Found).Owner);
        Assert.DoesNotContain(Cloud.Calls, call => call.Method.EndsWith("Queued", StringComparison.Ordinal)
            && call.Method != "ListQueued");
    }

    [Fact]
    public async Task Sweep_OfANodeThatRefusesItsDeletion_SaysSoAndGoesOnWithTheOthers()
    {
        var (stubborn, other) = (Put(), Put(attempt: 2));
        Cloud.Fail("Delete", StatusCode.FailedPrecondition, "The node is in maintenance.");

        var report = await SweepAsync(SweepScope.Eternal);
        var again = await SweepAsync(SweepScope.Eternal);

        Assert.Equal([SweepStep.Refused, SweepStep.Asked], report.Found.Select(each => each.Step));
        Assert.Contains("The node is in maintenance.", report.Found[0].Refusal, StringComparison.Ordinal);
        Assert.Equal(SweepStep.Asked, again.Found[0].Step);
        Assert.Equal([stubborn.Name, other.Name, stubborn.Name], Cloud.Deleted());
    }

    [Fact]
    public async Task Sweep_OfADeletionWhoseOperationFailed_SaysWhyAndAsksAgain()
    {
        var node = Put();
        await SweepAsync(SweepScope.Eternal);
        node.State = State.Ready;
        Cloud.Operations["deletion"] = new Operation { Name = "deletion" };
        var open = await SweepAsync(SweepScope.Eternal);
        Cloud.Operations["deletion"] = new Operation
        {
            Name = "deletion",
            Done = true,
            Error = new Google.Rpc.Status { Code = 13, Message = "an internal error has occurred" },
        };

        var failed = await SweepAsync(SweepScope.Eternal);

        Assert.Equal(SweepStep.Deleting, Step(open));
        Assert.Equal(SweepStep.Refused, Step(failed));
        Assert.Contains("an internal error", failed.Found[0].Refusal, StringComparison.Ordinal);
        Assert.Equal(2, Cloud.Deleted().Count());
    }

    [Fact]
    public async Task Sweep_WithoutLeaveToDelete_OnlyTells()
    {
        Put();
        Queue(Put(attempt: 2));

        var report = await SweepAsync(Look);

        Assert.All(report.Found, each => Assert.Equal(SweepStep.Listed, each.Step));
        Assert.Equal(3, report.Found.Count);
        Assert.Empty(Cloud.Deleted());
        Assert.Equal(
            8 * 1.2, report.Found.Single(each => each.Name == $"{Node(1)}").UsdPerHour!.Value, precision: 6);
    }

    [Fact]
    public async Task Sweep_OfAProjectOutOfReach_SaysSoOnceAndSweepsTheOthers()
    {
        var node = Put();
        var report = await SweepAsync(
            SweepScope.Eternal with { Project = "closed-project" },
            new ClosedCloud(Cloud, "closed-project"));

        Assert.Equal(["closed-project", "p"], report.Projects.Select(each => each.Project));
        Assert.Contains("CREDENTIALS_MISSING", report.Projects[0].Problem, StringComparison.Ordinal);
        Assert.Equal("Log in.", report.Projects[0].Fix);
        Assert.Null(report.Projects[1].Problem);
        Assert.Equal([node.Name], Cloud.Deleted());
        Assert.False(report.IsClean);
    }

    [Fact]
    public async Task Sweep_OfAProjectWithoutTheApi_ClaimsNothing()
    {
        Put();
        Cloud.Broken["projects/p/locations/-"] = new RpcException(new Status(
            StatusCode.PermissionDenied, "Cloud TPU API has not been used in project 1 before or it is disabled."));

        var report = await SweepAsync(SweepScope.Eternal);

        Assert.StartsWith("API_DISABLED", Assert.Single(report.Projects).Problem, StringComparison.Ordinal);
        Assert.False(report.IsClean);
    }

    [Fact]
    public async Task Sweep_WhileAZoneIsSilent_TellsWhichAndSweepsTheOthers()
    {
        var node = Put();
        Cloud.Zones.Add("us-new9-z");
        Cloud.Broken["projects/p/locations/us-new9-z"] = new RpcException(new Status(StatusCode.Unavailable, "down"));
        Cloud.Broken["projects/p/locations/us-central2-b"] = new RpcException(new Status(
            StatusCode.PermissionDenied, "Permission denied on 'locations/us-central2-b' (or it may not exist)."));

        var project = Assert.Single((await SweepAsync(SweepScope.Eternal)).Projects);

        Assert.Contains("us-new9-z", project.Problem, StringComparison.Ordinal);
        Assert.DoesNotContain("us-central2-b", project.Problem, StringComparison.Ordinal);
        Assert.Equal(1, project.RefusedZones);
        Assert.Equal([node.Name], Cloud.Deleted());
    }

    [Fact]
    public async Task Sweep_OfALeftoverInAZoneThatOnlyItsOwnListHas_FindsIt()
    {
        // A list over all locations leaves out what it cannot reach.
        var node = Put(zone: "us-new9-z");
        Cloud.Zones.Add("us-new9-z");
        Cloud.Hidden.Add(node.Name);

        Assert.Equal(node.Name, Assert.Single((await SweepAsync(Look)).Found).Name);
    }

    [Fact]
    public async Task Sweep_WhileTheEngineDoesNotAnswer_DeletesNothing()
    {
        Put();
        Runs.Fault = new RpcException(new Status(StatusCode.Unavailable, "the engine is away"));

        await Assert.ThrowsAsync<RpcException>(() => SweepAsync(SweepScope.Eternal));

        Assert.Empty(Cloud.Deleted());
    }

    [Fact]
    public async Task Sweep_WhoseProofCannotBeHad_KeepsLookingForIt()
    {
        var node = Put();
        await SweepAsync(SweepScope.Eternal);
        Cloud.Nodes.Clear();
        Cloud.Fail("Get", StatusCode.Unavailable, "down");

        var broken = await SweepAsync(SweepScope.Eternal);
        var proved = await SweepAsync(SweepScope.Eternal);

        Assert.Contains("not proved gone", Assert.Single(broken.Projects).Problem, StringComparison.Ordinal);
        Assert.Empty(broken.GivenBack);
        Assert.Equal(node.Name, Assert.Single(proved.GivenBack).Name);
    }

    [Fact]
    public async Task Sweep_OfProjects_TakesThoseOfRunsAndOfRehearsalsEachOnce()
    {
        var rehearsal = new RunId("run-2");
        var name = NodeName.Of("rehearsal-run-2", Zone, "wf-run-2-1");
        Ledger.Append(rehearsal, LedgerKinds.Intent, $"{name}", new TpuLease(name, Place(), 1));
        Ledger.Append(new RunId("run-3"), LedgerKinds.Intent, $"{Node(9)}", Lease(9));
        Ledger.Append(new RunId("run-4"), LedgerKinds.Stage, "s", new StageInput(rehearsal, RunStageName.Plan, ""));
        Runs.Rehearsals.Add("rehearsal-elsewhere");
        File.WriteAllText(Path.Combine(Ledger.DirectoryOf(new RunId("run-5")), "ledger.jsonl"), "{\"kind\":\"intent\"");

        var report = await SweepAsync(Look);

        Assert.Equal(
            [("p", false), ("rehearsal-elsewhere", true)],
            report.Projects.Select(each => (each.Project, each.IsRehearsal)));
        Directory.Delete(Path.Combine(Folder, "runs"), recursive: true);
        Reopen();
        Assert.Equal(["p"], Record.Projects());
    }

    /// <summary>No sweep has looked before the purge, or one has looked before a later run got the id.</summary>
    [Fact]
    public void Keep_BeforeAPurge_KeepsTheProjectAndReadsALaterRunOfTheId()
    {
        Record.Keep(Run);
        Ledger.Purge(Run);
        Record.Forget(Run);
        Assert.Equal(["p"], Record.Projects());

        foreach (var project in new[] { "second", "third" })
        {
            var name = NodeName.Of(project, Zone, "wf-run-1-1");
            Ledger.Append(Run, LedgerKinds.Intent, $"{name}", new TpuLease(name, Place(), 1));
            Assert.Contains(project, Record.Projects());
            Record.Keep(Run);
            Ledger.Purge(Run);
            Record.Forget(Run);
        }

        Reopen();
        Assert.Equal(["p", "second", "third"], Record.Projects());
    }

    private static SweepStep Step(SweepReport report) => Assert.Single(report.Found).Step;

    private sealed class ClosedCloud(ITpuCloud open, string closed) : ITpuCloud
    {
        public Task<TpuConnection> ConnectAsync(
            string project, bool isRehearsal, CancellationToken cancellationToken) => project == closed
            ? throw new RunFaultException("CREDENTIALS_MISSING", "There are none.", "Log in.")
            : open.ConnectAsync(project, isRehearsal, cancellationToken);
    }
}
