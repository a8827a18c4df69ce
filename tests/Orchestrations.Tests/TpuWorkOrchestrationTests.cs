namespace Workflows.Orchestrations.Tests;

public sealed class TpuWorkOrchestrationTests
{
    private static readonly JobObservation Working = new("Ready", false, null, 0, null, 1, 10, 2.0, 0.1);
    private readonly FakeContext _context = new();
    private readonly Queue<JobObservation> _looks = new();

    public TpuWorkOrchestrationTests() => _context.Answer = (name, input) => (name, input) switch
    {
        (Stages.ObserveJob, _) => _looks.Count > 0 ? _looks.Dequeue() : Working,
        (Stages.ReleaseNode, ReleaseInput release) => new NodeRelease(release.NodeName, "READY", false),
        (nameof(AcquireTpuOrchestration), AcquireInput acquire) => new AcquireResult(
            Given.Lease("us-b1-a"), acquire.FirstAttempt + 1, null, false, acquire.RuledOut),
        _ => true,
    };

    [Fact]
    public async Task Work_ThatSucceeds_KeepsTheTpuForTheNextStage()
    {
        _looks.Enqueue(Working);
        _looks.Enqueue(Working with { End = new JobEnd(true, null, null) });

        var result = await RunAsync(Input(lease: null));

        Assert.Equal("us-b1-a", result.Lease?.Candidate.Zone);
        Assert.Null(result.Failure);
        Assert.Single(_context.Calls, call => call.Name == Stages.DispatchJob);
        Assert.DoesNotContain(_context.Calls, call => call.Name == Stages.ReleaseNode);
    }

    [Fact]
    public async Task Work_WhoseTpuIsLost_GivesItBackAndGoesOnElsewhere()
    {
        _looks.Enqueue(Working with { IsLost = true, LossCause = "PREEMPTED", LostSteps = 4, Step = 54 });

        await RunAsync(Input(Given.Lease("us-a1-a")));

        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        Assert.Null(next.Lease);
        Assert.Equal(("us-a1-a", 1), (next.Avoid, next.Losses));
        Assert.Equal((4, 50, "PREEMPTED"), (next.Recovery!.LostSteps, next.Recovery.FromStep, next.Recovery.Cause));
        Assert.Contains(_context.Calls, call => call.Name == Stages.ReleaseNode);
        Assert.Contains(_context.Calls, call => call.Name == Stages.RecordLoss);
    }

    [Fact]
    public async Task Work_OfManyLooks_BeginsAnewWithTheSameTpu()
    {
        await RunAsync(Input(Given.Lease("us-a1-a")));

        var next = Assert.IsType<TpuWorkInput>(_context.NextGeneration);
        Assert.Equal("us-a1-a", next.Lease?.Candidate.Zone);
        Assert.Null(next.Recovery);
    }

    [Fact]
    public async Task Work_CancelledInALook_DoesNotBeginAnew()
    {
        var answer = _context.Answer;
        _context.Answer = (name, input) =>
        {
            if (name == Stages.ObserveJob)
            {
                _context.Raise(RunEvents.Cancel, "enough");
                return Working with { IsLost = true, LossCause = "PREEMPTED" };
            }

            return answer(name, input);
        };

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.True(result.Cancelled);
        Assert.Null(_context.NextGeneration);
    }

    [Fact]
    public async Task Work_OverTheBudget_StopsTheJob()
    {
        _looks.Enqueue(Working with { AccruedUsd = Given.Spec.BudgetUsd });

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.Equal("BUDGET_EXHAUSTED", result.Failure?.Code);
        Assert.Contains(_context.Calls, call => call.Name == Stages.StopJob);
    }

    [Fact]
    public async Task Work_ThatFailsOnTheWorker_CarriesItsCode()
    {
        _looks.Enqueue(Working with { End = new JobEnd(false, "training.diverged", "loss is NaN") });

        var result = await RunAsync(Input(Given.Lease("us-a1-a")));

        Assert.Equal(("training.diverged", "loss is NaN"), (result.Failure?.Code, result.Failure?.Message));
    }

    private Task<TpuWorkResult> RunAsync(TpuWorkInput input) => new TpuWorkOrchestration().RunAsync(_context, input);

    private static TpuWorkInput Input(TpuLease? lease) =>
        new(JobKind.Train, Given.Spec, Given.Plan("us-a1-a", "us-b1-a"), Given.Data, lease, 1);
}
