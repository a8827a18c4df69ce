using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;
using Workflows.Service.Database;
using Workflows.Service.Runs;
using Workflows.Service.Workers;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Database;

/// <summary>The promises of <see cref="IStateStore"/>, which each implementation keeps.</summary>
public abstract class StateStoreTests : IAsyncLifetime
{
    private static readonly DateTimeOffset At = new(2026, 11, 29, 20, 0, 0, TimeSpan.FromTicks(0));

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IStateStore State { get; set; } = null!;

    public async ValueTask InitializeAsync() => State = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void AppendFact_OfAKeyAgain_KeepsTheFirst()
    {
        Assert.False(State.HasFacts("runs/a/ledger.jsonl"));
        Assert.Empty(State.ReadFacts("runs/a/ledger.jsonl"));

        Assert.True(State.AppendFact("runs/a/ledger.jsonl", Fact("stage", "train", "first")));
        Assert.False(State.AppendFact("runs/a/ledger.jsonl", Fact("stage", "train", "second")));
        Assert.True(State.AppendFact("runs/a/ledger.jsonl", Fact("other", "train", "third")));
        Assert.True(State.AppendFact("runs/b/ledger.jsonl", Fact("stage", "train", "fourth")));

        Assert.True(State.HasFacts("runs/a/ledger.jsonl"));
        Assert.Equal(["first", "third"], Texts(State, "runs/a/ledger.jsonl"));
        Assert.Equal(["fourth"], Texts(State, "runs/b/ledger.jsonl"));
    }

    [Fact]
    public async Task ReadFacts_AfterReopening_HasEveryFactAsItWas()
    {
        var facts = new[]
        {
            new LedgerEntry(
                At.AddTicks(1234567), "stage", "키 \"quoted\" \\ #1",
                Json("""{"a":[1,2.50,null],"b":"한국어\u0000\n"}""")),
            new LedgerEntry(At, "", new string('k', 500), Json("[]")),
        };
        foreach (var fact in facts)
        {
            Assert.True(State.AppendFact("sweep.jsonl", fact));
        }

        var read = (await ReopenAsync()).ReadFacts("sweep.jsonl");

        Assert.Equal(
            facts.Select(fact => JsonSerializer.Serialize(fact, RunLedger.Json)),
            read.Select(fact => JsonSerializer.Serialize(fact, RunLedger.Json)));
    }

    [Fact]
    public void AppendFact_ByManyAtOnce_WritesEachKeyOnceAndInOneOrder()
    {
        var written = 0;
        Parallel.For(0, 80, each =>
        {
            if (State.AppendFact("runs/a/ledger.jsonl", Fact("k", $"{each % 20}", $"{each}")))
            {
                Interlocked.Increment(ref written);
            }
        });

        Assert.Equal(20, written);
        Assert.Equal(20, State.ReadFacts("runs/a/ledger.jsonl").Select(fact => fact.Key).Distinct().Count());
    }

    [Fact]
    public void FindFact_OfAKind_ReturnsTheFirst()
    {
        State.AppendFact("runs/a/ledger.jsonl", Fact("stage", "intent", "0"));
        State.AppendFact("runs/a/ledger.jsonl", Fact("intent", "1", "first"));
        State.AppendFact("runs/a/ledger.jsonl", Fact("intent", "2", "second"));

        Assert.Equal("1", State.FindFact("runs/a/ledger.jsonl", "intent")?.Key);
        Assert.Null(State.FindFact("runs/a/ledger.jsonl", "end"));
        Assert.Null(State.FindFact("runs/none/ledger.jsonl", "intent"));
    }

    [Fact]
    public void ReplaceFacts_OfACache_LeavesTheNewOnesOnly()
    {
        State.AppendFact("capacity.jsonl", Fact("k", "1", "old"));
        Assert.Equal(["old"], Texts(State, "capacity.jsonl"));

        State.ReplaceFacts("capacity.jsonl", [Fact("k", "1", "new"), Fact("k", "2", "newer")]);
        Assert.False(State.AppendFact("capacity.jsonl", Fact("k", "2", "none")));
        State.AppendFact("capacity.jsonl", Fact("k", "3", "newest"));

        Assert.Equal(["new", "newer", "newest"], Texts(State, "capacity.jsonl"));
    }

    [Fact]
    public void ListFacts_OfAFolder_FindsTheFilesOfThatNameInIt()
    {
        var before = TimeProvider.System.GetUtcNow().AddMinutes(-1);
        State.AppendFact("runs/a/ledger.jsonl", Fact("k", "1", ""));
        State.AppendFact("runs/b_%/ledger.jsonl", Fact("k", "1", ""));
        State.AppendFact("runs/b_%/other.jsonl", Fact("k", "1", ""));
        State.AppendFact("sweep.jsonl", Fact("k", "1", ""));

        var found = State.ListFacts("runs", "ledger.jsonl").ToList();

        Assert.Equal(
            ["runs/a/ledger.jsonl", "runs/b_%/ledger.jsonl"],
            found.Select(each => each.Name).Order(StringComparer.Ordinal));
        Assert.All(found, each => Assert.True(each.WrittenAt > before));
    }

    [Fact]
    public async Task AppendLine_UpToTheLimit_KeepsOrderAndRepetitions()
    {
        Assert.Empty(State.ReadLines("runs/a/metrics.jsonl"));
        foreach (var line in new[] { "one", "two", "two", "three" })
        {
            State.AppendLine("runs/a/metrics.jsonl", line, mostBytes: 9);
        }

        Assert.Equal(["one", "two", "two"], State.ReadLines("runs/a/metrics.jsonl"));
        Assert.Equal(["one", "two", "two"], (await ReopenAsync()).ReadLines("runs/a/metrics.jsonl"));
    }

    [Fact]
    public async Task Documents_OfAnyContent_AreReplacedWholeAndDeleted()
    {
        byte[] content = [0, 255, 10, 13, 0];
        Assert.Null(State.Read("purged/a.json"));

        State.Write("purged/a.json", content);
        Assert.Equal(content, (await ReopenAsync()).Read("purged/a.json"));
        State.Write("purged/a.json", []);

        Assert.Empty(State.Read("purged/a.json")!);
        Assert.True(State.Delete("purged/a.json"));
        Assert.False(State.Delete("purged/a.json"));
        Assert.Null(State.Read("purged/a.json"));
    }

    [Fact]
    public void Create_ByManyAtOnce_HasOneWinnerWhomAllSee()
    {
        var winners = new System.Collections.Concurrent.ConcurrentBag<byte>();
        var seen = new System.Collections.Concurrent.ConcurrentBag<byte>();
        Parallel.For(0, 16, each =>
        {
            if (State.Create("keys/one", [(byte)each]) is { } there)
            {
                seen.Add(there[0]);
            }
            else
            {
                winners.Add((byte)each);
            }
        });

        var winner = Assert.Single(winners);
        Assert.Equal([winner], seen.Distinct());
        Assert.Equal([winner], State.Read("keys/one")!);
    }

    [Fact]
    public void Change_ByManyAtOnce_LosesNone()
    {
        Parallel.For(0, 40, _ => State.Change("spending.json", content =>
            BitConverter.GetBytes((content is null ? 0 : BitConverter.ToInt32(content)) + 1)));

        Assert.Equal(40, BitConverter.ToInt32(State.Read("spending.json")!));
    }

    [Fact]
    public void Change_ThatThrowsOrChangesNothing_LeavesTheDocument()
    {
        State.Write("spending.json", [1]);

        Assert.Throws<InvalidDataException>(() => State.Change(
            "spending.json", _ => throw new InvalidDataException("refused")));
        State.Change("spending.json", _ => null);
        State.Change("none.json", _ => null);

        Assert.Equal([1], State.Read("spending.json")!);
        Assert.Null(State.Read("none.json"));
    }

    [Fact]
    public void DeleteAll_OfAContent_LeavesTheOthersOfTheFolder()
    {
        State.Write("keys/1", "run-a"u8.ToArray());
        State.Write("keys/2", "run-b"u8.ToArray());
        State.Write("keys/3", "run-a"u8.ToArray());
        State.Write("other", "run-a"u8.ToArray());

        Assert.Equal(2, State.DeleteAll("keys", "run-a"u8.ToArray()));

        Assert.Equal(0, State.DeleteAll("keys", "run-a"u8.ToArray()));
        Assert.NotNull(State.Read("keys/2"));
        Assert.NotNull(State.Read("other"));
    }

    [Fact]
    public void DeleteBefore_ATime_DeletesTheDocumentsOfTheFolderAlone()
    {
        State.Write("keys/1", [1]);
        State.Write("keys/2", [2]);
        State.Write("keys/more/3", [3]);
        State.Write("keys-of-others", [4]);

        Assert.Equal(0, State.DeleteBefore("keys", DateTimeOffset.UtcNow.AddHours(-1)));
        Assert.Equal(2, State.DeleteBefore("keys", DateTimeOffset.UtcNow.AddHours(1)));
        Assert.Equal(0, State.DeleteBefore("none", DateTimeOffset.UtcNow.AddHours(1)));

        Assert.Null(State.Read("keys/1"));
        Assert.Equal([3], State.Read("keys/more/3"));
        Assert.Equal([4], State.Read("keys-of-others"));
    }

    [Fact]
    public async Task DeleteBefore_AfterARewrite_CountsFromIt()
    {
        State.Write("keys/1", [1]);
        var between = DateTimeOffset.UtcNow.AddHours(1);
        Assert.Equal(1, State.DeleteBefore("keys", between));
        State.Write("keys/1", [2]);

        Assert.Equal(0, (await ReopenAsync()).DeleteBefore("keys", DateTimeOffset.UtcNow.AddHours(-1)));
        Assert.Equal([2], State.Read("keys/1"));
    }

    [Fact]
    public async Task TrimFacts_BeforeATime_KeepsTheNewestSoThatReadersGoOnAfterIt()
    {
        var reader = await ReopenAsync();
        Parallel.For(0, 5, each => State.AppendFact("notes.jsonl", Fact("k", $"{each}", $"{each}")));
        State.AppendFact("notes.jsonl", Fact("k", "newest", "newest"));
        Assert.Equal(6, reader.ReadFacts("notes.jsonl").Count);

        Assert.Equal(0, State.TrimFacts("notes.jsonl", DateTimeOffset.UtcNow.AddYears(-20)));
        Assert.Equal(5, State.TrimFacts("notes.jsonl", DateTimeOffset.UtcNow.AddYears(20)));
        Assert.Equal(0, State.TrimFacts("none.jsonl", DateTimeOffset.UtcNow.AddYears(20)));

        Assert.True(State.AppendFact("notes.jsonl", Fact("k", "later", "later")));
        var again = await ReopenAsync();
        Assert.Equal(["newest", "later"], Texts(again, "notes.jsonl"));
        if (State.IsShared)
        {
            Assert.Equal("later", Texts(reader, "notes.jsonl").Last());

            // It has read the others before, and forgets them with its own look at old ones.
            Assert.Equal(0, reader.TrimFacts("notes.jsonl", DateTimeOffset.UtcNow.AddYears(-20)));
            Assert.Equal(["newest", "later"], Texts(reader, "notes.jsonl"));
        }
    }

    [Fact]
    public void Key_OfARequest_IsFreeAfterItsLifetime()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var keys = new IdempotencyKeys(State);
        using var folder = new TemporaryFolder();
        using var trimmer = TrimmerOf(State, folder.Path, clock);
        Assert.Equal((new RunId("one"), true), keys.Claim("order-1", new RunId("one")));

        clock.Advance(IdempotencyKeys.Lifetime - TimeSpan.FromHours(1));
        trimmer.Trim();
        Assert.Equal((new RunId("one"), false), keys.Claim("order-1", new RunId("two")));
        clock.Advance(TimeSpan.FromHours(2));
        trimmer.Trim();

        Assert.Null(keys.Find("order-1"));
        Assert.Equal((new RunId("two"), true), keys.Claim("order-1", new RunId("two")));
    }

    [Fact]
    public void Purge_OfAFolder_LeavesNothingOfItAndLetsItsNameBeginAnew()
    {
        State.AppendFact("runs/a/ledger.jsonl", Fact("k", "1", "old"));
        State.AppendFact("runs/a/ledger.jsonl", Fact("k", "2", "old"));
        State.AppendLine("runs/a/metrics.jsonl", "old", 100);
        State.Write("runs/a/report.json", [1]);
        State.AppendFact("runs/ab/ledger.jsonl", Fact("k", "1", "kept"));
        _ = State.ReadLines("runs/a/metrics.jsonl").Count();
        Assert.Equal(2, State.ReadFacts("runs/a/ledger.jsonl").Count);

        State.Purge("runs/a", "ledger.jsonl");

        Assert.False(State.HasFacts("runs/a/ledger.jsonl"));
        Assert.Empty(State.ReadFacts("runs/a/ledger.jsonl"));
        Assert.Empty(State.ReadLines("runs/a/metrics.jsonl"));
        Assert.Null(State.Read("runs/a/report.json"));
        Assert.Equal(["kept"], Texts(State, "runs/ab/ledger.jsonl"));
        Assert.True(State.AppendFact("runs/a/ledger.jsonl", Fact("k", "2", "new")));
        Assert.Equal(["new"], Texts(State, "runs/a/ledger.jsonl"));
        State.Purge("runs/none", "ledger.jsonl");
    }

    [Fact]
    public async Task AloneAsync_OfOneName_LetsOneInAtATime()
    {
        var (inside, most) = (0, 0);
        var first = await State.AloneAsync("run-1", Cancellation);
        using (await State.AloneAsync("run-2", Cancellation))
        {
            // Another name waits for nobody.
        }

        var waiting = Enumerable.Range(0, 4).Select(async _ =>
        {
            using var alone = await State.AloneAsync("run-1", Cancellation);
            most = Math.Max(most, Interlocked.Increment(ref inside));
            await Task.Yield();
            Interlocked.Decrement(ref inside);
        }).ToList();
        Assert.DoesNotContain(waiting, each => each.IsCompleted);
        first.Dispose();
        await Task.WhenAll(waiting);

        Assert.Equal(1, most);
    }

    [Fact]
    public async Task AloneAsync_OfACallerThatGoesAway_LeavesTheNameToOthers()
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var first = await State.AloneAsync("run-1", Cancellation);
        var second = State.AloneAsync("run-1", gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        first.Dispose();

        using var third = await State.AloneAsync("run-1", Cancellation);
        Assert.NotNull(third);
    }

    protected static LedgerEntry Fact(string kind, string key, string text) =>
        new(At, kind, key, JsonSerializer.SerializeToElement(text));

    protected static IEnumerable<string?> Texts(IStateStore state, string name) =>
        state.ReadFacts(name).Select(fact => fact.Data.GetString());

    /// <summary>Makes the part of a service with a folder that deletes old state.</summary>
    private static StateTrimmer TrimmerOf(IStateStore state, string folder, TimeProvider clock)
    {
        var ledger = new RunLedger(state, folder, clock);
        return new StateTrimmer(
            state,
            new PurgedFolders(
                ledger, new JobBook(ledger, new MetricsLog(ledger, clock), clock), clock,
                NullLogger<PurgedFolders>.Instance),
            clock, NullLogger<StateTrimmer>.Instance);
    }

    protected abstract Task<IStateStore> OpenAsync();

    /// <summary>Opens the same store again, as the next start of a service does.</summary>
    protected abstract Task<IStateStore> ReopenAsync();

    protected abstract Task CloseAsync();

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement.Clone();
}
