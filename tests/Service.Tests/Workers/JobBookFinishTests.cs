using Workflows.Activities.Events;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Workers;
using Workflows.TestKit;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Workers;

/// <summary>Trainings that end early, whatever happens to their workers meanwhile.</summary>
public sealed class JobBookFinishTests : IDisposable
{
    private static readonly RunId Run = new("run-1");
    private static readonly NodeName Node = NodeName.Of("p", "us-west4-a", "wf-run-1-1");
    private static readonly NodeName Next = NodeName.Of("p", "us-west4-a", "wf-run-1-2");

    private readonly TemporaryFolder _folder = new();
    private RunLedger? _ledger;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Finish_OfAConnectedTraining_TellsItsWorkerTheStep()
    {
        var jobs = Open();
        var connection = jobs.Open(Run, Node);
        jobs.Dispatch(GivenJob.Training(Run, Node));
        Note(7);

        jobs.Finish(Run);

        var messages = Sent(connection);
        Assert.Equal(0, messages[0].Job.Train.FinishAfterStep);
        Assert.Equal(("train@wf-run-1-1", 7), (messages[1].FinishJob.JobId, messages[1].FinishJob.AfterStep));
    }

    [Fact]
    public void Open_AfterALossOrARestart_GivesTheJobWithItsEnd()
    {
        Open().Dispatch(GivenJob.Training(Run, Node));
        Note(7);
        Open().Dispatch(GivenJob.Training(Run, Next));

        var jobs = Open();

        Assert.Equal(7, Sent(jobs.Open(Run, Next))[0].Job.Train.FinishAfterStep);
        Assert.Equal(7, Sent(jobs.Open(Run, Node))[0].Job.Train.FinishAfterStep);
    }

    /// <summary>A worker that goes on with a job ignores the same job, with whatever is new in it.</summary>
    [Fact]
    public void Finish_WhileTheWorkerWasAway_IsToldWhenItConnectsAgain()
    {
        var jobs = Open();
        var connection = jobs.Open(Run, Node);
        jobs.Dispatch(GivenJob.Training(Run, Node));
        jobs.Closed(Run, Node, connection);
        Note(7);
        jobs.Finish(Run);

        var order = Sent(jobs.Open(Run, Node))[^1].FinishJob;

        Assert.Equal(("train@wf-run-1-1", 7), (order?.JobId, order?.AfterStep));
    }

    [Fact]
    public void Finish_OfAnEndedTrainingOrATranslation_TellsNobody()
    {
        var jobs = Open();
        var connection = jobs.Open(Run, Node);
        jobs.Dispatch(GivenJob.Training(Run, Node));
        jobs.End(Run, Node, new JobEnded { JobId = "train@wf-run-1-1", Succeeded = true });
        jobs.Dispatch(GivenJob.Of(JobKind.Translate, Run, Node));
        Note(7);

        jobs.Finish(Run);

        Assert.All(Sent(connection), message => Assert.Null(message.FinishJob));
    }

    [Fact]
    public void Open_InALaterPart_DoesNotEndTheTrainingAsThePartBeforeWasAsked()
    {
        Note(7);
        _ledger!.Append(Run, LedgerKinds.Resumed, "2", new ResumedFact(2, RunStatus.Failed, null, null, 0, 0, []));
        var jobs = Open();
        jobs.Dispatch(GivenJob.Training(Run, Node));

        Assert.Equal(0, Assert.Single(Sent(jobs.Open(Run, Node))).Job.Train.FinishAfterStep);
    }

    private void Note(int step) =>
        (_ledger ??= Ledger()).AppendInPart(Run, LedgerKinds.Finish, "finish", new FinishFact("kim", "flat", step));

    private RunLedger Ledger() => new(_folder.Path, TimeProvider.System);

    /// <summary>Starts the service again: what it keeps in memory is gone.</summary>
    private JobBook Open()
    {
        _ledger = Ledger();
        return new JobBook(_ledger, new MetricsLog(_ledger, TimeProvider.System), TimeProvider.System);
    }

    private static List<GatewayMessage> Sent(Connection connection)
    {
        var messages = new List<GatewayMessage>();
        while (connection.Outgoing.TryRead(out var message))
        {
            messages.Add(message);
        }

        return messages;
    }
}
