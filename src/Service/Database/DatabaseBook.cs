using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Workflows.Activities.Reporting;

namespace Workflows.Service.Database;

/// <summary>
/// Facts or lines of one name, of which this service keeps those that it has read: a look at the database reads the
/// later ones only. Numbers are given under a lock of the book, so that none appears below one that was read.
/// </summary>
/// <param name="access">The database.</param>
/// <param name="name">The name.</param>
internal sealed class DatabaseBook(DatabaseAccess access, string name)
{
    private readonly Lock _lock = new();
    private readonly List<LedgerEntry> _entries = [];
    private readonly List<string> _lines = [];
    private long _id;
    private int _seq;

    /// <summary>Time of the beginning of the last look.</summary>
    private long _lookedAt;

    /// <summary>Appends a fact.</summary>
    /// <returns>false if its key exists already.</returns>
    public bool Append(LedgerEntry fact) =>
        Append(fact.Kind, fact.Key, JsonSerializer.Serialize(fact, RunLedger.Json));

    /// <summary>Appends a line of any content.</summary>
    public void AppendLine(string line) => Append("", Guid.NewGuid().ToString("N"), line);

    /// <summary>Reads the facts.</summary>
    public IReadOnlyList<LedgerEntry> Facts()
    {
        var calledAt = TimeProvider.System.GetTimestamp();
        return access.Alone<IReadOnlyList<LedgerEntry>>(_lock, () =>
        {
            Catch(asFacts: true, calledAt);
            return [.. _entries];
        });
    }

    /// <summary>Reads the lines.</summary>
    public IReadOnlyList<string> Lines()
    {
        var calledAt = TimeProvider.System.GetTimestamp();
        return access.Alone<IReadOnlyList<string>>(_lock, () =>
        {
            Catch(asFacts: false, calledAt);
            return [.. _lines];
        });
    }

    private bool Append(string kind, string key, string line)
    {
        // Recognises this call's own row, if the connection was lost after the write.
        var writer = Guid.NewGuid();
        return access.Use(connection =>
        {
            using var transaction = connection.BeginTransaction();
            using var batch = new NpgsqlBatch(connection, transaction)
            {
                BatchCommands =
                {
                    new("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))") { Parameters = { Text(name) } },
                    new("INSERT INTO workflows_books (name) VALUES ($1) ON CONFLICT DO NOTHING")
                    {
                        Parameters = { Text(name) },
                    },
                    new("""
                        INSERT INTO workflows_facts (book, seq, kind, key, line, writer)
                        SELECT id, 1 + coalesce((SELECT max(seq) FROM workflows_facts WHERE book = id), 0),
                               $2, $3, $4, $5
                        FROM workflows_books WHERE name = $1
                        ON CONFLICT (book, kind, key) DO NOTHING
                        """)
                    {
                        Parameters = { Text(name), Text(kind), Text(key), Text(line), new() { Value = writer } },
                    },
                    new("""
                        SELECT writer FROM workflows_facts
                        WHERE book = (SELECT id FROM workflows_books WHERE name = $1) AND kind = $2 AND key = $3
                        """)
                    {
                        Parameters = { Text(name), Text(kind), Text(key) },
                    },
                },
            };

            // The lock's row is the first result, and the writer's the last.
            var isNew = false;
            using (var reader = batch.ExecuteReader())
            {
                do
                {
                    while (reader.Read())
                    {
                        isNew = reader.GetFieldType(0) == typeof(Guid) && reader.GetGuid(0) == writer;
                    }
                }
                while (reader.NextResult());
            }

            transaction.Commit();
            return isNew;
        });
    }

    /// <summary>Reads the rows that were written since the last look; all of them if the book was purged and begun
    /// anew. A look that began after the call serves it, too: of many callers that wait, one looks for all.</summary>
    private void Catch(bool asFacts, long calledAt)
    {
        if (_lookedAt > calledAt)
        {
            return;
        }

        var lookedAt = TimeProvider.System.GetTimestamp();
        var (id, rows) = access.Use(connection =>
        {
            using var command = new NpgsqlCommand(
                """
                SELECT b.id, f.seq, f.line FROM workflows_books b
                LEFT JOIN workflows_facts f ON f.book = b.id AND (b.id <> $2 OR f.seq > $3)
                WHERE b.name = $1 ORDER BY f.seq
                """,
                connection)
            {
                Parameters = { Text(name), new() { Value = _id }, new() { Value = _seq } },
            };
            using var reader = command.ExecuteReader();
            var (book, found) = (0L, new List<(int Seq, string Line)>());
            while (reader.Read())
            {
                book = reader.GetInt64(0);
                if (!reader.IsDBNull(1))
                {
                    found.Add((reader.GetInt32(1), reader.GetString(2)));
                }
            }

            return (book, found);
        });
        if (id != _id)
        {
            _entries.Clear();
            _lines.Clear();
            (_id, _seq) = (id, 0);
        }

        foreach (var (seq, line) in rows)
        {
            if (asFacts)
            {
                _entries.Add(JsonSerializer.Deserialize<LedgerEntry>(line, RunLedger.Json)
                    ?? throw new JsonException($"'{name}' has a line that is null."));
            }
            else
            {
                _lines.Add(line);
            }

            _seq = seq;
        }

        _lookedAt = lookedAt;
    }

    private static NpgsqlParameter Text(string value) => new() { Value = value, NpgsqlDbType = NpgsqlDbType.Text };
}
