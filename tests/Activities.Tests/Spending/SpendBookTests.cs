using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Activities.Spending;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Spending;

/// <summary>The spending of all runs by day, which no crash loses or doubles.</summary>
public sealed class SpendBookTests : IDisposable
{
    private const double UsdPerHour = 10;

    private readonly TemporaryFolder _folder = new("workflows-spending-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 22, 0, 0, TimeSpan.Zero));
    private RunLedger _ledger;

    public SpendBookTests() => _ledger = new RunLedger(_folder.Path, _clock);

    public void Dispose() => _folder.Dispose();

    /// <summary>A node that works over midnight costs on both days.</summary>
    [Fact]
    public void Spent_OfANodeOverMidnight_IsSplitByUtcDays()
    {
        var book = Book();
        Rent("night");
        book.Begin(new RunId("night"));

        _clock.Advance(TimeSpan.FromHours(3));

        Assert.Equal((10, 30), book.Spent());
        Assert.Equal(30, RunCosts.Of(_ledger, new RunId("night"), _clock.GetUtcNow()).ActualUsd, 9);
        var days = RunCosts.ByDay(_ledger, new RunId("night"), _clock.GetUtcNow());
        Assert.Equal(20, days[new DateOnly(2026, 11, 29)], 9);
        Assert.Equal(10, days[new DateOnly(2026, 11, 30)], 9);
    }

    [Fact]
    public void Spent_InTheNextMonth_BeginsAtNothing()
    {
        var book = Book();
        Ended("old", hours: 1);
        Assert.Equal((10, 10), book.Spent());

        _clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal((0, 10), book.Spent());

        _clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal((0, 0), book.Spent());
    }

    /// <summary>The service may stop between any two writes.</summary>
    [Fact]
    public void Spent_AfterEachRestart_CountsEveryRunOnce()
    {
        Rent("first");
        Book().Begin(new RunId("first"));
        _clock.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal((5, 5), Reopened().Spent());

        GiveBack("first");
        Assert.Equal((5, 5), Reopened().Spent());

        // A crash after the run's end, before its cost is in the sums.
        Reopened().End(new RunId("first"));
        Assert.Equal((5, 5), Reopened().Spent());

        // Ended once more, since the first look at the engine was interrupted.
        Reopened().End(new RunId("first"));
        Assert.Equal((5, 5), Reopened().Spent());
        Assert.Empty(Reopened().Open());
    }

    [Fact]
    public void Spent_OfAResumedRun_CountsBothPartsOnce()
    {
        Ended("again", hours: 0.5);

        // Begun again, its ledger's cost is in the sums already.
        Book().Begin(new RunId("again"));
        Assert.Equal((5, 5), Reopened().Spent());

        Rent("again", "2");
        _clock.Advance(TimeSpan.FromHours(0.25));
        Assert.Equal((7.5, 7.5), Reopened().Spent());
        GiveBack("again", "2");
        Reopened().End(new RunId("again"));

        Assert.Equal((7.5, 7.5), Reopened().Spent());
    }

    /// <summary>The file holds nothing that the ledgers do not have, as long as no run was purged.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"days":{"soon":1},"open":{}}""")]
    [InlineData("""{"days":{},"open":{"Not An Id":{"at":"2026-11-29T22:00:00Z","counted":{}}}}""")]
    public void Spent_OfALostOrDamagedFile_IsMadeAnewFromTheLedgersOfTheMonth(string? content)
    {
        Ended("kept", hours: 1);
        Ended("rehearsed", hours: 1, project: "rehearsal-rehearsed");
        Ended("last-month", hours: 1);
        File.SetLastWriteTimeUtc(
            Path.Combine(_ledger.DirectoryOf(new RunId("kept")), "ledger.jsonl"), _clock.GetUtcNow().UtcDateTime);
        File.SetLastWriteTimeUtc(
            Path.Combine(_ledger.DirectoryOf(new RunId("last-month")), "ledger.jsonl"),
            new DateTime(2026, 10, 31, 23, 0, 0, DateTimeKind.Utc));
        var path = Path.Combine(_folder.Path, "spending.json");
        File.Delete(path);
        if (content is not null)
        {
            File.WriteAllText(path, content);
        }

        var book = Reopened();

        Assert.Equal((0, 10), Rounded(book.Spent()));
        Assert.Equal(new RunId("kept"), Assert.Single(book.Open()).RunId);
        Assert.True(book.IsOver(new RunId("kept")));
    }

    /// <summary>The service may stop after any step of a purge, and the sums may be lost after it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Spent_OfALostFileAfterPurges_HasEachPurgedRunOnce(bool isInterrupted)
    {
        var run = new RunId("purged");
        Ended("purged", hours: 0.5);
        Book().Keep(run);
        _ledger.Purge(run);
        Ended("purged", hours: 0.25);
        File.SetLastWriteTimeUtc(
            Path.Combine(_ledger.DirectoryOf(run), "ledger.jsonl"), _clock.GetUtcNow().UtcDateTime);
        Book().Keep(run);
        Book().Keep(run);
        if (!isInterrupted)
        {
            _ledger.Purge(run);
        }

        Ended("rehearsed", hours: 0.25, project: "rehearsal-rehearsed");
        Book().Keep(new RunId("rehearsed"));
        _ledger.Purge(new RunId("rehearsed"));
        File.WriteAllText(Path.Combine(_folder.Path, "spending.json"), "{");

        Assert.Equal((7.5, 7.5), Rounded(Reopened().Spent()));
        Assert.Equal((7.5, 7.5), Rounded(Reopened().Spent()));
    }

    [Fact]
    public void Drop_OfARehearsal_CountsNothing()
    {
        Rent("rehearsal");
        var book = Book();
        book.Begin(new RunId("rehearsal"));
        _clock.Advance(TimeSpan.FromHours(1));

        book.Drop(new RunId("rehearsal"));

        Assert.Equal((0, 0), book.Spent());
        Assert.Empty(book.Open());
    }

    [Fact]
    public void Close_OfManyAfterTheSumsWereLost_CountsEachOnceAndNoRehearsal()
    {
        foreach (var id in new[] { "one", "two", "open" })
        {
            Rent(id);
            _clock.Advance(TimeSpan.FromHours(1));
            if (id != "open")
            {
                GiveBack(id);
                _ledger.Append(new RunId(id), LedgerKinds.End, "end", new RunOutcome(RunStatus.Succeeded, "", null));
            }
        }

        var book = Reopened();
        Assert.False(book.IsMade);
        var before = Rounded(book.Spent());
        Assert.True(book.IsMade);
        book.Close([new RunId("one"), new RunId("two"), new RunId("never-there")], [new RunId("open")]);
        book.Close([new RunId("one")], []);

        Assert.Equal(30, before.Month);
        Assert.Equal(20, Rounded(book.Spent()).Month);
        Assert.Empty(book.Open());
    }

    [Fact]
    public void IsOver_WithoutAnEnd_WaitsForTheProofOfEveryNode()
    {
        Rent("terminated");
        Assert.False(Book().IsOver(new RunId("terminated")));

        GiveBack("terminated");

        Assert.True(Book().IsOver(new RunId("terminated")));
        Assert.True(Book().IsOver(new RunId("never-there")));
    }

    private static (double Day, double Month) Rounded((double Day, double Month) spent) =>
        (Math.Round(spent.Day, 9), Math.Round(spent.Month, 9));

    private SpendBook Book() => new(_ledger, _clock);

    /// <summary>The book of the next start of the service.</summary>
    private SpendBook Reopened()
    {
        _ledger = new RunLedger(_folder.Path, _clock);
        return Book();
    }

    private void Ended(string id, double hours, string project = "team")
    {
        var book = Book();
        book.Begin(new RunId(id));
        Rent(id, project: project);
        _clock.Advance(TimeSpan.FromHours(hours));
        GiveBack(id, project: project);
        book.End(new RunId(id));
    }

    /// <summary>A group adds up the ledgers of its variants, which are not counted by themselves.</summary>
    [Fact]
    public void Spent_OfAGroupOfVariants_CountsThemOnceAlsoAfterTheFileIsLost()
    {
        var group = new RunId("g");
        _ledger.Append(
            group, LedgerKinds.Members, "members", new MembersFact([new RunId("g-a"), new RunId("g-b")]));
        _ledger.Append(new RunId("g-a"), LedgerKinds.VariantOf, "group", new VariantGroup(group, "a"));
        var book = Book();
        book.Begin(group);
        Rent("g-a");
        _clock.Advance(TimeSpan.FromMinutes(30));

        Assert.Equal((5, 5), book.Spent());
        File.Delete(Path.Combine(_folder.Path, "spending.json"));
        Assert.Equal((5, 5), Reopened().Spent());
        Assert.Equal([group], Reopened().Open().Select(each => each.RunId));
        Assert.False(book.IsOver(group));
    }

    /// <summary>A group that broke may have left a variant that still pays.</summary>
    [Fact]
    public void Spent_OfAnEndedGroupWithALiveVariantAfterTheFileIsLost_GrowsWithTheVariant()
    {
        var group = new RunId("g");
        _ledger.Append(group, LedgerKinds.Members, "members", new MembersFact([new RunId("g-a")]));
        _ledger.Append(new RunId("g-a"), LedgerKinds.VariantOf, "group", new VariantGroup(group, "a"));
        _ledger.Append(group, LedgerKinds.End, "end", new RunOutcome(RunStatus.Failed, "", null));
        Rent("g-a");
        var book = Reopened();
        Assert.Equal((0, 0), Rounded(book.Spent()));

        _clock.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal((5, 5), Rounded(book.Spent()));
        GiveBack("g-a");
        _ledger.Append(new RunId("g-a"), LedgerKinds.End, "end", new RunOutcome(RunStatus.Cancelled, "", null));
        book.End(group);

        Assert.Equal((5, 5), Rounded(book.Spent()));
    }

    /// <summary>The ledger of a group is left, and those of its variants have the costs.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Spent_OfALostFileAfterAPurgeOfAGroupThatWasInterrupted_IsKept(int purged)
    {
        var group = new RunId("g");
        RunId[] members = [new("g-a"), new("g-b")];
        _ledger.Append(group, LedgerKinds.Members, "members", new MembersFact(members));
        foreach (var member in members)
        {
            _ledger.Append(member, LedgerKinds.VariantOf, "group", new VariantGroup(group, "v"));
            Rent(member.Value);
        }

        _clock.Advance(TimeSpan.FromMinutes(15));
        foreach (var member in members)
        {
            GiveBack(member.Value);
        }

        _ledger.Append(group, LedgerKinds.End, "end", new RunOutcome(RunStatus.Failed, "comparison.json", null));
        Book().Keep(group);
        foreach (var member in members.Take(purged))
        {
            _ledger.Purge(member);
        }

        Assert.Equal((5, 5), Rounded(Reopened().Spent()));
    }

    private void Rent(string id, string node = "1", string project = "team")
    {
        var name = NodeName.Of(project, "us-west4-a", $"wf-{id}-{node}");
        var place = new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, UsdPerHour);
        _ledger.Append(new RunId(id), LedgerKinds.Intent, $"{name}", new TpuLease(name, place, 1));
        _ledger.Append(new RunId(id), LedgerKinds.Ready, $"{name}", new NodeMoment(name, "READY"));
    }

    private void GiveBack(string id, string node = "1", string project = "team")
    {
        var name = NodeName.Of(project, "us-west4-a", $"wf-{id}-{node}");
        _ledger.Append(new RunId(id), LedgerKinds.Released, $"{name}", new NodeMoment(name, "NOT_FOUND"));
    }
}
