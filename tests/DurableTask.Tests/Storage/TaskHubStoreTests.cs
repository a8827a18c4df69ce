using Google.Protobuf.WellKnownTypes;
using Microsoft.Data.Sqlite;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.DurableTask.Sidecar;
using Workflows.DurableTask.Sidecar.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Tests.Storage;

public sealed class TaskHubStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("store-").FullName;

    private string File => Path.Combine(_folder, "taskhub.db");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Open_NewerSchema_IsRefusedAndUnchanged()
    {
        Open().Dispose();
        Execute("PRAGMA user_version = 99");
        byte[] before = System.IO.File.ReadAllBytes(File);

        var error = Assert.Throws<TaskHubStoreException>(Open);

        Assert.Equal(TaskHubStoreError.NewerSchema, error.Error);
        Assert.Contains("99", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, System.IO.File.ReadAllBytes(File));
    }

    [Fact]
    public void Open_AlreadyOpen_IsRefused()
    {
        using TaskHubStore first = Open();

        var error = Assert.Throws<TaskHubStoreException>(Open);

        Assert.Equal(TaskHubStoreError.InUse, error.Error);
    }

    [Fact]
    public void Open_NoDatabase_IsRefusedAndUnchanged()
    {
        byte[] garbage = [.. Enumerable.Range(0, 8192).Select(value => (byte)(value * 31))];
        System.IO.File.WriteAllBytes(File, garbage);

        var error = Assert.Throws<TaskHubStoreException>(Open);

        Assert.Equal(TaskHubStoreError.Corrupt, error.Error);
        Assert.Equal(garbage, System.IO.File.ReadAllBytes(File));
    }

    [Fact]
    public void Open_DatabaseOfAnotherProgram_IsRefused()
    {
        Execute("CREATE TABLE theirs (a)");

        var error = Assert.Throws<TaskHubStoreException>(Open);

        Assert.Equal(TaskHubStoreError.Corrupt, error.Error);
    }

    [Fact]
    public void LoadUnfinished_DamagedRecord_IsCorrupt()
    {
        using (TaskHubStore store = Open())
        {
            store.Enqueue(Insert(1, "a"));
        }

        Execute("UPDATE log SET record = x'FFFFFFFF'");
        using TaskHubStore again = Open();

        var error = Assert.Throws<TaskHubStoreException>(() => again.LoadUnfinished());

        Assert.Equal(TaskHubStoreError.Corrupt, error.Error);
    }

    [Fact]
    public void Enqueue_ThenReopen_FindsWhatWasCommitted()
    {
        using (TaskHubStore store = Open())
        {
            store.Enqueue(Insert(1, "a"));
            store.Enqueue(Insert(2, "b"));
            var delete = new StoreBatch();
            delete.Operations.Add(new StoreOperation.Delete(1));
            store.Enqueue(delete);
        }

        using TaskHubStore again = Open();

        RecoveredInstance recovered = Assert.Single(again.LoadUnfinished());
        Assert.Equal("b", recovered.State.Id);
        Assert.Equal("execution", recovered.State.ExecutionId);
        Assert.Equal(1, recovered.NextSequence);
        Assert.Equal(2, again.LastKey());
        Assert.Null(again.Find("hub", "a"));
    }

    [Fact]
    public async Task Enqueue_CommitFails_ReportsAndWritesNothingMore()
    {
        using TaskHubStore store = Open();
        var faulted = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        store.Faulted += error => faulted.TrySetResult(error);
        store.Enqueue(Insert(1, "a"));
        StoreBatch duplicate = Insert(1, "b");
        var failed = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        duplicate.Failed.Add(failed.SetResult);

        store.Enqueue(duplicate);
        store.Enqueue(Insert(3, "c"));
        await failed.Task;
        await faulted.Task;

        Assert.Null(store.Find("hub", "c"));
        Assert.Null(store.Find("hub", "b"));
    }

    private static StoreBatch Insert(long key, string id)
    {
        Timestamp now = Timestamp.FromDateTime(DateTime.UnixEpoch);
        var created = new CreatedRecord
        {
            ExecutionId = "execution",
            Created = now,
            Started = Messages.Started(new ExecutionStartedEvent { Name = "test" }, now),
        };
        var batch = new StoreBatch();
        batch.Operations.Add(new StoreOperation.Insert(
            key, "hub", id, null, 0, new OrchestrationState { InstanceId = id }));
        batch.Operations.Add(new StoreOperation.Append(key, 0, new LogRecord { Created = created }));
        return batch;
    }

    private TaskHubStore Open() => TaskHubStore.Open(File, NullLogger.Instance);

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Texts of this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
