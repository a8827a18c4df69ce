using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Workers;
using Workflows.TestKit;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Workers;

/// <summary>The worker of a node that passes to another run: one secret, bound to the node, for one run at a
/// time.</summary>
public sealed class HandedWorkerTests : IDisposable
{
    private static readonly RunId Giver = new("g-a"), Taker = new("g-b");

    private static readonly NodeName Node = NodeName.Of("p", "us-west4-a", "wf-g-a-1");

    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 8, 0, 0, TimeSpan.Zero));
    private readonly RunLedger _ledger;
    private readonly JobBook _jobs;

    public HandedWorkerTests()
    {
        _ledger = new RunLedger(_folder.Path, _clock);
        _jobs = new JobBook(_ledger, new MetricsLog(_ledger, _clock), _clock);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Worker_OfAHandedNode_IsSentAwayAndGetsTheJobsOfItsNewRunAlone()
    {
        var (first, second) = (GivenJob.Training(Giver, Node), GivenJob.Training(Taker, Node));
        _jobs.Dispatch(first);
        var connection = _jobs.Open(Giver, Node);
        Hand();
        _jobs.Hand(Giver, Node);
        _jobs.Dispatch(second);

        Assert.False(_jobs.IsConnected(Giver, Node));
        Assert.Equal(["train@wf-g-a-1"], Sent(connection));
        Assert.True(connection.Outgoing.Completion.IsCompleted);
        Assert.Equal(Taker, _jobs.OwnerOf(Giver, Node));

        // The worker has done a job of that node: the next one needs another id, or it would tell the end of the first.
        Assert.Equal(["train@g-b@wf-g-a-1"], Sent(_jobs.Open(Taker, Node)));
        Assert.NotNull(_jobs.End(Taker, Node, new JobEnded { JobId = "train@g-b@wf-g-a-1", Succeeded = true }));
        Assert.Null(_jobs.End(Taker, Node, new JobEnded { JobId = "train@wf-g-a-1", Succeeded = true }));
        Assert.Null(_jobs.Look(JobKind.Train, Giver, Node).End);
    }

    [Fact]
    public void Secret_OfAHandedNode_IsVoidOnceItsNewRunGivesItBack()
    {
        Hand();
        Assert.False(_jobs.IsRevoked(_jobs.OwnerOf(Giver, Node), Node));

        _jobs.Revoke(Taker, Node);

        Assert.True(_jobs.IsRevoked(_jobs.OwnerOf(Giver, Node), Node));
    }

    private void Hand() =>
        _ledger.Append(Giver, LedgerKinds.Handed, $"{Node}", new HandedFact(Node, Taker));

    private static List<string> Sent(Connection connection)
    {
        var ids = new List<string>();
        while (connection.Outgoing.TryRead(out var message))
        {
            ids.Add(message.Job.JobId);
        }

        return ids;
    }
}
