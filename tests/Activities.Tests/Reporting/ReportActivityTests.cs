using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>The report is made from the ledger alone, whatever way the run ended.</summary>
public sealed class ReportActivityTests : RunFolder
{
    private static readonly Candidate Place = new("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 3.6);

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));
    private readonly RunLedger _ledger;

    public ReportActivityTests() => _ledger = new RunLedger(Folder, _clock);

    [Fact]
    public async Task Report_OfARunWithoutAnything_IsWrittenAllTheSame()
    {
        var outcome = await RunAsync(RunStatus.Failed, new RunFailure("A_CODE", "m", "f"));

        var report = Read(outcome);
        Assert.Equal("failed", report.GetProperty("status").GetString());
        Assert.Equal("r", report.GetProperty("runId").GetString());
        Assert.Equal("A_CODE", report.GetProperty("failure").GetProperty("code").GetString());
        Assert.False(report.TryGetProperty("verdict", out _));
        Assert.Empty(report.GetProperty("attempts").EnumerateArray());
        var page = File.ReadAllText(Path.ChangeExtension(outcome.ReportUri, "html"));
        Assert.Contains("A_CODE", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_RunTwice_IsTheSameAndTheRunHasOneEnd()
    {
        Stage(RunStageName.Plan);
        var first = Read(await RunAsync(RunStatus.Succeeded));
        _clock.Advance(TimeSpan.FromMinutes(5));

        var second = Read(await RunAsync(RunStatus.Succeeded));

        Assert.Equal(first.GetProperty("status").GetString(), second.GetProperty("status").GetString());
        Assert.Single(_ledger.Read<RunOutcome>(Id, LedgerKinds.End));
        Assert.Empty(Directory.EnumerateFiles(_ledger.DirectoryOf(Id), "*.new"));
    }

    [Fact]
    public async Task Stages_OfARun_LastUntilTheNextBegins()
    {
        Stage(RunStageName.Plan);
        _clock.Advance(TimeSpan.FromSeconds(2));
        Stage(RunStageName.Prepare);
        _clock.Advance(TimeSpan.FromSeconds(5));

        var report = Read(await RunAsync(RunStatus.Succeeded));

        Assert.Equal(
            ["plan 2", "prepare 5"],
            report.GetProperty("stages").EnumerateArray()
                .Select(row => $"{row.GetProperty("stage").GetString()} {row.GetProperty("seconds").GetDouble()}"));
    }

    [Fact]
    public async Task Teardown_OfTheReport_ListsEveryNodeThatMayHaveExisted()
    {
        Intend(1);
        End(1, AttemptOutcome.Refused, Lease(1).NodeName);
        Intend(2);
        End(2, AttemptOutcome.Failed, Lease(2).NodeName);
        Intend(3);

        // An API out of reach: the attempt names no node, but one was intended.
        Intend(4);
        End(4, AttemptOutcome.Refused, NodeName.None);
        _ledger.Append(Id, LedgerKinds.Released, "2", new NodeMoment(Lease(2).NodeName, "NOT_FOUND"));

        var report = Read(await RunAsync(RunStatus.Failed));

        Assert.Equal(
            ["wf-2 True", "wf-3 False", "wf-4 False"],
            report.GetProperty("teardown").EnumerateArray().Select(row =>
                $"{row.GetProperty("node").GetString()!.Split('/')[^1]} "
                + $"{row.GetProperty("confirmedNotFound").GetBoolean()}"));
    }

    [Fact]
    public async Task Recoveries_OfTheReport_HaveALengthOnceTheWorkWentOn()
    {
        var at = _clock.GetUtcNow();
        _ledger.Append(Id, LedgerKinds.Loss, "1", new OpenRecovery(1, "z-a", "PREEMPTED", 4, 50, at));
        _ledger.Append(Id, LedgerKinds.Recovered, "1", new RecoveryEnd(1, JobKind.Train, 12));
        _ledger.Append(Id, LedgerKinds.Loss, "2", new OpenRecovery(2, "z-b", "WORKER_SILENT", 0, 60, at));

        var report = Read(await RunAsync(RunStatus.Failed));

        Assert.Equal(
            ["z-a 12", "z-b "],
            report.GetProperty("recoveries").EnumerateArray().Select(row => $"{row.GetProperty("zone").GetString()} "
                + (row.TryGetProperty("seconds", out var seconds) ? $"{seconds.GetDouble()}" : "")));
    }

    [Fact]
    public async Task Cost_OfTheReport_IsByStageAndAPointOfItHasAPrice()
    {
        Stage(RunStageName.Train);
        Intend(1);
        _ledger.Append(Id, LedgerKinds.Ready, "1", new NodeMoment(Lease(1).NodeName, "READY"));
        _clock.Advance(TimeSpan.FromSeconds(1000));
        _ledger.Append(Id, LedgerKinds.Stopped, "1", new NodeMoment(Lease(1).NodeName, "NOT_FOUND"));
        _ledger.Append(Id, LedgerKinds.Scores, "ko-en", Reports.Verdict(VerdictOutcome.Finer, 4, 0.001));
        _ledger.Append(Id, LedgerKinds.Scores, "en-ko", Reports.Verdict(VerdictOutcome.Worse, -1, 0.001));

        var report = Read(await RunAsync(RunStatus.Succeeded));

        Assert.Equal(1, report.GetProperty("cost").GetProperty("byStage").GetProperty("train").GetDouble(), 9);
        var verdicts = report.GetProperty("verdicts").EnumerateArray().ToList();
        Assert.Equal(0.25, verdicts[0].GetProperty("usdPerBleuPoint").GetDouble(), 9);
        Assert.False(verdicts[1].TryGetProperty("usdPerBleuPoint", out _));
    }

    [Theory]
    [InlineData(VerdictOutcome.NotCompared)]
    [InlineData(VerdictOutcome.Worse)]
    public async Task Cost_OfAPointThatIsNoGain_IsNotInTheReport(VerdictOutcome outcome)
    {
        Stage(RunStageName.Train);
        _ledger.Append(Id, LedgerKinds.Scores, "ko-en", Reports.Verdict(outcome, 4, null));

        var outcomeOfRun = await RunAsync(RunStatus.Succeeded);

        Assert.False(Read(outcomeOfRun).GetProperty("verdict").TryGetProperty("usdPerBleuPoint", out _));
        Assert.DoesNotContain(
            "BLEU point", File.ReadAllText(Path.ChangeExtension(outcomeOfRun.ReportUri, ".html")),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compile_OfTheReport_IsAStageOfItsOwnInTimeAndCost()
    {
        Stage(RunStageName.Train);
        Intend(1);
        var node = Lease(1).NodeName;
        _ledger.Append(Id, LedgerKinds.Ready, "1", new NodeMoment(node, "READY"));
        _clock.Advance(TimeSpan.FromSeconds(700));
        Ended($"train@{node.NodeId}", new CompileFact(100, 3, 0));
        _clock.Advance(TimeSpan.FromSeconds(100));
        Stage(RunStageName.Evaluate);
        _clock.Advance(TimeSpan.FromSeconds(200));

        // More than its whole stage, as a clock that jumps would say.
        Ended($"translate@{node.NodeId}", new CompileFact(500, 1, 2));
        _ledger.Append(Id, LedgerKinds.Stopped, "1", new NodeMoment(node, "NOT_FOUND"));

        var report = Read(await RunAsync(RunStatus.Succeeded));

        var cost = report.GetProperty("cost").GetProperty("byStage");
        Assert.Equal(
            [0.7, 0, 0.3],
            new[] { "train", "evaluate", "compile" }.Select(name => Math.Round(cost.GetProperty(name).GetDouble(), 9)));
        Assert.Equal(
            ["compile 300", "train 700", "evaluate 0"],
            report.GetProperty("stages").EnumerateArray().Take(3).Select(row =>
                $"{row.GetProperty("stage").GetString()} {row.GetProperty("seconds").GetDouble()}"));
        Assert.Equal(
            (600, 4, 2),
            (report.GetProperty("compile").GetProperty("seconds").GetDouble(),
                report.GetProperty("compile").GetProperty("compiled").GetInt32(),
                report.GetProperty("compile").GetProperty("loaded").GetInt32()));

        void Ended(string key, CompileFact compile) => _ledger.Append(
            Id, LedgerKinds.JobEnded, key, new EndFact(new JobEnd(true, null, null), null) { Compile = compile });
    }

    [Fact]
    public async Task Training_OfTheReport_ComesFromItsEndAndWithoutOneFromTheCurve()
    {
        WriteCurve(3.5, 3.0);
        var unfinished = Read(await RunAsync(RunStatus.Cancelled)).GetProperty("training");
        _ledger.Append(Id, LedgerKinds.JobEnded, "train@n", new EndFact(
            new JobEnd(true, null, null), new TrainFact(9, 0, 90, 5, 4, 1.5, 60, 2) { Method = "lora" }));

        var whole = Read(await RunAsync(RunStatus.Succeeded)).GetProperty("training");

        Assert.Equal((2, 3.0), Totals(unfinished));
        Assert.Equal((9, 1.5), Totals(whole));
        Assert.Equal(3.5, whole.GetProperty("firstLoss").GetDouble());
        Assert.Equal(("lora", 2), (whole.GetProperty("method").GetString(), whole.GetProperty("tooLong").GetInt32()));

        static (int, double) Totals(JsonElement training) =>
            (training.GetProperty("steps").GetInt32(), training.GetProperty("finalLoss").GetDouble());
    }

    [Fact]
    public async Task EnterStage_RunTwice_LeavesItsFirstMoment()
    {
        var stage = new StageInput(Id, RunStageName.Train, "first");
        var activity = new EnterStageActivity(_ledger);

        Assert.True(await activity.RunAsync(null!, stage));
        Assert.False(await activity.RunAsync(null!, stage with { Detail = "again" }));

        Assert.Equal("first", Assert.Single(_ledger.Read<StageInput>(Id, LedgerKinds.Stage)).Data.Detail);
    }

    private void WriteCurve(params double[] losses) => File.WriteAllLines(
        Path.Combine(_ledger.DirectoryOf(Id), "metrics.jsonl"),
        losses.Select((loss, index) => JsonSerializer.Serialize(
            new MetricPoint(_clock.GetUtcNow(), index + 1, losses.Length, loss, 1e-3, 1, 10, 5, 0), RunLedger.Json)));

    private void Stage(RunStageName stage) =>
        _ledger.Append(Id, LedgerKinds.Stage, WireName.Of(stage), new StageInput(Id, stage, ""));

    private static TpuLease Lease(int attempt) => new(NodeName.Of("p", "us-west4-a", $"wf-{attempt}"), Place, attempt);

    private void Intend(int attempt) =>
        _ledger.Append(Id, LedgerKinds.Intent, $"{Lease(attempt).NodeName}", Lease(attempt));

    private void End(int attempt, AttemptOutcome outcome, NodeName name) => _ledger.Append(
        Id, LedgerKinds.Attempt, $"{attempt}",
        new AttemptEnd(Id, Lease(attempt) with { NodeName = name }, outcome, null, 1));

    private Task<RunOutcome> RunAsync(RunStatus status, RunFailure? failure = null) =>
        new ReportActivity(_ledger, _clock).RunAsync(null!, new ReportInput(Spec(), null, null, status, failure));

    private static JsonElement Read(RunOutcome outcome) =>
        JsonDocument.Parse(File.ReadAllText(outcome.ReportUri)).RootElement;
}
