using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Database;
using Workflows.Service.Logs;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Database;

/// <summary>The log of a run that several services write: the same at each.</summary>
public sealed class SharedLogsTests(SharedPostgres postgres) : IClassFixture<SharedPostgres>, IAsyncLifetime
{
    private static readonly RunId Run = new("run-1");
    private static readonly LogFilter All = new(null, null, null, null);

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 20, 0, 0, TimeSpan.Zero));
    private readonly TemporaryFolder _folder = new();
    private readonly List<IDisposable> _open = [];
    private string _database = "";

    public async ValueTask InitializeAsync()
    {
        _database = await (await postgres.StartOrSkipAsync()).NewDatabaseAsync();
        Ledger(Access()).Append(Run, LedgerKinds.Stage, "plan", "plan");
    }

    public ValueTask DisposeAsync()
    {
        _open.ForEach(each => each.Dispose());
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public void Log_OfTwoServices_IsTheSameAtEachWithOneNumberForEachLine()
    {
        var (one, other) = (Logs(), Logs());
        one.Append(Run, Line("one: 한국어\u0000"));
        Assert.Equal(1, one.Last(Run));
        other.Append(Run, Line("other", LogSeverity.Error));
        Assert.Equal(2, other.Last(Run));
        one.Append(Run, Line("one again"));
        one.Append(new RunId("unknown"), Line("of no run"));
        Assert.Equal(3, one.Last(Run));

        Assert.Equal(["one: 한국어\u0000", "other", "one again"], Texts(one.Tail(Run, All, 3, 100)));
        Assert.Equal(Texts(one.Tail(Run, All, 3, 100)), Texts(other.Tail(Run, All, 3, 100)));
        Assert.Equal([2L, 3L], other.Tail(Run, All, 3, 2).Select(line => line.Sequence));
        Assert.Equal(["other"], Texts(one.Tail(Run, All with { Level = LogSeverity.Error }, 3, 100)));
        Assert.Equal(["other", "one again"], Texts(one.After(Run, All, 1, 3, 100)));
        Assert.Equal(["other"], Texts(one.After(Run, All, 1, 2, 100)));
        Assert.Equal(0, one.Last(new RunId("unknown")));
    }

    [Fact]
    public void Tail_OfMoreThanAPage_FindsOldLinesThatTheFilterWants()
    {
        var logs = Logs();
        logs.Append(Run, Line("the only error", LogSeverity.Error));
        for (var each = 0; each < 1200; each++)
        {
            logs.Append(Run, Line($"{each}"));
        }

        var last = logs.Last(Run);

        Assert.Equal(1201, last);
        Assert.Equal(["the only error"], Texts(logs.Tail(Run, All with { Level = LogSeverity.Error }, last, 10)));
        Assert.Equal(["the only error"], Texts(logs.After(Run, All with { Level = LogSeverity.Error }, 0, last, 10)));
        Assert.Equal(1200, logs.After(Run, All, 1, last, 2000).Count);
    }

    [Fact]
    public void Log_OfARun_KeepsItsNewestLinesAndTheirNumbers()
    {
        var logs = Logs(mostLines: 10);
        for (var each = 0; each < 25; each++)
        {
            logs.Append(Run, Line($"{each}"));
            logs.Flush();
        }

        Assert.Equal(25, logs.Last(Run));
        Assert.Equal(Enumerable.Range(16, 10).Select(each => (long)each),
            logs.Tail(Run, All, 25, 100).Select(line => line.Sequence));
    }

    /// <summary>A worker whose service has died sends to the other one what was not acknowledged.</summary>
    [Fact]
    public void WorkerLines_ThatComeAgainAtTheOtherService_AreThereOnce()
    {
        var (one, other) = (Logs(), Logs());
        Assert.Equal((2L, false), one.Append(Run, "node-1", "boot", [Worker(1), Worker(2)]));
        Assert.Equal((3L, false), other.Append(Run, "node-1", "boot", [Worker(1), Worker(2), Worker(3)]));
        Assert.Equal((4L, false), one.Append(Run, "node-1", "boot", [Worker(2), Worker(3), Worker(4)]));
        Assert.Equal((1L, false), one.Append(Run, "node-1", "another boot", [Worker(1)]));
        Assert.Null(one.Append(new RunId("unknown"), "node-1", "boot", [Worker(1)]));

        Assert.Equal([1L, 2L, 3L, 4L, 1L], one.Tail(Run, All, one.Last(Run), 10).Select(line => line.Number!.Value));
    }

    [Fact]
    public void WorkerLines_ThatTheDatabaseRefused_AreAskedForAgain()
    {
        var logs = Logs();
        Assert.Equal((1L, false), logs.Append(Run, "node-1", "boot", [Worker(1)]));
        Execute("ALTER TABLE workflows_log_lines RENAME TO away");
        Assert.Null(logs.Append(Run, "node-1", "boot", [Worker(2)]));
        Execute("ALTER TABLE away RENAME TO workflows_log_lines");

        Assert.Equal((1L, true), logs.Append(Run, "node-1", "boot", [Worker(3)]));
        Assert.Equal((3L, false), logs.Append(Run, "node-1", "boot", [Worker(2), Worker(3)]));
        Assert.Equal(3, logs.Last(Run));
    }

    [Fact]
    public void Log_OfAPurgedRun_IsGoneAndTakesNoLateLine()
    {
        var access = Access();
        var (logs, ledger) = (Logs(), Ledger(access));
        logs.Append(Run, Line("old"));
        Assert.Equal(1, logs.Last(Run));

        logs.Forget(Run);
        ledger.Purge(Run);
        logs.Append(Run, Line("late"));

        Assert.Equal(0, logs.Last(Run));
    }

    /// <summary>Another service writes a line while the run is purged.</summary>
    [Fact]
    public async Task Log_OfAPurgedRun_TakesTheLineWithItThatIsBeingWritten()
    {
        var logs = Logs();
        await using var source = NpgsqlDataSource.Create(_database);
        await using var connection = await source.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        await using (var write = new NpgsqlCommand(
            "SELECT pg_advisory_xact_lock(hashtextextended('run-1', 4)); "
            + "INSERT INTO workflows_log_lines VALUES ('run-1', 1, 'another', 1, '{}')", connection, transaction))
        {
            await write.ExecuteNonQueryAsync(Cancellation);
        }

        var forget = Task.Run(() => logs.Forget(Run), Cancellation);
        await Eventually.TrueAsync(() => forget.IsCompleted || IsWaitedFor(source));
        await transaction.CommitAsync(Cancellation);
        await forget;

        Assert.Equal(0, logs.Last(Run));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static bool IsWaitedFor(NpgsqlDataSource source)
    {
        using var command = source.CreateCommand(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
            + "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))");
        return (bool)command.ExecuteScalar()!;
    }

    private static IEnumerable<string> Texts(IEnumerable<LogLine> lines) => lines.Select(line => line.Text);

    private static LogLine Worker(long number) => Line($"{number}") with
    {
        Source = LogSource.Worker,
        Boot = "boot",
        Number = number,
    };

    private static LogLine Line(string text, LogSeverity level = LogSeverity.Information) => new(
        0, DateTimeOffset.UnixEpoch, LogSource.Service, level, null, null, 1, "part", text);

    private SharedLogs Logs(int mostLines = SharedLogs.MostLines)
    {
        var access = Access();
        var logs = new SharedLogs(access, Ledger(access), mostLines);
        _open.Add(logs);
        return logs;
    }

    private DatabaseAccess Access()
    {
        var access = new DatabaseAccess(_database, TimeSpan.FromSeconds(60), NullLogger.Instance);
        _open.Add(access);
        return access;
    }

    private RunLedger Ledger(DatabaseAccess access)
    {
        var state = new DatabaseState(access);
        _open.Insert(0, state);
        return new RunLedger(state, _folder.Path, _clock);
    }

    // The texts are constants of this class.
#pragma warning disable CA2100
    private void Execute(string text)
    {
        using var source = NpgsqlDataSource.Create(_database);
        using var command = source.CreateCommand(text);
        command.ExecuteNonQuery();
    }
#pragma warning restore CA2100
}
