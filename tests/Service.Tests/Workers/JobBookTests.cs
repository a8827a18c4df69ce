using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Service.Workers;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Workers;

/// <summary>Jobs and workers come and go in any order: nothing is lost, nothing is done for a stranger.</summary>
public sealed class JobBookTests : IDisposable
{
    private static readonly RunId Run = new("run-1");
    private static readonly NodeName Node = NodeName.Of("p", "us-west4-a", "wf-run-1-1");
    private static readonly NodeName Other = NodeName.Of("p", "us-west4-a", "wf-run-1-2");

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private JobBook _jobs;

    public JobBookTests() => _jobs = Open();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(JobKind.Train, "train@wf-run-1-1")]
    [InlineData(JobKind.Translate, "translate@wf-run-1-1")]
    public void JobId_OfAJob_IsThatOfOldLedgers(JobKind kind, string id) => Assert.Equal(
        id, JobBook.JobId(kind, Run, Node));

    [Fact]
    public void Dispatch_BeforeItsWorkerConnects_IsSentWhenItDoes()
    {
        _jobs.Dispatch(Job(JobKind.Train));

        Assert.Equal(["train@wf-run-1-1"], Sent(_jobs.Open(Run, Node)));
    }

    [Fact]
    public void Dispatch_ToAConnectedWorker_IsSentAtOnceToItAlone()
    {
        var (connection, other) = (_jobs.Open(Run, Node), _jobs.Open(Run, Other));

        _jobs.Dispatch(Job(JobKind.Train));

        Assert.Equal(["train@wf-run-1-1"], Sent(connection));
        Assert.Empty(Sent(other));
    }

    [Fact]
    public void Open_AfterARestartOfTheService_SendsTheJobsThatHaveNotEnded()
    {
        _jobs.Dispatch(Job(JobKind.Train));
        _jobs.Dispatch(Job(JobKind.Translate));
        _jobs.End(Run, Node, new JobEnded { JobId = "train@wf-run-1-1", Succeeded = true });

        _jobs = Open();

        Assert.Equal(["translate@wf-run-1-1"], Sent(_jobs.Open(Run, Node)));
    }

    [Fact]
    public void Dispatch_RunTwice_IsOneJob()
    {
        _jobs.Dispatch(Job(JobKind.Train));
        _jobs.Dispatch(Job(JobKind.Train));

        Assert.Single(Sent(_jobs.Open(Run, Node)));
    }

    [Fact]
    public void Open_ASecondTime_ClosesTheOlderStreamAndItsEndDoesNotCloseTheNewer()
    {
        var first = _jobs.Open(Run, Node);
        var second = _jobs.Open(Run, Node);

        _jobs.Closed(Run, Node, first);

        Assert.True(first.Outgoing.Completion.IsCompleted);
        Assert.False(second.Outgoing.Completion.IsCompleted);
        Assert.True(_jobs.IsConnected(Run, Node));
        _jobs.Closed(Run, Node, second);
        Assert.False(_jobs.IsConnected(Run, Node));
    }

    [Fact]
    public void End_OfAJob_NamesTheInstanceToWakeAndKeepsTheFirstEnd()
    {
        _jobs.Dispatch(Job(JobKind.Train));
        var ended = new JobEnded
        {
            JobId = "train@wf-run-1-1",
            Succeeded = true,
            TrainResult = new TrainResult { Steps = 9, Method = "lora" },
        };

        Assert.Equal("run-1:train", _jobs.End(Run, Node, ended));
        Assert.Equal(
            "run-1:train", _jobs.End(Run, Node, new JobEnded { JobId = "train@wf-run-1-1", ErrorCode = "late" }));

        Assert.Equal(new JobEnd(true, null, null), _jobs.Look(JobKind.Train, Run, Node).End);
        var fact = Assert.Single(Ledger().Read<EndFact>(Run, LedgerKinds.JobEnded)).Data;
        Assert.Equal((9, "lora", null), (fact.Train?.Steps, fact.Train?.Method, fact.Train?.BestScore));
    }

    [Theory]
    [InlineData("train@stranger")]
    [InlineData("translate@wf-run-1-1")]
    [InlineData("")]
    public void End_OfAJobThatNobodyGave_WakesNobodyAndLeavesNoFact(string id)
    {
        _jobs.Dispatch(Job(JobKind.Train));

        Assert.Null(_jobs.End(Run, Node, new JobEnded { JobId = id, Succeeded = true }));

        Assert.Empty(Ledger().Read<EndFact>(Run, LedgerKinds.JobEnded));
    }

    [Fact]
    public void End_ThatFailed_CarriesTheWorkersWords()
    {
        _jobs.Dispatch(Job(JobKind.Translate));
        _jobs.End(Run, Node, new JobEnded { JobId = "translate@wf-run-1-1", ErrorCode = "C", ErrorMessage = "m" });

        Assert.Equal(new JobEnd(false, "C", "m"), _jobs.Look(JobKind.Translate, Run, Node).End);
        Assert.Null(Assert.Single(Ledger().Read<EndFact>(Run, LedgerKinds.JobEnded)).Data.Train);
    }

    [Fact]
    public void Look_AtASilentWorker_CountsFromItsLastWord()
    {
        _jobs.Dispatch(Job(JobKind.Train));
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.FromSeconds(10), _jobs.Look(JobKind.Train, Run, Node).SilentFor);

        _jobs.Heard(Run, Node);
        _clock.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(TimeSpan.FromSeconds(3), _jobs.Look(JobKind.Train, Run, Node).SilentFor);
        Assert.Equal(TimeSpan.FromSeconds(13), _jobs.Look(JobKind.Train, Run, Other).SilentFor);
    }

    [Fact]
    public void Look_AfterARestart_DoesNotTakeTheServicesOwnAbsenceForSilence()
    {
        _jobs.Dispatch(Job(JobKind.Train));
        _clock.Advance(TimeSpan.FromHours(1));

        _jobs = Open();
        _clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(TimeSpan.FromSeconds(2), _jobs.Look(JobKind.Train, Run, Node).SilentFor);
    }

    [Fact]
    public void Look_AfterARestart_KnowsFromTheCurveHowFarTheTrainingWas()
    {
        _jobs.Dispatch(Job(JobKind.Train));
        _jobs.Report(Run, Node, At(54, 2.5));

        var live = _jobs.Look(JobKind.Train, Run, Node);
        _jobs = Open();
        var remembered = _jobs.Look(JobKind.Train, Run, Node);

        Assert.Equal((54, 100, 50, 2.5), (live.Step, live.Steps, live.CheckpointStep, live.Loss));
        Assert.Equal(live, remembered);
        Assert.Equal(0, _jobs.Look(JobKind.Translate, Run, Node).Step);
    }

    [Fact]
    public void Trained_AfterALossAndARestart_IsToldOfNewTokensAlone()
    {
        var told = new List<long>();
        _jobs.Trained += told.Add;
        _jobs.Dispatch(Job(JobKind.Train));
        Report(Node, 1_000);
        Report(Node, 1_500);

        // The next node begins again at the checkpoint of 1,200 tokens.
        _jobs.Dispatch(GivenJob.Training(Run, Other));
        Report(Other, 1_300);
        Report(Other, 1_700);
        _jobs = Open();
        _jobs.Trained += told.Add;
        Report(Other, 1_900);

        Assert.Equal([1_000, 500, 0, 400, 200], told);

        void Report(NodeName node, long tokens)
        {
            var progress = At((int)(tokens / 100), 2.5);
            (progress.JobId, progress.Tokens) = (JobBook.JobId(JobKind.Train, Run, node), tokens);
            Assert.Null(_jobs.Report(Run, node, progress));
        }
    }

    [Fact]
    public void Report_OfATranslation_IsNoPointOfTheCurveAndHasNoLoss()
    {
        _jobs.Dispatch(Job(JobKind.Translate));
        var progress = At(7, 0);
        progress.JobId = "translate@wf-run-1-1";

        _jobs.Report(Run, Node, progress);

        Assert.Empty(Metrics().Read(Run));
        var standing = _jobs.Look(JobKind.Translate, Run, Node);
        Assert.Equal((7, null), (standing.Step, standing.Loss));
        Assert.Equal(7, _jobs.Latest(Run)?.Step);
    }

    [Fact]
    public void Latest_OfARun_IsOfTheJobThatWasGivenLast()
    {
        Assert.Null(_jobs.Latest(Run));
        _jobs.Dispatch(Job(JobKind.Train));
        _jobs.Report(Run, Node, At(54, 2.5));
        Assert.Equal(54, _jobs.Latest(Run)?.Step);

        _jobs.Dispatch(Job(JobKind.Translate));
        var translating = At(3, 0);
        translating.JobId = "translate@wf-run-1-1";
        _jobs.Report(Run, Node, translating);

        Assert.Equal(3, _jobs.Latest(Run)?.Step);
    }

    [Theory]
    [InlineData(LedgerKinds.Stopped)]
    [InlineData(LedgerKinds.Revoked)]
    [InlineData(LedgerKinds.Released)]
    public void Latest_AfterTheLossOfItsNode_IsNothingUntilTheNextNodeReports(string kind)
    {
        _jobs.Dispatch(Job(JobKind.Train));
        _jobs.Report(Run, Node, At(54, 2.5));

        Ledger().Append(Run, kind, $"{Node}", new NodeMoment(Node, "PREEMPTED"));
        _jobs = Open();
        _jobs.Report(Run, Node, At(55, 2.5));

        Assert.Null(_jobs.Latest(Run));
    }

    [Fact]
    public void Revoke_OfANode_ClosesItsStreamForEverAndForItAlone()
    {
        var (connection, other) = (_jobs.Open(Run, Node), _jobs.Open(Run, Other));

        _jobs.Revoke(Run, Node);
        _jobs.Revoke(Run, Node);

        Assert.True(connection.Outgoing.Completion.IsCompleted);
        Assert.False(other.Outgoing.Completion.IsCompleted);
        Assert.True(Open().IsRevoked(Run, Node));
        Assert.False(Open().IsRevoked(Run, Other));
        Assert.Single(Ledger().Read<NodeMoment>(Run, LedgerKinds.Revoked));
    }

    [Fact]
    public void Stop_OfAJob_IsSentToItsWorkerIfThatIsThere()
    {
        _jobs.Stop(JobKind.Train, Run, Node);
        var connection = _jobs.Open(Run, Node);

        _jobs.Stop(JobKind.Train, Run, Node);

        Assert.True(connection.Outgoing.TryRead(out var message));
        Assert.Equal("train@wf-run-1-1", message.StopJob.JobId);
        Assert.False(connection.Outgoing.TryRead(out _));
    }

    [Theory]
    [InlineData("onnxruntime cpu", true)]
    [InlineData("", true)]
    [InlineData("TPU v5 lite", false)]
    public void Found_NoTpuInARunThatPays_EndsItsJobAtOnce(string device, bool ends)
    {
        _jobs.Dispatch(Job(JobKind.Train));

        _jobs.Found(Run, Node, device);

        Assert.Equal(ends ? [] : ["train@wf-run-1-1"], Sent(_jobs.Open(Run, Node)));
        Assert.Equal(ends ? "WORKER_WITHOUT_TPU" : null, _jobs.Look(JobKind.Train, Run, Node).End?.Code);
    }

    [Fact]
    public void Dispatch_ToAWorkerWithoutTpu_EndsTheJobInARunThatPaysAlone()
    {
        _jobs.Found(Run, Node, "onnxruntime cpu");
        var connection = _jobs.Open(Run, Node);
        var job = Job(JobKind.Train);

        _jobs.Dispatch(job with { Kind = JobKind.Translate });
        _jobs.Dispatch(job with { Spec = job.Spec with { IsRehearsal = true } });

        Assert.Equal(["train@wf-run-1-1"], Sent(connection));
        Assert.Equal("WORKER_WITHOUT_TPU", _jobs.Look(JobKind.Translate, Run, Node).End?.Code);
    }

    [Fact]
    public void Drain_WithALaterCheckpoint_LosesFewerSteps()
    {
        _jobs.Dispatch(Job(JobKind.Train));
        _jobs.Report(Run, Node, At(70, 1));

        _jobs.Drain(Run, Node, new Draining { JobId = "train@wf-run-1-1", CheckpointStep = 71 });
        _jobs.Drain(Run, Node, new Draining { JobId = "train@wf-run-1-1", CheckpointStep = 10 });
        _jobs.Drain(Run, Node, new Draining { JobId = "train@wf-run-1-1", CheckpointStep = 1000 });
        _jobs.Drain(Run, Other, new Draining { JobId = "train@wf-run-1-1", CheckpointStep = 90 });

        var standing = _jobs.Look(JobKind.Train, Run, Node);
        Assert.Equal((71, 71), (standing.Step, standing.CheckpointStep));
    }

    /// <summary>A node that is lost has no end of its job: what it moved is noted when it is given back.</summary>
    [Fact]
    public void Revoke_OfANodeWhoseJobHasNoEnd_NotesTheBytesOfItsLastReport()
    {
        _jobs.Dispatch(Job(JobKind.Train));
        var progress = At(70, 1);
        (progress.BytesRead, progress.BytesWritten) = (100, 200);
        _jobs.Report(Run, Node, progress);
        _jobs.Drain(Run, Node, new Draining
        {
            JobId = "train@wf-run-1-1",
            CheckpointStep = 50,
            BytesRead = 90,
            BytesWritten = 260,
        });

        _jobs.Revoke(Run, Node);
        _jobs.Revoke(Run, Node);

        Assert.Equal(
            new MovedFact(100, 260), Assert.Single(Ledger().Read<MovedFact>(Run, LedgerKinds.Transferred)).Data);
        Assert.Equal(50, _jobs.Look(JobKind.Train, Run, Node).CheckpointStep);
    }

    [Theory]
    [InlineData(3, 4, 3L, 4L)]
    [InlineData(-3, 4, 0L, 4L)]
    [InlineData(3, long.MaxValue, 3L, 0L)]
    [InlineData(0, 0, null, null)]
    public void End_OfAJob_HasTheBytesThatItMoved(long read, long written, long? keptRead, long? keptWritten)
    {
        _jobs.Dispatch(Job(JobKind.Train));

        _jobs.End(Run, Node, new JobEnded
        {
            JobId = "train@wf-run-1-1",
            Succeeded = true,
            BytesRead = read,
            BytesWritten = written,
        });
        _jobs.Revoke(Run, Node);

        var moved = Assert.Single(Ledger().Read<EndFact>(Run, LedgerKinds.JobEnded)).Data.Moved;
        Assert.Equal((keptRead, keptWritten), (moved?.BytesRead, moved?.BytesWritten));
        Assert.Empty(Ledger().Read<MovedFact>(Run, LedgerKinds.Transferred));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void Report_OfImpossibleBytes_IsRefusedAndAFarewellWithThemCountsNone(long bytes)
    {
        _jobs.Dispatch(Job(JobKind.Train));
        var progress = At(70, 1);
        progress.BytesWritten = bytes;

        Assert.Equal("bytes_written", _jobs.Report(Run, Node, progress));
        Assert.Null(_jobs.Report(Run, Node, At(70, 1)));
        _jobs.Drain(Run, Node, new Draining { JobId = "train@wf-run-1-1", CheckpointStep = 60, BytesWritten = bytes });
        _jobs.Revoke(Run, Node);

        Assert.Empty(Ledger().Read<MovedFact>(Run, LedgerKinds.Transferred));
    }

    private static List<string> Sent(Connection connection)
    {
        var ids = new List<string>();
        while (connection.Outgoing.TryRead(out var message))
        {
            ids.Add(message.Job.JobId);
        }

        return ids;
    }

    private static Progress At(int step, double loss) => new()
    {
        JobId = "train@wf-run-1-1",
        Step = step,
        Steps = 100,
        CheckpointStep = 50,
        Loss = loss,
        TokensPerSecond = 5,
    };

    private static DispatchInput Job(JobKind kind) => GivenJob.Of(kind, Run, Node);

    private RunLedger Ledger() => new(_folder, _clock);

    private MetricsLog Metrics() => new(Ledger(), _clock);

    private JobBook Open()
    {
        var ledger = Ledger();
        return new JobBook(ledger, new MetricsLog(ledger, _clock), _clock);
    }
}
