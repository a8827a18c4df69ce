using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Handover;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>The nodes and queued resources of a run, with their cost and the proof that they are gone.</summary>
public sealed class RunResourcesTests : RunFolder
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private readonly RunLedger _ledger;

    public RunResourcesTests() => _ledger = new RunLedger(Folder, _clock);

    [Fact]
    public void Resources_OfARunFromRequestToProof_TellEachStateWithItsCost()
    {
        var start = _clock.GetUtcNow();
        var lease = Ask(Id, 1);
        Assert.Equal((ResourceState.Asked, 0.0, null), Only(each => (each.State, each.Usd, each.EndedAt)));

        _clock.Advance(TimeSpan.FromSeconds(10));
        Moment(Id, LedgerKinds.Ready, lease, "READY");
        _clock.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(
            (ResourceState.Ready, 30.0, start.AddSeconds(10)), Only(each => (each.State, each.Usd, each.ReadyAt)));

        Moment(Id, LedgerKinds.Stopped, lease, "PREEMPTED");
        _clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(
            (ResourceState.Stopped, 30.0, "PREEMPTED", start.AddSeconds(40)),
            Only(each => (each.State, each.Usd, each.Why, each.EndedAt)));

        _ledger.Append(
            Id, LedgerKinds.Deletion, "o", new NodeDeletion(lease.NodeName, "PREEMPTED", "projects/p/operations/o"));
        Assert.Equal(ResourceState.Deleting, Only(each => each.State));
        _clock.Advance(TimeSpan.FromSeconds(5));
        Moment(Id, LedgerKinds.Released, lease, "NOT_FOUND");

        Assert.Equal(
            (ResourceState.Gone, 30.0, new ResourceDeletion(
                start.AddSeconds(45), "projects/p/operations/o", start.AddSeconds(50), "NOT_FOUND")),
            Only(each => (each.State, each.Usd, each.Deletion)));
    }

    [Fact]
    public void Resources_OfRefusalsAndQueues_AreInTheOrderOfTheRequests()
    {
        var refused = Ask(Id, 1, "us-west4-a");
        _ledger.Append(Id, LedgerKinds.Attempt, "1", new AttemptEnd(
            Id, refused, AttemptOutcome.Refused,
            new Refusal("QUOTA_EXHAUSTED", RefusalScope.Zone, 600, "no <b>쿼터</b>", "f"), 1));
        var queued = Ask(Id, 2, "us-west1-c");
        _ledger.Append(Id, LedgerKinds.Queued, "2", new QueuedFact(
            queued.NodeName, "projects/p/locations/us-west1-c/queuedResources/n-2", _clock.GetUtcNow().AddHours(1)));

        var all = RunResources.Of(_ledger, Id, _clock.GetUtcNow());

        Assert.Equal(
            [
                (ResourceKind.Node, ResourceState.Refused, "QUOTA_EXHAUSTED"),
                (ResourceKind.QueuedResource, ResourceState.Asked, null),
                (ResourceKind.Node, ResourceState.Asked, null),
            ],
            all.Select(each => (each.Kind, each.State, each.Code)));
        Assert.Equal("no <b>쿼터</b>", all[0].Why);
        Assert.NotNull(all[0].EndedAt);
        Assert.Equal(
            ("projects/p/locations/us-west1-c/queuedResources/n-2", 0.0, _clock.GetUtcNow().AddHours(1)),
            (all[1].Name, all[1].UsdPerHour, all[1].WaitsUntil));
    }

    [Fact]
    public void Resources_OfAGroup_AreThoseOfItsVariantsWithTheNodeThatWasHandedOn()
    {
        var (first, second) = (new RunId("r-a"), new RunId("r-b"));
        _ledger.Append(Id, LedgerKinds.Members, "members", new MembersFact([first, second]));
        var lease = Ask(first, 1);
        Moment(first, LedgerKinds.Ready, lease, "READY");
        _clock.Advance(TimeSpan.FromSeconds(20));
        _ledger.Append(first, LedgerKinds.Handed, "n", new HandedFact(lease.NodeName, second));
        _ledger.Append(second, LedgerKinds.Intent, "n", lease with { Attempt = 0 });

        var all = RunResources.Of(_ledger, Id, _clock.GetUtcNow());

        Assert.Equal([(first, ResourceState.Handed, 20.0), (second, ResourceState.Asked, 0.0)],
            all.Select(each => (each.Run, each.State, each.Usd)));
        Assert.Equal("handed to run 'r-b'", all[0].Why);
        Assert.Equal(all, RunResources.Of(_ledger, Id, _clock.GetUtcNow()));
    }

    private T Only<T>(Func<RunResource, T> select) =>
        select(Assert.Single(RunResources.Of(_ledger, Id, _clock.GetUtcNow())));

    private TpuLease Ask(RunId id, int attempt, string zone = "us-west4-a")
    {
        var lease = new TpuLease(
            NodeName.Of("p", zone, $"n-{attempt}"),
            new Candidate(zone, "v5litepod-8", ProvisioningMode.Spot, "v", 8, 3600), attempt);
        _ledger.Append(id, LedgerKinds.Intent, $"{lease.NodeName}", lease);
        return lease;
    }

    private void Moment(RunId id, string kind, TpuLease lease, string state) =>
        _ledger.Append(id, kind, $"{lease.NodeName}", new NodeMoment(lease.NodeName, state));
}
