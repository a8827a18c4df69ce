using System.Collections.Concurrent;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>Reads committed data, each time on a connection of its own, beside the writer.</summary>
internal sealed partial class TaskHubStore
{
    private const string Columns = "SELECT key, hub, id, status, summary FROM instances ";

    private readonly ConcurrentBag<SqliteConnection> _readers = [];

    public long LastKey() => Read(connection => Scalar(connection, "SELECT coalesce(max(key), 0) FROM instances"));

    /// <exception cref="TaskHubStoreException">A page or record is damaged.</exception>
    public IReadOnlyList<RecoveredInstance> LoadUnfinished() => Read(connection =>
    {
        // One walk over all logs, since one statement for each of many thousands of instances would take most of a
        // start.
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            SELECT instances.key, hub, id, sequence, record FROM instances JOIN log ON log.instance = instances.key
            WHERE completed IS NULL ORDER BY instances.key, sequence
            """;
        using SqliteDataReader reader = command.ExecuteReader();
        var found = new List<RecoveredInstance>();
        while (reader.Read())
        {
            long key = reader.GetInt64(0);
            InstanceState state = found.Count > 0 && found[^1].Key == key
                ? found[^1].State
                : new InstanceState(reader.GetString(1), reader.GetString(2));
            state.Apply(LogRecord.Parser.ParseFrom(reader.GetFieldValue<byte[]>(4)));
            var instance = new RecoveredInstance(key, state, reader.GetInt64(3) + 1);
            if (found.Count > 0 && found[^1].Key == key)
            {
                found[^1] = instance;
            }
            else
            {
                found.Add(instance);
            }
        }

        return found;
    });

    public long LastMessage() =>
        Read(connection => Scalar(connection, "SELECT coalesce(max(sequence), 0) FROM entity_messages"));

    public long LastEntity() => Read(connection => Scalar(connection, "SELECT coalesce(max(key), 0) FROM entities"));

    /// <exception cref="TaskHubStoreException">A page or record is damaged.</exception>
    public IReadOnlyList<RecoveredEntity> LoadEntities() => Read(connection =>
    {
        var queues = new Dictionary<long, List<QueuedMessage>>();
        using SqliteCommand messages = connection.CreateCommand();
        messages.CommandText = "SELECT sequence, entity, record FROM entity_messages ORDER BY sequence";
        using (SqliteDataReader reader = messages.ExecuteReader())
        {
            while (reader.Read())
            {
                if (!queues.TryGetValue(reader.GetInt64(1), out List<QueuedMessage>? queue))
                {
                    queues[reader.GetInt64(1)] = queue = [];
                }

                queue.Add(new QueuedMessage(
                    reader.GetInt64(0), EntityMessage.Parser.ParseFrom(reader.GetFieldValue<byte[]>(2))));
            }
        }

        var entities = new List<RecoveredEntity>();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT key, hub, id, record FROM entities ORDER BY key";
        using SqliteDataReader rows = command.ExecuteReader();
        while (rows.Read())
        {
            entities.Add(new RecoveredEntity(
                rows.GetInt64(0),
                rows.GetString(1),
                rows.GetString(2),
                EntityRecord.Parser.ParseFrom(rows.GetFieldValue<byte[]>(3)),
                queues.GetValueOrDefault(rows.GetInt64(0)) ?? []));
        }

        return entities;
    });

    public StoredInstance? Find(string hub, string id) => Read(connection =>
        List(connection, Columns + "WHERE hub = $hub AND id = $id", ("$hub", hub), ("$id", id)).SingleOrDefault());

    public IReadOnlyList<StoredInstance> Children(string hub, string parentId) => Read(connection =>
        List(connection, Columns + "WHERE hub = $hub AND parent = $id", ("$hub", hub), ("$id", parentId)));

    /// <summary>Returns the whole state of a finished instance; null if it has been deleted since.</summary>
    public InstanceState? LoadState(StoredInstance row) => Read(connection =>
    {
        (InstanceState state, long next) = Fold(connection, row);
        return next == 0 ? null : state;
    });

    /// <summary>Loads an ended instance so that it can continue; null if it has been deleted since.</summary>
    public RecoveredInstance? Load(StoredInstance row) => Read(connection =>
    {
        (InstanceState state, long next) = Fold(connection, row);
        return next == 0 ? null : new RecoveredInstance(row.Key, state, next);
    });

    /// <summary>Returns instances of all task hubs that ended before a time, the oldest first.</summary>
    public IReadOnlyList<StoredInstance> EndedBefore(long ticks, int count) => Read(connection => List(
        connection,
        Columns + "WHERE completed IS NOT NULL AND completed < $before ORDER BY completed LIMIT $count",
        ("$before", ticks),
        ("$count", count)));

    public IReadOnlyList<StoredInstance> Query(InstanceFilter filter) => Read(connection =>
    {
        var sql = new StringBuilder(Columns).Append("WHERE hub = $hub");
        var values = new List<(string, object)> { ("$hub", filter.Hub) };
        Add(filter.AfterId, " AND id > $after", "$after");
        Add(filter.Prefix, " AND id >= $prefix AND substr(id, 1, length($prefix)) = $prefix", "$prefix");
        Add(filter.CreatedFrom, " AND created >= $from", "$from");
        Add(filter.CreatedTo, " AND created <= $to", "$to");
        Add(filter.CompletedFrom, " AND completed >= $endFrom", "$endFrom");
        Add(filter.CompletedTo, " AND completed <= $endTo", "$endTo");
        if (filter.Statuses.Count > 0)
        {
            sql.Append(" AND status IN (").AppendJoin(',', filter.Statuses.Select(status => (int)status)).Append(')');
        }

        sql.Append(" ORDER BY id LIMIT ").Append(filter.Count);
        return List(connection, sql.ToString(), [.. values]);

        void Add(object? value, string condition, string name)
        {
            if (value is not null)
            {
                sql.Append(condition);
                values.Add((name, value));
            }
        }
    });

    private static (InstanceState State, long NextSequence) Fold(SqliteConnection connection, StoredInstance row)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT sequence, record FROM log WHERE instance = $key ORDER BY sequence";
        command.Parameters.AddWithValue("$key", row.Key);
        using SqliteDataReader reader = command.ExecuteReader();
        var state = new InstanceState(row.Hub, row.Id);
        long next = 0;
        while (reader.Read())
        {
            state.Apply(LogRecord.Parser.ParseFrom(reader.GetFieldValue<byte[]>(1)));
            next = reader.GetInt64(0) + 1;
        }

        return (state, next);
    }

    private static List<StoredInstance> List(
        SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> values)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Values are parameters; the text is put together from constants.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach ((string name, object value) in values)
        {
            command.Parameters.AddWithValue(name, value);
        }

        using SqliteDataReader reader = command.ExecuteReader();
        var rows = new List<StoredInstance>();
        while (reader.Read())
        {
            rows.Add(new StoredInstance(
                reader.GetInt64(0),
                reader.GetString(1),
                reader.GetString(2),
                (OrchestrationStatus)reader.GetInt32(3),
                OrchestrationState.Parser.ParseFrom(reader.GetFieldValue<byte[]>(4))));
        }

        return rows;
    }

    private T Read<T>(Func<SqliteConnection, T> read)
    {
        try
        {
            if (!_readers.TryTake(out SqliteConnection? connection))
            {
                connection = Connect(_path, SqliteOpenMode.ReadWrite);
            }

            T result = read(connection);
            _readers.Add(connection);
            return result;
        }
        catch (Exception error) when (error is SqliteException or Google.Protobuf.InvalidProtocolBufferException)
        {
            // The next commit may overwrite what a read could not get, so a damaged file is left as it is.
            TaskHubStoreException fault = Translate(error, _path);
            if (fault.Error != TaskHubStoreError.InUse)
            {
                Fail(fault);
            }

            throw fault;
        }
    }
}
