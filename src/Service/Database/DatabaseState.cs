using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;

namespace Workflows.Service.Database;

/// <summary>
/// Stores the state of several services in PostgreSQL (ADR 0025). A fact is committed before its call returns; keys are
/// written once by a constraint of the table, and facts are append-only by a trigger.
/// </summary>
internal sealed class DatabaseState : IStateStore, IDisposable
{
    private readonly DatabaseAccess _access;
    private readonly DatabaseLocks _locks;
    private readonly RecentlyUsed<DatabaseBook> _books;

    /// <summary>Locks of documents, each for those whose name has its hash: callers of this service that wait for a
    /// change hold no connection, since the change itself may need another one.</summary>
    private readonly Lock[] _changing = [.. Enumerable.Range(0, 16).Select(_ => new Lock())];

    /// <summary>Connects, and brings the tables to this program's version.</summary>
    /// <param name="access">The database.</param>
    /// <exception cref="Hosting.ServiceStartException">The tables are those of a newer program.</exception>
    /// <exception cref="DatabaseException">The database does not answer, or refuses.</exception>
    public DatabaseState(DatabaseAccess access)
    {
        (_access, _locks) = (access, new DatabaseLocks(access));
        _books = new RecentlyUsed<DatabaseBook>(name => new DatabaseBook(access, name));
        access.Use(
            connection =>
            {
                DatabaseSchema.Migrate(connection);
                return true;
            },
            DatabaseAccess.StartPatience);
    }

    /// <inheritdoc />
    public bool IsShared => true;

    /// <inheritdoc />
    public DateTimeOffset BackAt => _access.BackAt;

    /// <inheritdoc />
    public bool HasFacts(string name) => _access.Use(connection =>
    {
        using var command = Command(
            connection,
            "SELECT EXISTS (SELECT FROM workflows_facts f JOIN workflows_books b ON b.id = f.book WHERE b.name = $1)",
            name);
        return (bool)command.ExecuteScalar()!;
    });

    /// <inheritdoc />
    public bool AppendFact(string name, LedgerEntry fact) => BookOf(name).Append(fact);

    /// <inheritdoc />
    public IReadOnlyList<LedgerEntry> ReadFacts(string name) => BookOf(name).Facts();

    /// <inheritdoc />
    public LedgerEntry? FindFact(string name, string kind) => _access.Use(connection =>
    {
        using var command = Command(
            connection,
            """
            SELECT f.line FROM workflows_facts f JOIN workflows_books b ON b.id = f.book
            WHERE b.name = $1 AND f.kind = $2 ORDER BY f.seq LIMIT 1
            """,
            name, kind);
        return command.ExecuteScalar() is string line
            ? JsonSerializer.Deserialize<LedgerEntry>(line, RunLedger.Json) : null;
    });

    /// <inheritdoc />
    public void ReplaceFacts(string name, IReadOnlyList<LedgerEntry> facts) => _access.Use(connection =>
    {
        using var transaction = connection.BeginTransaction();
        using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(Part("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", name));
        batch.BatchCommands.Add(Part("DELETE FROM workflows_books WHERE name = $1", name));
        batch.BatchCommands.Add(Part("INSERT INTO workflows_books (name) VALUES ($1)", name));
        for (var at = 0; at < facts.Count; at++)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(
                """
                INSERT INTO workflows_facts (book, seq, kind, key, line, writer)
                SELECT id, $2, $3, $4, $5, $6 FROM workflows_books WHERE name = $1
                """)
            {
                Parameters =
                {
                    Text(name), new() { Value = at + 1 }, Text(facts[at].Kind), Text(facts[at].Key),
                    Text(JsonSerializer.Serialize(facts[at], RunLedger.Json)), new() { Value = Guid.NewGuid() },
                },
            });
        }

        batch.ExecuteNonQuery();
        transaction.Commit();
        return true;
    });

    /// <inheritdoc />
    public IEnumerable<FactsInfo> ListFacts(string folder, string file) => _access.Use(connection =>
    {
        using var command = Command(
            connection,
            """
            SELECT b.name, max(f.written_at) FROM workflows_books b JOIN workflows_facts f ON f.book = b.id
            WHERE starts_with(b.name, $1) AND right(b.name, length($2)) = $2 GROUP BY b.name
            """,
            $"{folder}/", $"/{file}");
        using var reader = command.ExecuteReader();
        var found = new List<FactsInfo>();
        while (reader.Read())
        {
            found.Add(new FactsInfo(reader.GetString(0), reader.GetFieldValue<DateTimeOffset>(1)));
        }

        return found;
    });

    /// <inheritdoc />
    public void AppendLine(string name, string line, long mostBytes)
    {
        var book = BookOf(name);
        if (book.Lines().Sum(each => each.Length + 1L) < mostBytes)
        {
            book.AppendLine(line);
        }
    }

    /// <inheritdoc />
    public IEnumerable<string> ReadLines(string name) => BookOf(name).Lines();

    /// <inheritdoc />
    public byte[]? Read(string name) => _access.Use(connection => Read(connection, null, name));

    /// <inheritdoc />
    public void Write(string name, byte[] content)
    {
        _access.Use(connection =>
        {
            Store(connection, null, name, content);
            return true;
        });
    }

    /// <inheritdoc />
    public byte[]? Create(string name, byte[] content) => _access.Use(connection =>
    {
        using var insert = Command(
            connection, "INSERT INTO workflows_documents (name, content) VALUES ($1, $2) ON CONFLICT DO NOTHING", name);
        insert.Parameters.Add(new NpgsqlParameter { Value = content });
        while (insert.ExecuteNonQuery() != 1)
        {
            // One that was deleted in between leaves the place to this one.
            if (Read(connection, null, name) is { } there)
            {
                return there;
            }
        }

        return null;
    });

    /// <inheritdoc />
    public void Change(string name, Func<byte[]?, byte[]?> change) => _access.Alone(
        _changing[(uint)name.GetHashCode(StringComparison.Ordinal) % _changing.Length],
        () => _access.Use(connection => Change(connection, name, change)));

    private static bool Change(NpgsqlConnection connection, string name, Func<byte[]?, byte[]?> change)
    {
        using var transaction = connection.BeginTransaction();
        using (var wait = Command(
            connection, "SELECT pg_advisory_xact_lock(hashtextextended($1, 3))", name))
        {
            wait.Transaction = transaction;
            wait.ExecuteNonQuery();
        }

        if (change(Read(connection, transaction, name)) is { } content)
        {
            Store(connection, transaction, name, content);
        }

        transaction.Commit();
        return true;
    }

    /// <inheritdoc />
    public bool Delete(string name) => _access.Use(connection =>
    {
        using var command = Command(connection, "DELETE FROM workflows_documents WHERE name = $1", name);
        return command.ExecuteNonQuery() > 0;
    });

    /// <inheritdoc />
    public int DeleteAll(string folder, byte[] content) => _access.Use(connection =>
    {
        using var command = Command(
            connection, "DELETE FROM workflows_documents WHERE starts_with(name, $1) AND content = $2", $"{folder}/");
        command.Parameters.Add(new NpgsqlParameter { Value = content });
        return command.ExecuteNonQuery();
    });

    /// <inheritdoc />
    public int DeleteBefore(string folder, DateTimeOffset time) => _access.Use(connection =>
    {
        using var command = Command(
            connection,
            """
            DELETE FROM workflows_documents
            WHERE starts_with(name, $1) AND strpos(substr(name, length($1) + 1), '/') = 0 AND written_at < $2
            """,
            $"{folder}/");
        command.Parameters.Add(new NpgsqlParameter { Value = time.ToUniversalTime() });
        return command.ExecuteNonQuery();
    });

    /// <inheritdoc />
    public int TrimFacts(string name, DateTimeOffset time)
    {
        var count = Trim(name, time);

        // Also where another service has deleted them: this one remembers all that it has read.
        _books.Forget(name);
        return count;
    }

    private int Trim(string name, DateTimeOffset time) => _access.Use(connection =>
    {
        using var command = Command(
            connection,
            """
            DELETE FROM workflows_facts f USING workflows_books b
            WHERE b.name = $1 AND f.book = b.id AND f.written_at < $2
              AND f.seq < (SELECT max(seq) FROM workflows_facts WHERE book = b.id)
            """,
            name);
        command.Parameters.Add(new NpgsqlParameter { Value = time.ToUniversalTime() });
        return command.ExecuteNonQuery();
    });

    /// <inheritdoc />
    public void Purge(string folder, string last)
    {
        Purge(folder);
        _books.Forget($"{folder}/{last}");
    }

    private void Purge(string folder) => _access.Use(connection =>
    {
        // One transaction: nothing of it is ever half done.
        using var transaction = connection.BeginTransaction();
        foreach (var table in new[]
        {
            "DELETE FROM workflows_documents WHERE starts_with(name, $1)",
            "DELETE FROM workflows_books WHERE starts_with(name, $1)",
        })
        {
            using var command = Command(connection, table, $"{folder}/");
            command.Transaction = transaction;
            command.ExecuteNonQuery();
        }

        transaction.Commit();
        return true;
    });

    /// <inheritdoc />
    public Task<IDisposable> AloneAsync(string name, CancellationToken cancellation) =>
        _locks.WaitAsync(name, cancellation);

    /// <summary>Gets database and host, without user and password.</summary>
    public string Name => _access.Name;

    /// <summary>Returns a number that is another one after each change of a document; 0 if there is none.</summary>
    public long VersionOf(string name) => _access.Use(connection =>
    {
        using var command = Command(connection, "SELECT version FROM workflows_documents WHERE name = $1", name);
        return command.ExecuteScalar() is long version ? version : 0;
    });

    /// <summary>Asks the database once.</summary>
    /// <returns>true if it answers within the time.</returns>
    public async Task<bool> AnswersAsync(CancellationToken cancellation)
    {
        try
        {
            await using var command = _access.Source.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(cancellation);

            // Perhaps the first to hear of it: without other use, the outage would seem to go on for ever.
            _access.NoteAnswer();
            return true;
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException
            or System.Net.Sockets.SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _locks.Dispose();

    private static byte[]? Read(NpgsqlConnection connection, NpgsqlTransaction? transaction, string name)
    {
        using var command = Command(connection, "SELECT content FROM workflows_documents WHERE name = $1", name);
        command.Transaction = transaction;
        return command.ExecuteScalar() as byte[];
    }

    private static void Store(
        NpgsqlConnection connection, NpgsqlTransaction? transaction, string name, byte[] content)
    {
        using var command = Command(
            connection,
            """
            INSERT INTO workflows_documents (name, content) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET content = excluded.content, version = workflows_documents.version + 1,
                written_at = now()
            """,
            name);
        command.Transaction = transaction;
        command.Parameters.Add(new NpgsqlParameter { Value = content });
        command.ExecuteNonQuery();
    }

    // The texts are constants of this class; names and contents are parameters.
#pragma warning disable CA2100
    private static NpgsqlCommand Command(NpgsqlConnection connection, string text, params string[] values)
    {
        var command = new NpgsqlCommand(text, connection);
        Array.ForEach(values, value => command.Parameters.Add(Text(value)));
        return command;
    }
#pragma warning restore CA2100

    private static NpgsqlBatchCommand Part(string text, string name) => new(text) { Parameters = { Text(name) } };

    private static NpgsqlParameter Text(string value) => new() { Value = value, NpgsqlDbType = NpgsqlDbType.Text };

    private DatabaseBook BookOf(string name) => _books.Get(name);
}
