using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Npgsql;
using NpgsqlTypes;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Logs;

namespace Workflows.Service.Database;

/// <summary>
/// Keeps the newest lines of each run in the database, so that every service shows the same log. Lines of a service
/// wait in memory and are written twice a second, since logging must not wait for a database; those of a worker are
/// written before they are acknowledged. A line is stored once, whichever service receives it again.
/// </summary>
/// <param name="access">The database.</param>
/// <param name="ledger">The ledger; only runs that it knows have logs.</param>
/// <param name="mostLines">Most lines of a run; older ones are deleted.</param>
internal sealed class SharedLogs(DatabaseAccess access, RunLedger ledger, int mostLines = SharedLogs.MostLines)
    : BackgroundService, IRunLogs
{
    /// <summary>Most lines of a run.</summary>
    public const int MostLines = 10_000;

    private const int MostWaiting = 10_000, Page = 500;

    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(500);

    /// <summary>Most time for which a writer waits for the database, as its worker is kept waiting.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly string _me = $"service/{Guid.NewGuid():n}";
    private readonly Channel<(RunId RunId, LogLine Line)> _waiting = Channel.CreateBounded<(RunId, LogLine)>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest });

    private readonly Lock _flushing = new();
    private readonly ConcurrentDictionary<(RunId, string), (string Boot, long Number)> _heard = new();
    private readonly ConcurrentDictionary<(RunId, string), bool> _refused = new();
    private readonly List<(RunId RunId, LogLine Line)> _taken = [];
    private long _number;

    /// <summary>Gets two: another service writes its last lines within half a second.</summary>
    public int LooksAfterEnd => 2;

    /// <inheritdoc />
    public void Begin(RunId runId)
    {
        // The first line begins it.
    }

    /// <inheritdoc />
    public void Append(RunId runId, LogLine line) => _waiting.Writer.TryWrite((
        runId, line with { Number = Interlocked.Increment(ref _number) }));

    /// <inheritdoc />
    public (long Number, bool Again)? Append(
        RunId runId, string nodeId, string boot, IReadOnlyList<LogLine> lines)
    {
        var key = (runId, nodeId);
        try
        {
            if (!ledger.Knows(runId))
            {
                return null;
            }

            var writer = $"{nodeId}/{boot}";
            var known = _heard.TryGetValue(key, out var heard) && heard.Boot == boot
                ? heard.Number : KnownOf(runId, writer);
            if (_refused.TryRemove(key, out _) && lines.FirstOrDefault(line => line.Number > known)?.Number > known + 1)
            {
                // The refused lines come first. Only once: if the worker has dropped them meanwhile, they are lost.
                _heard[key] = (boot, known);
                return (known, Again: true);
            }

            var attempt = ledger.Read<TpuLease>(runId, LedgerKinds.Intent)
                .Where(intent => intent.Data.NodeName.NodeId == nodeId).Select(intent => (int?)intent.Data.Attempt)
                .FirstOrDefault();
            var fresh = new List<LogLine>();
            foreach (var line in lines.Where(line => line.Number > known))
            {
                known = line.Number!.Value;
                fresh.Add(line with { Attempt = line.Attempt ?? attempt });
            }

            Insert(runId, writer, fresh);
            _heard[key] = (boot, known);
            return (known, Again: false);
        }
        catch (DatabaseException)
        {
            _refused[key] = true;
            return null;
        }
    }

    /// <inheritdoc />
    public long Last(RunId runId)
    {
        Flush();
        return access.Use(connection =>
        {
            using var command = new NpgsqlCommand(
                "SELECT coalesce(max(seq), 0) FROM workflows_log_lines WHERE run = $1", connection)
            {
                Parameters = { Text(runId.Value) },
            };
            return (long)command.ExecuteScalar()!;
        });
    }

    /// <inheritdoc />
    public IReadOnlyList<LogLine> Tail(RunId runId, LogFilter filter, long last, int count)
    {
        var lines = new List<LogLine>();
        for (var upTo = last; upTo > 0 && lines.Count < count;)
        {
            var page = Read(runId, 0, upTo, "DESC");
            lines.AddRange(page.Where(filter.Has).Take(count - lines.Count));
            upTo = page.Count < Page ? 0 : page[^1].Sequence - 1;
        }

        lines.Reverse();
        return lines;
    }

    /// <inheritdoc />
    public IReadOnlyList<LogLine> After(RunId runId, LogFilter filter, long after, long last, int count)
    {
        var lines = new List<LogLine>();
        while (after < last && lines.Count < count)
        {
            var page = Read(runId, after, last, "ASC");
            lines.AddRange(page.Where(filter.Has).Take(count - lines.Count));
            after = page.Count < Page ? last : page[^1].Sequence;
        }

        return lines;
    }

    /// <inheritdoc />
    public void Forget(RunId runId)
    {
        foreach (var key in _heard.Keys.Concat(_refused.Keys).Where(key => key.Item1 == runId).ToList())
        {
            _heard.TryRemove(key, out _);
            _refused.TryRemove(key, out _);
        }

        // After lines that are being written now.
        access.Use(connection =>
        {
            using var transaction = connection.BeginTransaction();
            using var batch = new NpgsqlBatch(connection, transaction)
            {
                BatchCommands =
                {
                    LockOf(runId),
                    new("DELETE FROM workflows_log_lines WHERE run = $1") { Parameters = { Text(runId.Value) } },
                },
            };
            batch.ExecuteNonQuery();
            transaction.Commit();
            return true;
        });
    }

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        TryFlush();
    }

    /// <summary>Writes the lines that wait.</summary>
    /// <exception cref="DatabaseException">The database is away; they go on waiting.</exception>
    internal void Flush() => access.Alone(_flushing, () =>
    {
        while (_taken.Count < MostWaiting && _waiting.Reader.TryRead(out var next))
        {
            _taken.Add(next);
        }

        foreach (var run in _taken.GroupBy(each => each.RunId).ToList())
        {
            try
            {
                // Again after a fault: their numbers tell those that are there already.
                Insert(run.Key, _me, [.. run.Select(each => each.Line)]);
            }
            catch (DatabaseException exception) when (!exception.IsOfTheConnection)
            {
                // Lines that the database refuses are lost, so that those of other runs are not.
            }

            _taken.RemoveAll(each => each.RunId == run.Key);
        }

        return true;
    });

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Every, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            TryFlush();
        }
    }

    private void TryFlush()
    {
        try
        {
            Flush();
        }
        catch (DatabaseException)
        {
            // The store tells of the outage. The lines wait, and the oldest are dropped if they are too many.
        }
    }

    private long KnownOf(RunId runId, string writer) => access.Use(
        connection =>
        {
            using var command = new NpgsqlCommand(
                "SELECT coalesce(max(number), 0) FROM workflows_log_lines WHERE run = $1 AND writer = $2", connection)
            {
                Parameters = { Text(runId.Value), Text(writer) },
            };
            return (long)command.ExecuteScalar()!;
        },
        Patience);

    /// <summary>Adds lines under a lock of the run, so that none appears below one that was read, and deletes those
    /// that are too old.</summary>
    private void Insert(RunId runId, string writer, List<LogLine> lines)
    {
        if (lines.Count == 0)
        {
            return;
        }

        access.Use(
            connection =>
            {
                using var transaction = connection.BeginTransaction();
                using var batch = new NpgsqlBatch(connection, transaction)
                {
                    BatchCommands =
                    {
                        LockOf(runId),
                        new("""
                            INSERT INTO workflows_log_lines (run, seq, writer, number, line)
                            SELECT $1, at.last + row_number() OVER (ORDER BY new.number), $2, new.number, new.line
                            FROM unnest($3, $4) AS new(number, line),
                                (SELECT coalesce(max(seq), 0) AS last FROM workflows_log_lines WHERE run = $1) AS at
                            WHERE EXISTS (SELECT FROM workflows_books WHERE name = $5)
                            ON CONFLICT (run, writer, number) DO NOTHING
                            """)
                        {
                            Parameters =
                            {
                                Text(runId.Value), Text(writer),
                                new() { Value = lines.Select(line => line.Number!.Value).ToArray() },
                                new() { Value = lines.Select(TextOf).ToArray() },
                                Text(RunLedger.NameOf(runId, "ledger.jsonl")),
                            },
                        },
                        new("""
                            DELETE FROM workflows_log_lines WHERE run = $1
                              AND seq <= (SELECT max(seq) FROM workflows_log_lines WHERE run = $1) - $2
                            """)
                        {
                            Parameters = { Text(runId.Value), new() { Value = (long)mostLines } },
                        },
                    },
                };
                batch.ExecuteNonQuery();
                transaction.Commit();
                return true;
            },
            Patience);
    }

    private static NpgsqlBatchCommand LockOf(RunId runId) =>
        new("SELECT pg_advisory_xact_lock(hashtextextended($1, 4))") { Parameters = { Text(runId.Value) } };

    private List<LogLine> Read(RunId runId, long after, long last, string order) => access.Use(connection =>
    {
        // The order is one of two words of this class.
#pragma warning disable CA2100
        using var command = new NpgsqlCommand(
            "SELECT seq, line FROM workflows_log_lines WHERE run = $1 AND seq > $2 AND seq <= $3 "
            + $"ORDER BY seq {order} LIMIT $4",
            connection)
        {
            Parameters =
            {
                Text(runId.Value), new() { Value = after }, new() { Value = last }, new() { Value = Page },
            },
        };
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        var lines = new List<LogLine>();
        while (reader.Read())
        {
            lines.Add(JsonSerializer.Deserialize<LogLine>(reader.GetString(1), RunLedger.Json)! with
            {
                Sequence = reader.GetInt64(0),
            });
        }

        return lines;
    });

    // PostgreSQL has no NUL in texts, which JSON writes as six characters.
    private static string TextOf(LogLine line) => JsonSerializer.Serialize(line, RunLedger.Json);

    private static NpgsqlParameter Text(string value) => new() { Value = value, NpgsqlDbType = NpgsqlDbType.Text };
}
