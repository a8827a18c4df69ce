using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.DurableTask.Sidecar.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.Http.Bench;

/// <summary>
/// Copies a finished run under other ids, as a state folder has them after months: its orchestrations with their
/// histories in the engine's file, and its folder with ledger, curve, log and report. Every other copy is one of a run
/// that paid. An id is as long as the copied one, so that a record stays valid with another id in it.
/// </summary>
internal sealed class FinishedRuns
{
    private const string Hub = "default", Pays = "bench-project-of-the-run";

    /// <summary>Runs in one commit of the engine's file.</summary>
    private const int AtOnce = 50;

    /// <summary>Files that a run of a real cloud has on the service, without copies of its bucket.</summary>
    private static readonly string[] Files =
        ["ledger.jsonl", "metrics.jsonl", "report.json", "report.html", "report.ko.html", "logs/worker.jsonl"];

    private readonly string _folder;
    private readonly string _id;
    private readonly List<(StoredInstance Instance, List<byte[]> Log)> _instances;
    private readonly List<(string Name, byte[] Content)> _files;

    private FinishedRuns(
        string folder, string id, List<(StoredInstance, List<byte[]>)> instances, List<(string, byte[])> files) =>
        (_folder, _id, _instances, _files) = (folder, id, instances, files);

    /// <summary>Copies a run of a service that does not run.</summary>
    /// <param name="folder">Its state folder.</param>
    /// <param name="id">The run.</param>
    /// <param name="count">Number of copies.</param>
    public static async Task CopyAsync(string folder, string id, int count)
    {
        var path = Path.Combine(folder, "engine", "taskhub.db");
        using var store = TaskHubStore.Open(path, NullLogger.Instance);
        var instances = store.Query(new InstanceFilter(Hub, [], null, null, null, null, id, null, 100))
            .Select(instance => (instance, LogOf(path, instance.Key))).ToList();
        var files = Files.Select(name => (Name: name, Path: Path.Combine(folder, "runs", id, name)))
            .Where(file => File.Exists(file.Path))
            .Select(file => (file.Name, File.ReadAllBytes(file.Path))).ToList();
        var copies = new FinishedRuns(folder, id, instances, files);
        var key = store.LastKey();
        for (var first = 0; first < count; first += AtOnce)
        {
            var numbers = Enumerable.Range(first, Math.Min(AtOnce, count - first)).ToList();
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var batch = new StoreBatch();
            numbers.ForEach(number => copies.AddInstances(batch, number, ref key));
            batch.Committed.Add(done.SetResult);
            batch.Failed.Add(done.SetException);
            store.Enqueue(batch);
            Parallel.ForEach(numbers, copies.WriteFiles);
            await done.Task;
        }
    }

    /// <summary>Returns the id of a copy.</summary>
    /// <param name="id">The copied run.</param>
    /// <param name="number">Number of the copy.</param>
    public static string IdOf(string id, int number)
    {
        var digits = number.ToString("d7", CultureInfo.InvariantCulture);
        return string.Concat(id.AsSpan(0, id.Length - digits.Length), digits);
    }

    private static List<byte[]> LogOf(string path, long key)
    {
        using var connection = new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT record FROM log WHERE instance = $key ORDER BY sequence";
        command.Parameters.AddWithValue("$key", key);
        using var reader = command.ExecuteReader();
        var records = new List<byte[]>();
        while (reader.Read())
        {
            records.Add(reader.GetFieldValue<byte[]>(0));
        }

        return records;
    }

    private void AddInstances(StoreBatch batch, int number, ref long key)
    {
        // One each ten minutes, the last one before the copied run.
        var earlier = TimeSpan.FromMinutes(10 * (number + 1));
        foreach (var (instance, log) in _instances)
        {
            var summary = instance.Summary.Clone();
            summary.InstanceId = Replace(summary.InstanceId, number);
            summary.ParentInstanceId = summary.ParentInstanceId is { } parent ? Replace(parent, number) : null;
            summary.Input = InputOf(summary.Input, number);
            summary.Output = summary.Output is { } output ? Replace(output, number) : null;
            summary.CustomStatus = summary.CustomStatus is { } status ? Replace(status, number) : null;
            summary.CreatedTimestamp = Earlier(summary.CreatedTimestamp, earlier);
            summary.LastUpdatedTimestamp = Earlier(summary.LastUpdatedTimestamp, earlier);
            summary.CompletedTimestamp = Earlier(summary.CompletedTimestamp, earlier);
            batch.Operations.Add(new StoreOperation.Insert(
                ++key, Hub, summary.InstanceId, summary.ParentInstanceId,
                summary.CreatedTimestamp.ToDateTimeOffset().UtcTicks, summary));
            for (var at = 0; at < log.Count; at++)
            {
                batch.Operations.Add(new StoreOperation.Append(
                    key, at, LogRecord.Parser.ParseFrom(Replace(log[at], number))));
            }

            batch.Operations.Add(new StoreOperation.Update(
                key, instance.Status, summary.CompletedTimestamp.ToDateTimeOffset().UtcTicks, summary));
        }
    }

    private void WriteFiles(int number)
    {
        var folder = Path.Combine(_folder, "runs", IdOf(_id, number));
        foreach (var (name, content) in _files)
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, Replace(content, number));
        }
    }

    private string? InputOf(string? input, int number)
    {
        if (input is null || !DoesPay(number) || JsonNode.Parse(input) is not JsonObject spec
            || !spec.ContainsKey("IsRehearsal"))
        {
            return input is null ? null : Replace(input, number);
        }

        spec["IsRehearsal"] = false;
        return Replace(spec.ToJsonString(), number);
    }

    private static bool DoesPay(int number) => number % 2 == 1;

    private static Timestamp Earlier(Timestamp time, TimeSpan by) =>
        Timestamp.FromDateTimeOffset(time.ToDateTimeOffset() - by);

    private string Replace(string text, int number)
    {
        var own = DoesPay(number) ? text.Replace($"rehearsal-{_id}", Pays, StringComparison.Ordinal) : text;
        return own.Replace(_id, IdOf(_id, number), StringComparison.Ordinal);
    }

    private byte[] Replace(byte[] record, int number)
    {
        var copy = record.ToArray();
        if (DoesPay(number))
        {
            Overwrite(copy, $"rehearsal-{_id}", Pays);
        }

        Overwrite(copy, _id, IdOf(_id, number));
        return copy;
    }

    private static void Overwrite(byte[] record, string old, string other)
    {
        var (find, put) = (Encoding.ASCII.GetBytes(old), Encoding.ASCII.GetBytes(other));
        if (find.Length != put.Length)
        {
            throw new InvalidOperationException($"'{other}' is not as long as '{old}'.");
        }

        for (var at = 0; record.AsSpan(at).IndexOf(find) is >= 0 and var offset; at += offset + put.Length)
        {
            put.CopyTo(record, at + offset);
        }
    }
}
