using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Database;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Runs;
using Workflows.Service.Workers;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Database;

/// <summary>Keys, sessions and lists of two services on one database.</summary>
public sealed class SharedServicesTests(SharedPostgres postgres) : IClassFixture<SharedPostgres>, IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 20, 0, 0, TimeSpan.Zero));
    private readonly List<IDisposable> _open = [];
    private string _database = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _database = await (await postgres.StartOrSkipAsync()).NewDatabaseAsync();

    public ValueTask DisposeAsync()
    {
        _open.ForEach(each => each.Dispose());
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Key_MadeAndRevokedAtOneService_CountsAtTheOtherAtOnce()
    {
        var (one, other) = (Keys(State()), Keys(State()));
        var ring = new KeyRing(other, _clock);
        Assert.False(ring.HasAny);

        var (_, text) = await one.MakeAsync("laptop", AccessRole.Runner, null, Cancellation);
        Assert.Equal(AccessRole.Runner, ring.Find(text)?.Role);
        await Assert.ThrowsAsync<KeyFileException>(
            () => other.MakeAsync("laptop", AccessRole.Admin, null, Cancellation));
        Assert.True(await one.RevokeAsync("laptop", Cancellation));

        Assert.Null(ring.Find(text));
    }

    [Fact]
    public async Task Session_SignedOutAtOneService_IsOverAtTheOther()
    {
        var (one, other) = (State(), State());
        var (key, _) = await Keys(one).MakeAsync("laptop", AccessRole.Reader, null, Cancellation);
        var here = new Sessions(new KeyRing(Keys(one), _clock), _clock, one);
        var there = new Sessions(new KeyRing(Keys(other), _clock), _clock, other);
        var caller = here.Begin(key, TimeSpan.FromHours(1));
        Assert.True(there.Holds(caller));

        here.End(caller);

        Assert.False(there.Holds(caller));
        Assert.True(there.Holds(there.Begin(key, TimeSpan.FromHours(1))));
    }

    [Fact]
    public void SessionKeys_OfOneService_AreThoseOfTheOther()
    {
        var (one, other) = (new SharedSessionKeys(State()), new SharedSessionKeys(State()));
        Assert.Empty(other.GetAllElements());

        one.StoreElement(new("key", "first"), "key-1");
        other.StoreElement(new("key", "second"), "key-2");

        Assert.Equal(["first", "second"], one.GetAllElements().Select(key => key.Value));
    }

    /// <summary>The list has the run at once, not with the next look over the whole engine.</summary>
    [Fact]
    public async Task List_OfAnotherService_HasARunThatWasStartedJustNowUntilItsPurge()
    {
        var engine = new FakeEngine();
        await using var client = engine.Client();
        using var one = new RunIndex(client, _clock, State());
        using var other = new RunIndex(client, _clock, State());
        Assert.Empty(await other.FindAsync(_ => true, 9, Cancellation));

        engine.PutRun("new", _clock.GetUtcNow(), OrchestrationStatus.Running);
        one.Note(new RunId("new"));

        Assert.Equal("new", Assert.Single(await other.FindAsync(_ => true, 9, Cancellation)).Id);
        Assert.True(engine.Instances.Remove("new"));
        one.Forget(new RunId("new"));
        Assert.Empty(await other.FindAsync(_ => true, 9, Cancellation));
    }

    /// <summary>Notes of a run that was started are old when every service has read them.</summary>
    [Fact]
    public async Task List_AfterOldNotesWereDeleted_HasTheRunsOfLaterOnes()
    {
        var engine = new FakeEngine();
        await using var client = engine.Client();
        var (state, notes) = (State(), State());
        using var one = new RunIndex(client, _clock, notes);
        using var other = new RunIndex(client, _clock, state);
        Assert.Empty(await other.FindAsync(_ => true, 9, Cancellation));
        foreach (var id in new[] { "first", "second" })
        {
            engine.PutRun(id, _clock.GetUtcNow(), OrchestrationStatus.Running);
            one.Note(new RunId(id));
        }

        Assert.Equal(2, (await other.FindAsync(_ => true, 9, Cancellation)).Count);
        Assert.Equal(1, notes.TrimFacts(RunIndex.SharedNotes, DateTimeOffset.UtcNow.AddHours(1)));
        engine.PutRun("third", _clock.GetUtcNow(), OrchestrationStatus.Running);
        one.Note(new RunId("third"));

        Assert.Equal(3, (await other.FindAsync(_ => true, 9, Cancellation)).Count);
    }

    [Fact]
    public void Folder_OfARunThatWasPurgedAtTheOtherService_IsDeletedAndNoOther()
    {
        using var here = new TemporaryFolder();
        using var there = new TemporaryFolder();
        var (one, other) = (Ledger(here), Ledger(there));
        foreach (var id in new[] { "purged", "kept", "unknown" })
        {
            File.WriteAllText(Path.Combine(other.DirectoryOf(new RunId(id)), "test.jsonl"), "{}");
        }

        one.Append(new RunId("purged"), LedgerKinds.Stage, "plan", "plan");
        one.Append(new RunId("kept"), LedgerKinds.Stage, "plan", "plan");
        var folders = Folders(other);
        Folders(one).Note(new RunId("purged"));
        folders.Clean();
        Assert.True(Directory.Exists(other.PathOf(new RunId("purged"))), "The purge has not got to its ledger.");
        one.Purge(new RunId("purged"));

        folders.Clean();

        Assert.False(Directory.Exists(other.PathOf(new RunId("purged"))));
        Assert.True(Directory.Exists(other.PathOf(new RunId("kept"))));
        Assert.True(Directory.Exists(other.PathOf(new RunId("unknown"))));
    }

    /// <summary>A run waits for minutes while the database is away, a request does not, also not for the run.</summary>
    [Fact]
    public async Task Request_ThatWaitsForALockWhoseHolderWaitsForTheDatabase_GivesUp()
    {
        using var access = new DatabaseAccess(
            "Host=127.0.0.1;Port=1;Username=nobody", TimeSpan.FromMinutes(10), NullLogger.Instance,
            requestPatience: TimeSpan.FromMilliseconds(200));
        using var locks = new DatabaseLocks(access);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var holder = locks.WaitAsync("keyed", end.Token);

        DatabaseAccess.HurryThisCall();
        await Assert.ThrowsAsync<DatabaseException>(() => locks.WaitAsync("keyed", Cancellation));
        await Assert.ThrowsAsync<DatabaseException>(() => locks.WaitAsync("other", Cancellation));

        Assert.False(holder.IsCompleted);
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => holder);
    }

    [Fact]
    public async Task Request_ThatWaitsForAnotherCallOfADocument_GivesUp()
    {
        using var access = new DatabaseAccess(
            _database, TimeSpan.FromMinutes(10), NullLogger.Instance,
            requestPatience: TimeSpan.FromMilliseconds(200));
        using var state = new DatabaseState(access);
        using var goOn = new ManualResetEventSlim();
        var isIn = new TaskCompletionSource();
        var holder = Task.Run(
            () => state.Change("spending.json", _ =>
            {
                isIn.SetResult();
                goOn.Wait(Cancellation);
                return [1];
            }),
            Cancellation);
        await isIn.Task;

        await Task.Run(
            () =>
            {
                DatabaseAccess.HurryThisCall();
                Assert.Throws<DatabaseException>(() => state.Change("spending.json", _ => [2]));
            },
            Cancellation);
        goOn.Set();
        await holder;

        Assert.Equal([1], state.Read("spending.json"));
    }

    private RunLedger Ledger(TemporaryFolder folder) => new(State(), folder.Path, _clock);

    private PurgedFolders Folders(RunLedger ledger) => new(
        ledger, new JobBook(ledger, new MetricsLog(ledger, _clock), _clock), _clock,
        NullLogger<PurgedFolders>.Instance);

    private DatabaseState State()
    {
        var access = new DatabaseAccess(_database, TimeSpan.FromSeconds(60), NullLogger.Instance);
        var state = new DatabaseState(access);
        _open.AddRange([state, access]);
        return state;
    }

    private KeyFile Keys(DatabaseState state) => new(new SharedKeys(state), _clock);
}
