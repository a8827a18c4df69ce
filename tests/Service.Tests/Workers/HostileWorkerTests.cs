using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Service.Workers;
using Workflows.TestKit;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Workers;

/// <summary>A worker that sends what cannot be changes nothing but its own run.</summary>
public sealed class HostileWorkerTests : IDisposable
{
    private const string Train = "train@wf-run-1-1";
    private static readonly RunId Run = new("run-1");
    private static readonly NodeName Node = NodeName.Of("p", "us-west4-a", "wf-run-1-1");
    private static readonly NodeName Other = NodeName.Of("p", "us-west4-a", "wf-run-1-2");

    private readonly TemporaryFolder _folder = new("workflows-test-");
    private readonly RunLedger _ledger;
    private readonly MetricsLog _metrics;
    private readonly JobBook _jobs;

    public HostileWorkerTests()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 28, 9, 0, 0, TimeSpan.Zero));
        _ledger = new RunLedger(_folder.Path, clock);
        _metrics = new MetricsLog(_ledger, clock);
        _jobs = new JobBook(_ledger, _metrics, clock);
        _jobs.Dispatch(GivenJob.Training(Run, Node));
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tokens_per_second")]
    [InlineData("loss")]
    [InlineData("learning_rate")]
    [InlineData("gradient_norm")]
    [InlineData("validation_score")]
    [InlineData("step")]
    [InlineData("job_id")]
    public void Report_OfWhatCannotBe_IsNamedAndNeitherKeptNorShown(string field)
    {
        var progress = new Progress { JobId = Train, Step = 5, Steps = 10, Loss = 2, TokensPerSecond = 5 };
        Spoil(progress, field);

        Assert.Equal(field, _jobs.Report(Run, Node, progress));

        Assert.Null(_jobs.Latest(Run));
        Assert.Empty(_metrics.Read(Run));
    }

    [Fact]
    public void Report_OfAnotherNodesJob_IsNotTaken()
    {
        Assert.Equal("job_id", _jobs.Report(Run, Other, new Progress { JobId = Train, Step = 1, Steps = 2 }));
        Assert.Null(_jobs.End(Run, Other, new JobEnded { JobId = Train, Succeeded = true }));

        Assert.Null(_jobs.Look(JobKind.Train, Run, Node).End);
    }

    [Fact]
    public void Report_OfTwentyThousandMessages_LeavesABoundedCurveWithItsLastPoint()
    {
        for (var time = 0; time < 20_000; time++)
        {
            Assert.Null(_jobs.Report(Run, Node, new Progress { JobId = Train, Step = 5, Steps = 10, Loss = 2 }));
        }

        Assert.Null(_jobs.Report(Run, Node, new Progress { JobId = Train, Step = 10, Steps = 10, Loss = 1 }));

        Assert.Equal([5, 10], _metrics.Read(Run).Select(point => point.Step));
        Assert.Equal(2, File.ReadAllLines(Path.Combine(_ledger.DirectoryOf(Run), "metrics.jsonl")).Length);
    }

    [Fact]
    public void Report_OverTheMostBytes_DoesNotGrowTheFile()
    {
        var path = Path.Combine(_ledger.DirectoryOf(Run), "metrics.jsonl");
        using (var file = File.Create(path))
        {
            file.SetLength(MetricsLog.MostBytes);
        }

        Assert.Null(_jobs.Report(Run, Node, new Progress { JobId = Train, Step = 5, Steps = 10, Loss = 2 }));

        Assert.Equal(MetricsLog.MostBytes, new FileInfo(path).Length);
    }

    [Theory]
    [InlineData(true, "", "WORKER_RESULT_INVALID")]
    [InlineData(false, "training.diverged", "training.diverged")]
    public void End_WithALossThatIsNoNumber_IsAFailureInWords(bool succeeded, string code, string kept)
    {
        var replyTo = _jobs.End(Run, Node, new JobEnded
        {
            JobId = Train,
            Succeeded = succeeded,
            ErrorCode = code,
            TrainResult = new TrainResult { FinalLoss = double.NaN },
        });

        Assert.Equal("run-1:train", replyTo);
        var end = _jobs.Look(JobKind.Train, Run, Node).End;
        Assert.Equal((false, kept), (end?.Succeeded, end?.Code));
    }

    [Fact]
    public void End_WithTranslationsThatCannotBe_KeepsThePossibleOnes()
    {
        static DecodedModel Decoded(double seconds = 2, long characters = 100, string name = "tuned") => new()
        {
            Name = name,
            Direction = "ko-en",
            Seconds = seconds,
            Texts = 10,
            Characters = characters,
        };

        _jobs.End(Run, Node, new JobEnded
        {
            JobId = Train,
            Succeeded = true,
            TranslateResult = new TranslateResult
            {
                Decoded =
                {
                    Decoded(double.NaN), Decoded(-1), Decoded(double.PositiveInfinity), Decoded(characters: -1),
                    Decoded(name: new string('n', 3_000_000)), Decoded(), Enumerable.Repeat(Decoded(3), 1000),
                },
            },
        });

        var kept = Assert.Single(_ledger.Read<EndFact>(Run, LedgerKinds.JobEnded)).Data.Decoded!;
        Assert.Equal(10, kept.Count);
        Assert.Equal(new DecodedFact("tuned", "ko-en", 2, 10, 100), kept[0]);
    }

    [Fact]
    public void End_WithTextOfMillions_KeepsTheBeginning()
    {
        _jobs.End(Run, Node, new JobEnded
        {
            JobId = Train,
            ErrorCode = new string('c', 3_000_000),
            ErrorMessage = new string('m', 3_000_000),
        });

        Assert.InRange(new FileInfo(Path.Combine(_ledger.DirectoryOf(Run), "ledger.jsonl")).Length, 1, 20_000);
    }

    private static void Spoil(Progress progress, string field)
    {
        switch (field)
        {
            case "tokens_per_second":
                progress.TokensPerSecond = double.PositiveInfinity;
                break;
            case "loss":
                progress.Loss = double.NaN;
                break;
            case "learning_rate":
                progress.LearningRate = double.NaN;
                break;
            case "gradient_norm":
                progress.GradientNorm = double.NegativeInfinity;
                break;
            case "validation_score":
                progress.ValidationScore = double.NaN;
                break;
            case "step":
                progress.Step = 11;
                break;
            default:
                progress.JobId = "train@stranger";
                break;
        }
    }
}
