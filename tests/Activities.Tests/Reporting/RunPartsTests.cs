using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>Each part of a run has stages, a cost and an end of its own in the one ledger.</summary>
public sealed class RunPartsTests : RunFolder
{
    private static readonly Candidate Place = new("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 3600);

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private readonly RunLedger _ledger;

    public RunPartsTests() => _ledger = new RunLedger(Folder, _clock);

    [Fact]
    public void AppendInPart_InTheFirstPart_UsesTheKeysOfOldLedgers()
    {
        _ledger.AppendInPart(Id, LedgerKinds.Stage, "train", new StageInput(Id, RunStageName.Train, "d"));

        Assert.Equal("train", Assert.Single(_ledger.Read(Id)).Key);
        Assert.False(_ledger.AppendInPart(
            Id, LedgerKinds.Stage, "train", new StageInput(Id, RunStageName.Train, "d")));
    }

    [Fact]
    public void AppendInPart_AfterAResumption_WritesTheFactOfThatPartOnce()
    {
        Stage(RunStageName.Train);
        End(RunStatus.Failed);
        Resume(2);

        Stage(RunStageName.Train);
        Stage(RunStageName.Train);
        End(RunStatus.Succeeded);

        Assert.Equal(
            ["train", "end", "2", "train#2", "end#2"], _ledger.Read(Id).Select(entry => entry.Key));
        Assert.Equal(["train#2", "end#2"], RunParts.Current(_ledger.Read(Id)).Select(entry => entry.Key));
        Assert.Equal("end#2", RunParts.EndOf(_ledger.Read(Id))?.Key);
    }

    [Fact]
    public void Costs_OfARunThatWasResumed_AreThoseOfBothPartsWithoutThePause()
    {
        Node(1, seconds: 10);
        End(RunStatus.Failed);
        _clock.Advance(TimeSpan.FromDays(3));
        Assert.Equal(10, RunCosts.Of(_ledger, Id, _clock.GetUtcNow()).ActualUsd, 6);
        Resume(2);

        Node(2, seconds: 5);

        Assert.Equal(15, RunCosts.Of(_ledger, Id, _clock.GetUtcNow()).ActualUsd, 6);
    }

    [Fact]
    public async Task Pauses_OfARunThatWasSuspendedAndResumed_AreBothTimes()
    {
        var record = new RecordSuspensionActivity(_ledger);
        _clock.Advance(TimeSpan.FromSeconds(3));
        for (var once = 0; once < 2; once++)
        {
            // An activity that runs again leaves the first time.
            await record.RunAsync(null!, new SuspensionChange(Id, 1, true, "dear hours"));
            _clock.Advance(TimeSpan.FromSeconds(5));
        }

        await record.RunAsync(null!, new SuspensionChange(Id, 1, false, "go on"));
        _clock.Advance(TimeSpan.FromSeconds(2));
        End(RunStatus.Failed);
        _clock.Advance(TimeSpan.FromSeconds(7));
        Resume(2);

        var pauses = RunParts.Pauses(_ledger.Read(Id));

        Assert.Equal([10.0, 7.0], pauses.Select(pause => (pause.To - pause.From).TotalSeconds));
    }

    [Fact]
    public void UsdPerHour_IsThePriceOfTheNodesThatCostNow()
    {
        Intend(1);
        Assert.Equal(Place.UsdPerHour, RunCosts.UsdPerHour(_ledger, Id), 6);
        _ledger.Append(Id, LedgerKinds.Stopped, $"{Name(1)}", new NodeMoment(Name(1), "PREEMPTED"));
        Assert.Equal(0, RunCosts.UsdPerHour(_ledger, Id));
        Intend(2);
        Assert.Equal(Place.UsdPerHour, RunCosts.UsdPerHour(_ledger, Id), 6);
        End(RunStatus.Failed);
        Assert.Equal(0, RunCosts.UsdPerHour(_ledger, Id));
    }

    [Fact]
    public void Costs_OfANodeThatTheTerminatedPartLeft_GoOn()
    {
        Intend(1);
        _clock.Advance(TimeSpan.FromSeconds(7));
        Resume(2);
        _clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(9, RunCosts.Of(_ledger, Id, _clock.GetUtcNow()).ActualUsd, 6);
        Assert.Equal(Name(1), Assert.Single(RunCosts.Left(_ledger, Id, _clock.GetUtcNow())).Lease.NodeName);
    }

    [Fact]
    public async Task Report_OfARunThatWasResumed_HasBothPartsAndLeavesThePauseOut()
    {
        Stage(RunStageName.Train);
        Node(1, seconds: 10);
        Stage(RunStageName.Report);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await ReportAsync(RunStatus.Failed, new RunFailure("BUDGET_EXHAUSTED", "m", "f"));
        _clock.Advance(TimeSpan.FromDays(1));
        Resume(2, 10, new FieldChange("budgetUsd", "10", "20"));
        _ledger.AppendInPart(Id, LedgerKinds.Found, "found", new FoundFact(true, 40, false, false, []));
        Stage(RunStageName.Train);
        Node(2, seconds: 5);
        Stage(RunStageName.Report);

        var report = await ReportAsync(RunStatus.Succeeded, null);

        Assert.Equal(RunStatus.Succeeded, report.Status);
        var stop = Assert.Single(report.Stops!);
        Assert.Equal(
            (RunStatus.Failed, "BUDGET_EXHAUSTED", 10.0, 40, 41),
            (stop.Status, stop.Failure!.Code, stop.Usd, stop.CheckpointStep, stop.Step));
        Assert.Equal(TimeSpan.FromDays(1), stop.ResumedAt - stop.At);
        Assert.Equal(new FieldChange("budgetUsd", "10", "20"), Assert.Single(stop.Changes));
        Assert.Equal(15, report.Cost.Actual, 6);
        Assert.Equal(
            ["Train 10", "Report 1", "Train 5", "Report 0"],
            report.Stages.Select(row => $"{row.Stage} {row.Seconds}"));
        Assert.Equal(2, report.Teardown.Count);
        Assert.Null(report.Resume);
        var page = await File.ReadAllTextAsync(
            report.Artifacts.Page, TestContext.Current.CancellationToken);
        Assert.Contains("budgetUsd 10 to 20", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("BUDGET_EXHAUSTED", " --set budgetUsd=20")]
    [InlineData("NO_CAPACITY", " --set tpu.acquireTimeoutSeconds=86400")]
    [InlineData("TOO_MANY_LOSSES", " --set tpu.provisioning=on-demand")]
    [InlineData("WORKER_FAILED", "")]
    public async Task Report_OfAStoppedRun_NamesTheCommandThatResumesIt(string code, string options)
    {
        var report = await ReportAsync(RunStatus.Failed, new RunFailure(code, "m", "f"));

        Assert.Equal($"workflows resume r{options}", report.Resume);
        Assert.Contains(
            report.Resume!, await File.ReadAllTextAsync(report.Artifacts.Page, TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RunStatus.Succeeded, 1, null)]
    [InlineData(RunStatus.Running, 1, null)]
    [InlineData(RunStatus.Cancelled, 1, "workflows resume r")]
    [InlineData(RunStatus.Cancelled, 12.4, "workflows resume r --set budgetUsd=25")]
    public void Hint_OfARun_GoesByItsStatusAndItsCost(RunStatus status, double spent, string? hint) =>
        Assert.Equal(hint, ResumeHint.Of(Id, status, null, 10, spent));

    private static NodeName Name(int attempt) => NodeName.Of("p", Place.Zone, $"wf-r-{attempt}");

    private async Task<RunReport> ReportAsync(RunStatus status, RunFailure? failure)
    {
        var outcome = await new ReportActivity(_ledger, _clock).RunAsync(
            null!, new ReportInput(Spec(), null, null, status, failure));
        return System.Text.Json.JsonSerializer.Deserialize<RunReport>(
            await File.ReadAllTextAsync(outcome.ReportUri), RunLedger.Json)!;
    }

    private void Stage(RunStageName stage) => _ledger.AppendInPart(
        Id, LedgerKinds.Stage, WireName.Of(stage), new StageInput(Id, stage, "d"));

    private void End(RunStatus status) =>
        _ledger.AppendInPart(Id, LedgerKinds.End, "end", new RunOutcome(status, "r", null));

    private void Resume(int part, double usd = 0, params FieldChange[] changes)
    {
        var end = RunParts.EndOf(_ledger.Read(Id));
        _ledger.Append(Id, LedgerKinds.Resumed, $"{part}", new ResumedFact(
            part, RunStatus.Failed, new RunFailure("BUDGET_EXHAUSTED", "m", "f"), end?.At, usd, 41, changes));
    }

    private void Intend(int attempt)
    {
        _ledger.Append(Id, LedgerKinds.Intent, $"{Name(attempt)}", new TpuLease(Name(attempt), Place, attempt));
        _ledger.Append(Id, LedgerKinds.Ready, $"{Name(attempt)}", new NodeMoment(Name(attempt), "READY"));
    }

    private void Node(int attempt, double seconds)
    {
        Intend(attempt);
        _clock.Advance(TimeSpan.FromSeconds(seconds));
        _ledger.Append(Id, LedgerKinds.Released, $"{Name(attempt)}", new NodeMoment(Name(attempt), "NOT_FOUND"));
    }
}
