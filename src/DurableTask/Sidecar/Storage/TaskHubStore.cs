using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>
/// Stores everything in one SQLite file with one writer thread. Batches that wait while a commit runs share the next
/// commit. Opening checks the file before anything is written; a lock file keeps other processes out (the lock ends
/// with its holder).
/// </summary>
internal sealed partial class TaskHubStore : IDisposable
{
    private const int ApplicationId = 0x57465448;
    private const int SchemaVersion = 2;
    private const int MostBatchesInCommit = 512;

    // Version 2 added entities and the order of ended instances.
    private const string SecondVersion = """
        CREATE TABLE entities (
            key INTEGER PRIMARY KEY,
            hub TEXT NOT NULL,
            id TEXT NOT NULL,
            record BLOB NOT NULL,
            UNIQUE (hub, id));
        CREATE TABLE entity_messages (
            sequence INTEGER PRIMARY KEY,
            entity INTEGER NOT NULL,
            record BLOB NOT NULL);
        CREATE INDEX entity_messages_queue ON entity_messages (entity);
        CREATE INDEX instances_ended ON instances (completed) WHERE completed IS NOT NULL;
        """;

    private static readonly string Schema = $"""
        CREATE TABLE instances (
            key INTEGER PRIMARY KEY,
            hub TEXT NOT NULL,
            id TEXT NOT NULL,
            status INTEGER NOT NULL,
            created INTEGER NOT NULL,
            completed INTEGER,
            parent TEXT,
            summary BLOB NOT NULL,
            UNIQUE (hub, id));
        CREATE INDEX instances_unfinished ON instances (key) WHERE completed IS NULL;
        CREATE INDEX instances_children ON instances (hub, parent) WHERE parent IS NOT NULL;
        CREATE TABLE log (
            instance INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            record BLOB NOT NULL,
            PRIMARY KEY (instance, sequence)) WITHOUT ROWID;
        {SecondVersion}
        PRAGMA application_id = {ApplicationId};
        PRAGMA user_version = {SchemaVersion};
        """;

    private static readonly string[] AllTables = ["instances", "log", "entities", "entity_messages"];

    private readonly string _path;
    private readonly FileStream _lock;
    private readonly SqliteConnection _writer;
    private readonly OpenFile _file;
    private readonly ILogger _logger;
    private readonly Channel<StoreBatch> _batches = Channel.CreateUnbounded<StoreBatch>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = false });

    private readonly TaskHubInstruments _instruments = new();
    private readonly Action<string>? _reach;
    private readonly Thread _thread;
    private Exception? _fault;

    private TaskHubStore(
        string path, FileStream fileLock, SqliteConnection writer, ILogger logger, FaultInjection? faults)
    {
        _reach = faults?.Reach;
        _path = path;
        _lock = fileLock;
        _writer = writer;
        _file = new OpenFile(path);
        _logger = logger;
        _thread = new Thread(WriteLoop) { IsBackground = true, Name = "task hub writer" };
    }

    /// <summary>Raised once when a commit or a read fails; nothing is written after that.</summary>
    public event Action<Exception>? Faulted;

    /// <exception cref="TaskHubStoreException">The file cannot be used; it is unchanged.</exception>
    public static TaskHubStore Open(string path, ILogger logger, FaultInjection? faults = null)
    {
        FileStream fileLock = Lock(path);
        SqliteConnection? connection = null;
        try
        {
            connection = Connect(path, SqliteOpenMode.ReadWriteCreate);
            Prepare(connection, path);
            var store = new TaskHubStore(path, fileLock, connection, logger, faults);
            store._thread.Start();
            Log.Opened(logger, path);
            return store;
        }
        catch (Exception error)
        {
            connection?.Dispose();
            fileLock.Dispose();
            throw error as TaskHubStoreException ?? Translate(error, path);
        }
    }

    /// <summary>The metrics of the file and its engine.</summary>
    public TaskHubInstruments Instruments => _instruments;

    /// <summary>Called at the fault points; null outside tests.</summary>
    public Action<string>? Reach => _reach;

    /// <summary>Queues a batch. Batches are committed in the order of calls.</summary>
    public void Enqueue(StoreBatch batch)
    {
        if (!_batches.Writer.TryWrite(batch))
        {
            var closed = new ObjectDisposedException(nameof(TaskHubStore));
            batch.Failed.ForEach(failed => failed(closed));
        }
    }

    /// <summary>Commits the queued batches, then closes the file.</summary>
    public void Dispose()
    {
        _batches.Writer.TryComplete();
        _thread.Join();
        while (_readers.TryTake(out SqliteConnection? reader))
        {
            reader.Dispose();
        }

        _instruments.Dispose();
        _writer.Dispose();
        _file.Dispose();
        _lock.Dispose();
    }

    /// <summary>Stops the store after an error of its file: nothing more is written, and the first error is the
    /// reason.</summary>
    private void Fail(Exception fault)
    {
        if (Interlocked.CompareExchange(ref _fault, fault, null) is null)
        {
            Log.FileFailed(_logger, fault, _path);
            Faulted?.Invoke(fault);
        }
    }

    private static FileStream Lock(string path)
    {
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            return new FileStream(
                path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);
        }
        catch (IOException error) when (error is not (DirectoryNotFoundException or FileNotFoundException))
        {
            throw new TaskHubStoreException(
                TaskHubStoreError.InUse,
                path,
                "another process has it open. Stop that process or use another folder.",
                error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Translate(error, path);
        }
    }

    private static SqliteConnection Connect(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = mode,
            Pooling = false,
            DefaultTimeout = 5,
        }.ToString());
        connection.Open();
        return connection;
    }

    private static void Prepare(SqliteConnection connection, string path)
    {
        // SQLite opens a file that it may not write read-only, and would report that at the first change only.
        if (raw.sqlite3_db_readonly(connection.Handle!, "main") == 1)
        {
            throw new TaskHubStoreException(
                TaskHubStoreError.Io,
                path,
                "it may not be written. Check the permissions of the file and its folder, and whether its disk is "
                + "mounted for reading only.");
        }

        long version = Scalar(connection, "PRAGMA user_version");
        long application = Scalar(connection, "PRAGMA application_id");
        long tables = Scalar(connection, "SELECT count(*) FROM sqlite_master");
        if (tables > 0 && application != ApplicationId)
        {
            throw new TaskHubStoreException(
                TaskHubStoreError.Corrupt, path, "it is a database of another program. Use another folder.");
        }

        if (version > SchemaVersion)
        {
            throw new TaskHubStoreException(
                TaskHubStoreError.NewerSchema,
                path,
                $"its format is version {version}, and this program knows versions up to {SchemaVersion}. "
                + "Use the newer program.");
        }

        if (tables > 0)
        {
            Check(connection, path, version == 1 ? ["instances", "log"] : AllTables);
        }

        Execute(connection, "PRAGMA journal_mode = WAL");
        Execute(connection, "PRAGMA synchronous = FULL");
        Execute(connection, "PRAGMA wal_autocheckpoint = 4000");
        // SQLite looks through its whole table of cached pages at every commit that moved a page of a tree: with 64 MB
        // a tenth of the writer's time. Pages that are not among these are read from the system's cache.
        Execute(connection, "PRAGMA cache_size = -8192");
        Execute(connection, "PRAGMA temp_store = MEMORY");
        if (tables == 0)
        {
            Execute(connection, $"BEGIN IMMEDIATE; {Schema} COMMIT;");
        }
        else if (version == 1)
        {
            Execute(connection, $"BEGIN IMMEDIATE; {SecondVersion} PRAGMA user_version = 2; COMMIT;");
        }
    }

    // Recovery walks the page structure of the tables anyway; this finds a damaged schema or index root early.
    private static void Check(SqliteConnection connection, string path, string[] tables)
    {
        foreach (string table in tables)
        {
            if (Scalar(connection, $"SELECT count(*) FROM sqlite_master WHERE name = '{table}'") != 1)
            {
                throw new TaskHubStoreException(
                    TaskHubStoreError.Corrupt, path, $"table '{table}' is missing. Restore the file from a backup.");
            }
        }
    }

    private static long Scalar(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Constant texts only.
        command.CommandText = sql;
#pragma warning restore CA2100
        return Convert.ToInt64(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Constant texts only.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    private static TaskHubStoreException Translate(Exception error, string path) => error switch
    {
        SqliteException { SqliteErrorCode: 11 or 26 } or Google.Protobuf.InvalidProtocolBufferException => new(
            TaskHubStoreError.Corrupt,
            path,
            $"{error.Message} Restore the file, with its -wal, from a backup, or move it away to start empty.",
            error),
        SqliteException { SqliteErrorCode: 5 or 6 } => new(
            TaskHubStoreError.InUse, path, $"{error.Message} Stop the program that has it open.", error),
        SqliteException { SqliteErrorCode: 13 } => new(
            TaskHubStoreError.Io,
            path,
            $"{error.Message} Free space on its disk and start again: what was acknowledged is in the file.",
            error),
        _ => new(
            TaskHubStoreError.Io,
            path,
            $"{error.Message} Check the folder's disk, mount and permissions, then start again.",
            error),
    };
}
