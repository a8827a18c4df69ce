using Google.Protobuf;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>
/// The prepared statements of the writer, bound and stepped without the ADO layer for speed: every message of every
/// orchestration passes through here.
/// </summary>
internal sealed class WriterStatements : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _insert;
    private readonly sqlite3_stmt _update;
    private readonly sqlite3_stmt _append;
    private readonly sqlite3_stmt _clear;
    private readonly sqlite3_stmt _delete;
    private readonly sqlite3_stmt _putEntity;
    private readonly sqlite3_stmt _deleteEntity;
    private readonly sqlite3_stmt _deleteMessages;
    private readonly sqlite3_stmt _putMessage;
    private readonly sqlite3_stmt _deleteMessage;
    private readonly sqlite3_stmt[] _deleteHub;
    private readonly sqlite3_stmt _begin;
    private readonly sqlite3_stmt _commit;
    private readonly sqlite3_stmt _rollback;
    private byte[] _buffer = new byte[4096];

    public WriterStatements(SqliteConnection connection)
    {
        _database = connection.Handle!;
        _insert = Prepare(
            "INSERT INTO instances (key, hub, id, status, created, completed, parent, summary) "
            + "VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6, ?7)");
        _update = Prepare(
            "UPDATE instances SET status = ?2, completed = ?3, summary = coalesce(?4, summary) WHERE key = ?1");
        _append = Prepare("INSERT INTO log (instance, sequence, record) VALUES (?1, ?2, ?3)");
        _clear = Prepare("DELETE FROM log WHERE instance = ?1");
        _delete = Prepare("DELETE FROM instances WHERE key = ?1");
        _putEntity = Prepare(
            "INSERT INTO entities (key, hub, id, record) VALUES (?1, ?2, ?3, ?4) "
            + "ON CONFLICT (key) DO UPDATE SET record = excluded.record");
        _deleteEntity = Prepare("DELETE FROM entities WHERE key = ?1");
        _deleteMessages = Prepare("DELETE FROM entity_messages WHERE entity = ?1");
        _putMessage = Prepare("INSERT INTO entity_messages (sequence, entity, record) VALUES (?1, ?2, ?3)");
        _deleteMessage = Prepare("DELETE FROM entity_messages WHERE sequence = ?1");
        _deleteHub =
        [
            Prepare("DELETE FROM log WHERE instance IN (SELECT key FROM instances WHERE hub = ?1)"),
            Prepare("DELETE FROM instances WHERE hub = ?1"),
            Prepare("DELETE FROM entity_messages WHERE entity IN (SELECT key FROM entities WHERE hub = ?1)"),
            Prepare("DELETE FROM entities WHERE hub = ?1"),
        ];
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
    }

    /// <summary>Makes all changes durable, or none.</summary>
    /// <param name="operations">The changes, in order.</param>
    /// <param name="reach">Called at the fault points.</param>
    public void Run(IEnumerable<StoreOperation> operations, Action<string>? reach)
    {
        Step(_begin);
        try
        {
            reach?.Invoke(FaultPoint.AfterBeginBeforeAppend);
            Action<string>? first = reach;
            foreach (StoreOperation operation in operations)
            {
                Run(operation);
                first?.Invoke(FaultPoint.AfterFirstAppend);
                first = null;
            }

            reach?.Invoke(FaultPoint.AfterAppendBeforeCommit);
            Step(_commit);
        }
        catch
        {
            if (raw.sqlite3_get_autocommit(_database) == 0)
            {
                Step(_rollback);
            }

            throw;
        }
    }

    public void Dispose()
    {
        foreach (sqlite3_stmt statement in (sqlite3_stmt[])
            [
                _insert, _update, _append, _clear, _delete, _putEntity, _deleteEntity, _deleteMessages,
                _putMessage, _deleteMessage, .. _deleteHub, _begin, _commit, _rollback,
            ])
        {
            statement.Dispose();
        }
    }

    private void Run(StoreOperation operation)
    {
        switch (operation)
        {
            case StoreOperation.Append append:
                BindBoth(_append, append.Key, append.Sequence);
                Bind(_append, 3, append.Record);
                Step(_append);
                break;
            case StoreOperation.Update update:
                BindBoth(_update, update.Key, (long)update.Status);
                Bind(_update, 3, update.CompletedTicks);
                Bind(_update, 4, update.Summary);
                Step(_update);
                break;
            case StoreOperation.Insert insert:
                Run(insert);
                break;
            case StoreOperation.ClearLog clear:
                Step(_clear, clear.Key);
                break;
            case StoreOperation.Delete delete:
                Step(_clear, delete.Key);
                Step(_delete, delete.Key);
                break;
            case StoreOperation.DeleteHub hub:
                foreach (sqlite3_stmt statement in _deleteHub)
                {
                    Bind(statement, 1, hub.Hub);
                    Step(statement);
                }

                break;
            case StoreOperation.PutEntity put:
                Bind(_putEntity, 1, put.Key);
                Bind(_putEntity, 2, put.Hub);
                Bind(_putEntity, 3, put.Id);
                Bind(_putEntity, 4, put.Record);
                Step(_putEntity);
                break;
            case StoreOperation.DeleteEntity entity:
                Step(_deleteMessages, entity.Key);
                Step(_deleteEntity, entity.Key);
                break;
            case StoreOperation.PutMessage message:
                BindBoth(_putMessage, message.Sequence, message.Entity);
                Bind(_putMessage, 3, message.Message);
                Step(_putMessage);
                break;
            case StoreOperation.DeleteMessage message:
                Step(_deleteMessage, message.Sequence);
                break;
        }
    }

    private void Run(StoreOperation.Insert insert)
    {
        Bind(_insert, 1, insert.Key);
        Bind(_insert, 2, insert.Hub);
        Bind(_insert, 3, insert.Id);
        Bind(_insert, 4, (long)insert.Summary.OrchestrationStatus);
        Bind(_insert, 5, insert.CreatedTicks);
        Bind(_insert, 6, insert.ParentId);
        Bind(_insert, 7, insert.Summary);
        Step(_insert);
    }

    private void BindBoth(sqlite3_stmt statement, long first, long second)
    {
        Bind(statement, 1, first);
        Bind(statement, 2, second);
    }

    private void Bind(sqlite3_stmt statement, int index, long? value) => Check(value is { } number
        ? raw.sqlite3_bind_int64(statement, index, number)
        : raw.sqlite3_bind_null(statement, index));

    private void Bind(sqlite3_stmt statement, int index, string? value) => Check(value is null
        ? raw.sqlite3_bind_null(statement, index)
        : raw.sqlite3_bind_text(statement, index, value));

    private void Bind(sqlite3_stmt statement, int index, IMessage? message)
    {
        if (message is null)
        {
            Check(raw.sqlite3_bind_null(statement, index));
            return;
        }

        int size = message.CalculateSize();
        if (_buffer.Length < size)
        {
            _buffer = new byte[Math.Max(size, _buffer.Length * 2)];
        }

        Span<byte> encoded = _buffer.AsSpan(0, size);
        message.WriteTo(encoded);
        // SQLite makes its own copy, so the buffer can be reused at once.
        Check(size == 0
            ? raw.sqlite3_bind_zeroblob(statement, index, 0)
            : raw.sqlite3_bind_blob(statement, index, encoded));
    }

    private void Step(sqlite3_stmt statement, long key)
    {
        Bind(statement, 1, key);
        Step(statement);
    }

    private void Step(sqlite3_stmt statement)
    {
        int result = raw.sqlite3_step(statement);
        // Resetting repeats the step's error, if there was one.
        int reset = raw.sqlite3_reset(statement);
        Check(result == raw.SQLITE_DONE ? reset : result);
    }

    private sqlite3_stmt Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_database, sql, out sqlite3_stmt statement));
        return statement;
    }

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, _database);
}
