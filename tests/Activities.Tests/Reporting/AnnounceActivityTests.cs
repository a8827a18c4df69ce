using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Reporting;

public sealed class AnnounceActivityTests : RunFolder
{
    private static readonly RunEnd End = new(Id, "a name", new RunOutcome(RunStatus.Succeeded, "report.json", null));

    [Fact]
    public async Task Announce_OneThatFails_StarvesNoOther()
    {
        Announcer first = new("first"), broken = new("broken", failures: 1), last = new("last");

        var fault = await Assert.ThrowsAsync<AggregateException>(() => RunAsync(first, broken, last));

        Assert.Equal((1, 1, 1), (first.Calls, broken.Calls, last.Calls));
        Assert.Contains("1 of 3 announcers failed", fault.Message, StringComparison.Ordinal);
        Assert.Contains("broken: out of reach", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Announce_Retried_CallsOnlyThoseThatFailed()
    {
        Announcer first = new("first"), broken = new("broken", failures: 1), last = new("last");
        await Assert.ThrowsAsync<AggregateException>(() => RunAsync(first, broken, last));

        Assert.Equal(3, await RunAsync(first, broken, last));

        Assert.Equal((1, 2, 1), (first.Calls, broken.Calls, last.Calls));
    }

    [Fact]
    public async Task Announce_RunTwice_TellsNobodyAgain()
    {
        var only = new Announcer("only");

        Assert.Equal((1, 1), (await RunAsync(only), await RunAsync(only)));

        Assert.Equal((1, End), (only.Calls, only.Last));
    }

    [Fact]
    public async Task Announce_ToOneThatPublishesFromTheLedger_WritesTheEndThereAndDoesNotCallIt()
    {
        var only = new Announcer("only", isFromLedger: true);

        Assert.Equal((1, 1), (await RunAsync(only), await RunAsync(only)));

        Assert.Equal(0, only.Calls);
        var fact = Assert.Single(Ledger.Read(Id), entry => entry.Kind == LedgerKinds.Announced);
        Assert.Equal(new AnnouncedFact("only") { End = End }, fact.Data.Deserialize<AnnouncedFact>(RunLedger.Json));
    }

    [Fact]
    public async Task Announce_SeveralThatFail_SaysWhatEachSaid()
    {
        var fault = await Assert.ThrowsAsync<AggregateException>(
            () => RunAsync(new Announcer("a", failures: 9), new Announcer("b", failures: 9)));

        Assert.Equal(
            ["a: out of reach", "b: out of reach"], fault.InnerExceptions.Select(inner => inner.Message));
        Assert.All(fault.InnerExceptions, inner => Assert.IsType<IOException>(inner.InnerException));
    }

    [Fact]
    public async Task Announce_WithoutAnnouncers_IsDone() => Assert.Equal(0, await RunAsync());

    private Task<int> RunAsync(params Announcer[] announcers) =>
        new AnnounceActivity(announcers, Ledger).RunAsync(null!, End);

    private sealed class Announcer(string name, int failures = 0, bool isFromLedger = false) : IRunAnnouncer
    {
        public bool IsPublishedFromLedger => isFromLedger;

        public string Name => name;

        public int Calls { get; private set; }

        public RunEnd? Last { get; private set; }

        public Task AnnounceAsync(RunEnd end, CancellationToken cancellationToken)
        {
            Calls++;
            Last = end;
            return Calls <= failures ? throw new IOException("out of reach") : Task.CompletedTask;
        }
    }
}
