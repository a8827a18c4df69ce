using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Reporting;

public sealed class RunLedgerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Append_SameKeyTwice_LeavesOneFact()
    {
        var ledger = Open();

        Assert.True(ledger.Append("r", LedgerKinds.Stage, "plan", new StageInput("r", "plan", "first")));
        Assert.False(ledger.Append("r", LedgerKinds.Stage, "plan", new StageInput("r", "plan", "second")));

        Assert.Equal("first", Assert.Single(Open().Read<StageInput>("r", LedgerKinds.Stage)).Data.Detail);
    }

    [Fact]
    public void Read_AfterACrashTornTheLastLine_KeepsTheWholeOnesAndGoesOn()
    {
        Open().Append("r", LedgerKinds.Stage, "plan", new StageInput("r", "plan", "계획"));
        File.AppendAllText(Path.Combine(_folder.Path, "runs", "r", "ledger.jsonl"), "{\"at\":\"2026-11-2");

        var reopened = Open();
        reopened.Append("r", LedgerKinds.Stage, "train", new StageInput("r", "train", ""));

        Assert.Equal(
            ["plan", "train"], Open().Read<StageInput>("r", LedgerKinds.Stage).Select(fact => fact.Data.Stage));
        Assert.Equal("계획", Open().Read<StageInput>("r", LedgerKinds.Stage)[0].Data.Detail);
    }

    [Fact]
    public void Cost_OfTwoNodes_IsTheirReadyTimeAtTheirPrice()
    {
        var ledger = Open();
        Lease(ledger, "a", 3.6);
        Lease(ledger, "b", 7.2);
        Stage(ledger, "train");
        Moment(ledger, LedgerKinds.Ready, "a");
        _clock.Advance(TimeSpan.FromSeconds(100));
        Moment(ledger, LedgerKinds.Stopped, "a");
        _clock.Advance(TimeSpan.FromSeconds(50));
        Moment(ledger, LedgerKinds.Ready, "b");
        _clock.Advance(TimeSpan.FromSeconds(10));
        Stage(ledger, "evaluate");
        _clock.Advance(TimeSpan.FromSeconds(20));
        Moment(ledger, LedgerKinds.Released, "b");
        _clock.Advance(TimeSpan.FromSeconds(1000));
        Moment(ledger, LedgerKinds.Released, "a");

        var cost = RunCosts.Of(ledger, "r", _clock.GetUtcNow());

        Assert.Equal(100 * 0.001 + 30 * 0.002, cost.ActualUsd, 9);
        Assert.Equal(100 * 0.001 + 10 * 0.002, cost.ByStage["train"], 9);
        Assert.Equal(20 * 0.002, cost.ByStage["evaluate"], 9);
        Assert.Equal(cost.ActualUsd, cost.ByStage.Values.Sum(), 9);
    }

    [Fact]
    public void Cost_OfANodeThatStillRuns_GrowsWithTime()
    {
        var ledger = Open();
        Lease(ledger, "a", 3.6);
        Stage(ledger, "train");
        Moment(ledger, LedgerKinds.Ready, "a");

        _clock.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal(0.06, RunCosts.Of(ledger, "r", _clock.GetUtcNow()).ActualUsd, 9);
    }

    private RunLedger Open() => new(_folder.Path, _clock);

    private static void Lease(RunLedger ledger, string node, double usdPerHour) => ledger.Append(
        "r", LedgerKinds.Intent, node,
        new TpuLease(node, new Candidate("us-west4-a", "v5litepod-8", "spot", "v", 8, usdPerHour), 1));

    private static void Stage(RunLedger ledger, string stage) =>
        ledger.Append("r", LedgerKinds.Stage, stage, new StageInput("r", stage, ""));

    private static void Moment(RunLedger ledger, string kind, string node) =>
        ledger.Append("r", kind, node, new NodeMoment(node, "x"));
}
