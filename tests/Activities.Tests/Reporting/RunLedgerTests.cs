using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Reporting;

public sealed class RunLedgerTests : IDisposable
{
    private static readonly RunId Run = new("r");
    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Append_SameKeyTwice_LeavesOneFact()
    {
        var ledger = Open();

        Assert.True(ledger.Append(Run, LedgerKinds.Stage, "plan", new StageInput(Run, RunStageName.Plan, "first")));
        Assert.False(ledger.Append(Run, LedgerKinds.Stage, "plan", new StageInput(Run, RunStageName.Plan, "second")));

        Assert.Equal("first", Assert.Single(Open().Read<StageInput>(Run, LedgerKinds.Stage)).Data.Detail);
    }

    [Fact]
    public void Read_AfterACrashTornTheLastLine_KeepsTheWholeOnesAndGoesOn()
    {
        Open().Append(Run, LedgerKinds.Stage, "plan", new StageInput(Run, RunStageName.Plan, "계획"));
        File.AppendAllText(Path.Combine(_folder.Path, "runs", "r", "ledger.jsonl"), "{\"at\":\"2026-11-2");

        var reopened = Open();
        reopened.Append(Run, LedgerKinds.Stage, "train", new StageInput(Run, RunStageName.Train, ""));

        Assert.Equal(
            [RunStageName.Plan, RunStageName.Train],
            Open().Read<StageInput>(Run, LedgerKinds.Stage).Select(fact => fact.Data.Stage));
        Assert.Equal("계획", Open().Read<StageInput>(Run, LedgerKinds.Stage)[0].Data.Detail);
    }

    /// <summary>A disk that is full takes the beginning of a line; when it has room again, the file is whole.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(30)]
    public void Append_AfterTheDiskTookAPartOfALine_LeavesNoPieceOfIt(int taken)
    {
        var path = _folder["facts.jsonl"];
        var isFull = false;
        Stream Disk(string name, FileMode mode) => isFull && mode == FileMode.Append
            ? new FullDisk(name, taken) : new FileStream(name, mode, FileAccess.Write, FileShare.Read);
        var facts = new FactFile(path, Disk);
        Assert.True(facts.Append(Fact("first")));
        isFull = true;
        Assert.Throws<IOException>(() => facts.Append(Fact("second")));
        Assert.Throws<IOException>(() => facts.Append(Fact("second")));
        Assert.Equal(["first"], facts.Snapshot().Select(entry => entry.Key));
        isFull = false;

        // The writer repeats it: a key whose line was not written is not taken.
        Assert.True(facts.Append(Fact("second")));
        Assert.True(facts.Append(Fact("third")));

        Assert.Equal(["first", "second", "third"], new FactFile(path).Snapshot().Select(entry => entry.Key));
        Assert.Equal(3, File.ReadAllLines(path).Length);
    }

    private LedgerEntry Fact(string key) =>
        new(_clock.GetUtcNow(), LedgerKinds.Stage, key, JsonSerializer.SerializeToElement("계획"));

    /// <summary>Takes some bytes of a write, and then has no space left.</summary>
    private sealed class FullDisk(string path, int taken)
        : FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0)
    {
        public override void Write(byte[] array, int offset, int count)
        {
            base.Write(array, offset, Math.Min(count, taken));
            throw new IOException("No space left on device");
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            base.Write(buffer[..Math.Min(buffer.Length, taken)]);
            throw new IOException("No space left on device");
        }
    }

    [Fact]
    public void Cost_OfTwoNodes_IsTheirReadyTimeAtTheirPrice()
    {
        var ledger = Open();
        Lease(ledger, "a", 3.6);
        Lease(ledger, "b", 7.2);
        Stage(ledger, RunStageName.Train);
        Moment(ledger, LedgerKinds.Ready, "a");
        _clock.Advance(TimeSpan.FromSeconds(100));
        Moment(ledger, LedgerKinds.Stopped, "a");
        _clock.Advance(TimeSpan.FromSeconds(50));
        Moment(ledger, LedgerKinds.Ready, "b");
        _clock.Advance(TimeSpan.FromSeconds(10));
        Stage(ledger, RunStageName.Evaluate);
        _clock.Advance(TimeSpan.FromSeconds(20));
        Moment(ledger, LedgerKinds.Released, "b");
        _clock.Advance(TimeSpan.FromSeconds(1000));
        Moment(ledger, LedgerKinds.Released, "a");

        var cost = RunCosts.Of(ledger, Run, _clock.GetUtcNow());

        Assert.Equal(100 * 0.001 + 30 * 0.002, cost.ActualUsd, 9);
        Assert.Equal(100 * 0.001 + 10 * 0.002, cost.ByStage[RunStageName.Train], 9);
        Assert.Equal(20 * 0.002, cost.ByStage[RunStageName.Evaluate], 9);
        Assert.Equal(cost.ActualUsd, cost.ByStage.Values.Sum(), 9);
    }

    [Fact]
    public void Cost_OfANodeThatStillRuns_GrowsWithTime()
    {
        var ledger = Open();
        Lease(ledger, "a", 3.6);
        Stage(ledger, RunStageName.Train);
        Moment(ledger, LedgerKinds.Ready, "a");

        _clock.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal(0.06, RunCosts.Of(ledger, Run, _clock.GetUtcNow()).ActualUsd, 9);
    }

    private RunLedger Open() => new(_folder.Path, _clock);

    private static void Lease(RunLedger ledger, string node, double usdPerHour) => ledger.Append(
        Run, LedgerKinds.Intent, node,
        new TpuLease(
            Node(node), new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, usdPerHour), 1));

    private static void Stage(RunLedger ledger, RunStageName stage) =>
        ledger.Append(Run, LedgerKinds.Stage, WireName.Of(stage), new StageInput(Run, stage, ""));

    private static void Moment(RunLedger ledger, string kind, string node) =>
        ledger.Append(Run, kind, node, new NodeMoment(Node(node), "x"));

    private static NodeName Node(string id) => NodeName.Of("p", "us-west4-a", id);
}
