using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Activities.Tests.Provisioning;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Training;

public sealed class DispatchJobActivityTests : RunFolder
{
    private static readonly DateTimeOffset Lost = new(2026, 11, 24, 9, 0, 0, TimeSpan.Zero);
    private static readonly TpuLease Lease = new(
        NodeName.Of("p", "z-a", "n2"), new Candidate("z-a", "t", ProvisioningMode.Spot, "v", 8, 1), 2);

    private readonly FakeTimeProvider _clock = new(Lost.AddSeconds(12));
    private readonly FakeJobs _jobs = new();

    [Fact]
    public async Task Dispatch_OfAFirstJob_RecoversFromNothing()
    {
        await RunAsync(null);

        Assert.Equal(["dispatch Train n2"], _jobs.Calls);
        Assert.Empty(Ledger.Read<RecoveryEnd>(Id, LedgerKinds.Recovered));
    }

    [Fact]
    public async Task Dispatch_AfterALoss_ClosesItWithItsLengthAndOnlyOnce()
    {
        var loss = new OpenRecovery(1, "z-b", "PREEMPTED", 4, 50, Lost);

        await RunAsync(loss);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await RunAsync(loss);

        Assert.Equal(
            new RecoveryEnd(1, JobKind.Train, 12),
            Assert.Single(Ledger.Read<RecoveryEnd>(Id, LedgerKinds.Recovered)).Data);
    }

    /// <summary>100 steps of 20 s: a checkpoint every two minutes is one for each six steps. Translations have
    /// none.</summary>
    [Theory]
    [InlineData(JobKind.Train, 120.0, 6)]
    [InlineData(JobKind.Train, 1200.0, null)]
    [InlineData(JobKind.Train, null, null)]
    [InlineData(JobKind.Translate, 120.0, null)]
    public async Task Dispatch_OfAPlanWithShorterPauses_SavesCheckpointsAsOften(
        JobKind kind, double? seconds, int? steps)
    {
        var time = new TimeEstimate(0, 2000, 0, 1e9, 1, 1, 1, "") { CheckpointSeconds = seconds };
        Ledger.AppendInPart(
            Id, LedgerKinds.Plan, "plan", new RunPlan([Lease.Candidate], 1, 2000) { Time = time });

        await RunAsync(null, kind);

        Assert.Equal(steps, _jobs.Dispatched!.CheckpointEverySteps);
    }

    [Fact]
    public async Task Loss_OfEachPieceOfWork_HasAFactOfItsOwn()
    {
        // Losses are numbered from 1 in training and again in translating: the moment tells them apart.
        var record = new RecordLossActivity(Ledger);
        var first = new OpenRecovery(1, "z-b", "PREEMPTED", 4, 50, Lost);

        Assert.True(await record.RunAsync(null!, new LossInput(Id, first)));
        Assert.False(await record.RunAsync(null!, new LossInput(Id, first)));
        Assert.True(await record.RunAsync(null!, new LossInput(Id, first with { DetectedAt = Lost.AddHours(1) })));

        Assert.Equal(2, Ledger.Read<OpenRecovery>(Id, LedgerKinds.Loss).Count);
    }

    [Theory]
    [InlineData(JobKind.Train, "stop Train n2")]
    [InlineData(JobKind.Translate, "stop Translate n2")]
    public async Task Stop_OfAJob_TellsTheWorkerOfItsNode(JobKind kind, string call)
    {
        await new StopJobActivity(_jobs).RunAsync(null!, new ObserveJobInput(kind, Spec(), Lease));

        Assert.Equal([call], _jobs.Calls);
    }

    private Task<bool> RunAsync(OpenRecovery? loss, JobKind kind = JobKind.Train)
    {
        var spec = Spec() with { Training = new TrainingSpec { Steps = 100, CheckpointEverySteps = 50 } };
        var data = new PreparedData("t", "e", 1, 1, new Dictionary<string, int>());
        return new DispatchJobActivity(_jobs, Ledger, _clock).RunAsync(
            null!, new DispatchInput(kind, spec, data, Lease, "r:train", loss));
    }
}
