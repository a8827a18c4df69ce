using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Workflows.Activities.Storage;
using Workflows.Service.Database;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Database;

/// <summary>A PostgreSQL server that the tests below share.</summary>
public sealed class SharedPostgres : IAsyncDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private PostgresServer? _server;

    /// <summary>Returns the server; skips the test that asks if PostgreSQL is not installed.</summary>
    public async Task<PostgresServer> StartOrSkipAsync()
    {
        await _one.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            return _server ??= await PostgresServer.StartOrSkipAsync();
        }
        finally
        {
            _one.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _one.Dispose();
    }
}

/// <summary>The store of several services.</summary>
public sealed class DatabaseStateTests(SharedPostgres postgres) : StateStoreTests, IClassFixture<SharedPostgres>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<IDisposable> _open = [];
    private PostgresServer _server = null!;
    private string _connection = "";

    [Fact]
    public async Task TwoServices_OfOneDatabase_SeeEachOthersWritesAtOnce()
    {
        var (one, other) = (await ReopenAsync(), await ReopenAsync());

        one.AppendFact("runs/a/ledger.jsonl", Fact("k", "1", "one"));
        Assert.Equal(["one"], Texts(other, "runs/a/ledger.jsonl"));
        Assert.False(other.AppendFact("runs/a/ledger.jsonl", Fact("k", "1", "other")));
        other.AppendFact("runs/a/ledger.jsonl", Fact("k", "2", "other"));
        Assert.Equal(["one", "other"], Texts(one, "runs/a/ledger.jsonl"));
        one.Purge("runs/a", "ledger.jsonl");
        Assert.Empty(other.ReadFacts("runs/a/ledger.jsonl"));
        one.AppendFact("runs/a/ledger.jsonl", Fact("k", "2", "again"));
        Assert.Equal(["again"], Texts(other, "runs/a/ledger.jsonl"));
        one.Write("spending.json", [1]);
        Assert.Equal([1], other.Read("spending.json"));
    }

    [Fact]
    public async Task TwoServices_ThatAppendAtOnce_MissNoFactOfEachOther()
    {
        var services = new[] { await ReopenAsync(), await ReopenAsync() };
        var seen = new int[2];
        Parallel.For(0, 60, each =>
        {
            services[each % 2].AppendFact("runs/a/ledger.jsonl", Fact("k", $"{each}", ""));
            seen[each % 2] = services[each % 2].ReadFacts("runs/a/ledger.jsonl").Count;
        });

        Assert.All(services, service => Assert.Equal(60, service.ReadFacts("runs/a/ledger.jsonl").Count));
        Assert.Equal(
            services[0].ReadFacts("runs/a/ledger.jsonl").Select(fact => fact.Key),
            services[1].ReadFacts("runs/a/ledger.jsonl").Select(fact => fact.Key));
    }

    [Fact]
    public async Task Lock_OfAServiceThatDied_IsFree()
    {
        var dying = Access();
        var state = new DatabaseState(dying);
        await state.AloneAsync("run-1", Cancellation);
        var other = await ReopenAsync();
        var waiting = other.AloneAsync("run-1", Cancellation);
        Assert.False(waiting.IsCompleted);

        state.Dispose();
        dying.Dispose();

        using var alone = await waiting;
        Assert.NotNull(alone);
    }

    [Fact]
    public async Task Facts_OfTheTable_CannotBeChanged()
    {
        var state = await ReopenAsync();
        state.AppendFact("runs/a/ledger.jsonl", Fact("k", "1", "kept"));

        var fault = Assert.Throws<PostgresException>(() => Run("UPDATE workflows_facts SET line = '{}'"));

        Assert.Contains("append-only", fault.Message, StringComparison.Ordinal);
        Assert.Equal(["kept"], Texts(await ReopenAsync(), "runs/a/ledger.jsonl"));
    }

    /// <summary>Services of one deployment start at once, and each brings the tables to its version.</summary>
    [Fact]
    public async Task Migrate_ByServicesThatStartAtOnce_AppliesEachStepOnce()
    {
        _connection = await _server.NewDatabaseAsync();

        await Parallel.ForAsync(0, 4, Cancellation, async (_, _) => await ReopenAsync());

        Assert.Equal(DatabaseSchema.Version, Run("SELECT count(*)::int FROM workflows_schema"));
    }

    [Fact]
    public async Task Open_OfTablesOfANewerService_IsRefusedAndChangesNothing()
    {
        Run($"INSERT INTO workflows_schema (version) VALUES ({DatabaseSchema.Version + 1})");

        var fault = await Assert.ThrowsAsync<ServiceStartException>(ReopenAsync);

        Assert.Contains("newer service", fault.Message, StringComparison.Ordinal);
        Assert.Equal(DatabaseSchema.Version + 1, Run("SELECT count(*)::int FROM workflows_schema"));
    }

    /// <summary>The database restarts, as for an upgrade: callers wait, and no write is lost or done twice.</summary>
    [Fact]
    public async Task Calls_DuringARestartOfTheDatabase_WaitForIt()
    {
        await using var server = await PostgresServer.StartOrSkipAsync();
        _connection = await server.NewDatabaseAsync();
        var state = await ReopenAsync();
        state.AppendFact("runs/a/ledger.jsonl", Fact("k", "1", "before"));

        await server.StopAsync();
        var during = Task.Run(() => state.AppendFact("runs/a/ledger.jsonl", Fact("k", "2", "during")), Cancellation);
        var read = Task.Run(() => state.ReadFacts("runs/a/ledger.jsonl"), Cancellation);
        await server.StartAsync();

        Assert.True(await during);
        Assert.NotEmpty(await read);
        Assert.Equal(["before", "during"], Texts(state, "runs/a/ledger.jsonl"));
        (await state.AloneAsync("run-1", Cancellation)).Dispose();
        await CloseAsync();
    }

    [Fact]
    public async Task Calls_OfADatabaseThatStaysAway_EndWithItsNameAndNoPassword()
    {
        await using var server = await PostgresServer.StartOrSkipAsync();
        _connection = await server.NewDatabaseAsync() + ";Password=hunter2";
        using var access = new DatabaseAccess(_connection, TimeSpan.FromMilliseconds(1), NullLogger.Instance);
        using var state = new DatabaseState(access);
        await server.StopAsync();

        var fault = Assert.Throws<DatabaseException>(() => state.Read("spending.json"));

        Assert.Contains("127.0.0.1", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", fault.ToString(), StringComparison.Ordinal);
        Assert.IsType<IOException>(fault, exactMatch: false);
        Assert.False(await state.AnswersAsync(Cancellation));
    }

    /// <summary>A service that is idle learns it from its readiness alone; by an old outage the callers of the next one
    /// would not wait.</summary>
    [Fact]
    public async Task Answers_AfterAnOutageThatNobodyUsed_EndsIt()
    {
        await using var server = await PostgresServer.StartOrSkipAsync();
        _connection = await server.NewDatabaseAsync();
        using var access = new DatabaseAccess(_connection, TimeSpan.Zero, NullLogger.Instance);
        using var state = new DatabaseState(access);
        await server.StopAsync();
        Assert.Throws<DatabaseException>(() => state.Read("spending.json"));
        Assert.False(await state.AnswersAsync(Cancellation));
        Assert.False(access.MayWait());

        await server.StartAsync();

        Assert.True(await state.AnswersAsync(Cancellation));
        Assert.True(access.MayWait());
        Assert.NotEqual(default, state.BackAt);
    }

    /// <summary>As an operator does it, with PostgreSQL's own programs.</summary>
    [Fact]
    public async Task Restore_OfADump_HasEverythingAndGoesOn()
    {
        var state = await ReopenAsync();
        state.AppendFact("runs/a/ledger.jsonl", Fact("k", "1", "kept"));
        state.AppendLine("runs/a/metrics.jsonl", "line", 100);
        state.Write("service.key", [1, 0, 255]);
        var dump = await _server.DumpAsync(_connection, "backup.dump");
        state.AppendFact("runs/a/ledger.jsonl", Fact("k", "2", "later"));
        _connection = await _server.NewDatabaseAsync();

        await _server.RestoreAsync(_connection, dump);
        var restored = await ReopenAsync();

        Assert.Equal(["kept"], Texts(restored, "runs/a/ledger.jsonl"));
        Assert.Equal(["line"], restored.ReadLines("runs/a/metrics.jsonl"));
        Assert.Equal([1, 0, 255], restored.Read("service.key")!);
        Assert.False(restored.AppendFact("runs/a/ledger.jsonl", Fact("k", "1", "again")));
        Assert.True(restored.AppendFact("runs/a/ledger.jsonl", Fact("k", "2", "other")));
        Assert.Throws<PostgresException>(() => Run("UPDATE workflows_facts SET line = '{}'"));
    }

    protected override async Task<IStateStore> OpenAsync()
    {
        _server = await postgres.StartOrSkipAsync();
        _connection = await _server.NewDatabaseAsync();
        return await ReopenAsync();
    }

    protected override Task<IStateStore> ReopenAsync()
    {
        var access = Access();
        try
        {
            var state = new DatabaseState(access);
            lock (_open)
            {
                _open.AddRange([state, access]);
            }

            return Task.FromResult<IStateStore>(state);
        }
        catch
        {
            access.Dispose();
            throw;
        }
    }

    protected override Task CloseAsync()
    {
        _open.ForEach(each => each.Dispose());
        _open.Clear();
        return Task.CompletedTask;
    }

    private DatabaseAccess Access() => new(_connection, Patience, NullLogger.Instance);

    private object? Run(string text)
    {
        using var source = NpgsqlDataSource.Create(_connection);
        using var command = source.CreateCommand(text);
        return command.ExecuteScalar();
    }
}
