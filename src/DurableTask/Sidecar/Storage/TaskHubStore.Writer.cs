using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Workflows.DurableTask.Sidecar.Storage;

internal sealed partial class TaskHubStore
{
    private void WriteLoop()
    {
        using var statements = new Statements(_writer);
        var group = new List<StoreBatch>();
        while (_batches.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            group.Clear();
            while (group.Count < MostBatchesInCommit && _batches.Reader.TryRead(out StoreBatch? batch))
            {
                group.Add(batch);
            }

            Commit(statements, group);
        }
    }

    private void Commit(Statements statements, List<StoreBatch> group)
    {
        if (_fault is null)
        {
            try
            {
                if (group.Exists(batch => batch.Operations.Count > 0))
                {
                    statements.Run(group.SelectMany(batch => batch.Operations));
                }
            }
            catch (Exception error)
            {
                // A boundary: memory is now ahead of the disk, so this store is finished. The log tells the operator,
                // every caller gets the error, and a restart begins from what is on disk.
                _fault = Translate(error, _path);
                Log.CommitFailed(_logger, error, _path);
                Faulted?.Invoke(_fault);
            }
        }

        foreach (StoreBatch batch in group)
        {
            if (_fault is null)
            {
                batch.Committed.ForEach(action => action());
            }
            else
            {
                batch.Failed.ForEach(action => action(_fault));
            }
        }
    }

    /// <summary>The prepared statements of the writer.</summary>
    private sealed class Statements : IDisposable
    {
        private readonly SqliteConnection _connection;
        private readonly SqliteCommand _insert;
        private readonly SqliteCommand _update;
        private readonly SqliteCommand _append;
        private readonly SqliteCommand _clear;
        private readonly SqliteCommand _delete;
        private readonly SqliteCommand _putEntity;
        private readonly SqliteCommand _deleteEntity;
        private readonly SqliteCommand _deleteMessages;
        private readonly SqliteCommand _putMessage;
        private readonly SqliteCommand _deleteMessage;
        private readonly SqliteCommand _begin;
        private readonly SqliteCommand _commit;
        private readonly SqliteCommand _rollback;

        public Statements(SqliteConnection connection)
        {
            _connection = connection;
            _insert = Prepare(
                "INSERT INTO instances (key, hub, id, status, created, completed, parent, summary) "
                + "VALUES ($0, $1, $2, $3, $4, NULL, $5, $6)", 7);
            _update = Prepare(
                "UPDATE instances SET status = $1, completed = $2, summary = coalesce($3, summary) WHERE key = $0", 4);
            _append = Prepare("INSERT INTO log (instance, sequence, record) VALUES ($0, $1, $2)", 3);
            _clear = Prepare("DELETE FROM log WHERE instance = $0", 1);
            _delete = Prepare("DELETE FROM instances WHERE key = $0", 1);
            _putEntity = Prepare(
                "INSERT INTO entities (key, hub, id, record) VALUES ($0, $1, $2, $3) "
                + "ON CONFLICT (key) DO UPDATE SET record = excluded.record", 4);
            _deleteEntity = Prepare("DELETE FROM entities WHERE key = $0", 1);
            _deleteMessages = Prepare("DELETE FROM entity_messages WHERE entity = $0", 1);
            _putMessage = Prepare("INSERT INTO entity_messages (sequence, entity, record) VALUES ($0, $1, $2)", 3);
            _deleteMessage = Prepare("DELETE FROM entity_messages WHERE sequence = $0", 1);
            _begin = Prepare("BEGIN IMMEDIATE", 0);
            _commit = Prepare("COMMIT", 0);
            _rollback = Prepare("ROLLBACK", 0);
        }

        public void Run(IEnumerable<StoreOperation> operations)
        {
            _begin.ExecuteNonQuery();
            try
            {
                foreach (StoreOperation operation in operations)
                {
                    Run(operation);
                }

                _commit.ExecuteNonQuery();
            }
            catch
            {
                if (!SQLitePCL.raw.sqlite3_get_autocommit(_connection.Handle!).Equals(1))
                {
                    _rollback.ExecuteNonQuery();
                }

                throw;
            }
        }

        public void Dispose()
        {
            foreach (SqliteCommand command in (SqliteCommand[])
                [
                    _insert, _update, _append, _clear, _delete, _putEntity, _deleteEntity, _deleteMessages,
                    _putMessage, _deleteMessage, _begin, _commit, _rollback,
                ])
            {
                command.Dispose();
            }
        }

        private void Run(StoreOperation operation)
        {
            switch (operation)
            {
                case StoreOperation.Append append:
                    Execute(_append, append.Key, append.Sequence, append.Record.ToByteArray());
                    break;
                case StoreOperation.Update update:
                    Execute(
                        _update, update.Key, (long)update.Status, update.CompletedTicks, update.Summary?.ToByteArray());
                    break;
                case StoreOperation.Insert insert:
                    Execute(
                        _insert, insert.Key, insert.Hub, insert.Id, (long)insert.Summary.OrchestrationStatus,
                        insert.CreatedTicks, insert.ParentId, insert.Summary.ToByteArray());
                    break;
                case StoreOperation.ClearLog clear:
                    Execute(_clear, clear.Key);
                    break;
                case StoreOperation.Delete delete:
                    Execute(_clear, delete.Key);
                    Execute(_delete, delete.Key);
                    break;
                case StoreOperation.PutEntity put:
                    Execute(_putEntity, put.Key, put.Hub, put.Id, put.Record.ToByteArray());
                    break;
                case StoreOperation.DeleteEntity entity:
                    Execute(_deleteMessages, entity.Key);
                    Execute(_deleteEntity, entity.Key);
                    break;
                case StoreOperation.PutMessage message:
                    Execute(_putMessage, message.Sequence, message.Entity, message.Message.ToByteArray());
                    break;
                case StoreOperation.DeleteMessage message:
                    Execute(_deleteMessage, message.Sequence);
                    break;
            }
        }

        private static void Execute(SqliteCommand command, params ReadOnlySpan<object?> values)
        {
            for (int index = 0; index < values.Length; index++)
            {
                command.Parameters[index].Value = values[index] ?? DBNull.Value;
            }

            command.ExecuteNonQuery();
        }

        private SqliteCommand Prepare(string sql, int parameters)
        {
            SqliteCommand command = _connection.CreateCommand();
#pragma warning disable CA2100 // Constant texts only.
            command.CommandText = sql;
#pragma warning restore CA2100
            for (int index = 0; index < parameters; index++)
            {
                command.Parameters.AddWithValue($"${index}", DBNull.Value);
            }

            command.Prepare();
            return command;
        }
    }
}
