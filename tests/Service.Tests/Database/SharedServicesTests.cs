using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Database;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Runs;

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

    private DatabaseState State()
    {
        var access = new DatabaseAccess(_database, TimeSpan.FromSeconds(60), NullLogger.Instance);
        var state = new DatabaseState(access);
        _open.AddRange([state, access]);
        return state;
    }

    private KeyFile Keys(DatabaseState state) => new(new SharedKeys(state), _clock);
}
