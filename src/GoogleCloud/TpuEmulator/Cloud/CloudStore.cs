using System.Text.Json;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>
/// Stores the emulated cloud on disk in one file, which is replaced as a whole. It is meant for a few nodes, not for
/// thousands.
/// </summary>
internal sealed class CloudStore
{
    private readonly string _path;

    public CloudStore(string directory)
    {
        Directory.CreateDirectory(directory);
        _path = Path.Combine(directory, "cloud.json");
    }

    public Dictionary<string, ProjectRecord> Load()
    {
        if (!File.Exists(_path))
        {
            return new Dictionary<string, ProjectRecord>(StringComparer.Ordinal);
        }

        try
        {
            var saved = JsonSerializer.Deserialize<Dictionary<string, SavedProject>>(File.ReadAllBytes(_path)) ?? [];
            return saved.ToDictionary(pair => pair.Key, pair => Restore(pair.Key, pair.Value), StringComparer.Ordinal);
        }
        catch (Exception fault) when (fault is JsonException or InvalidProtocolBufferException or ScenarioException
            or ArgumentException)
        {
            throw new InvalidDataException(
                $"'{_path}' is damaged ({fault.Message}); restore it, or delete it to begin with an empty cloud.",
                fault);
        }
    }

    public void Save(Dictionary<string, ProjectRecord> projects)
    {
        var saved = projects.ToDictionary(pair => pair.Key, pair => new SavedProject(
            pair.Value.ScenarioJson,
            [.. pair.Value.Nodes.Values.Select(Describe)],
            [.. pair.Value.Operations.Values.Select(operation => operation.ToByteArray())],
            pair.Value.Creates,
            pair.Value.Preemptions,
            pair.Value.EmptyLists,
            [.. pair.Value.Queued.Values.Select(record => new SavedQueued(
                record.Resource.ToByteArray(), record.Zone, record.TryAt, record.FailAt, record.GoneAt,
                record.DeleteOperation))]));
        var aside = _path + ".new";
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(file, saved);
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, _path, overwrite: true);
    }

    private static SavedNode Describe(NodeRecord record) => new(
        record.Node.ToByteArray(), record.Zone, record.MetadataKey, record.CreatedAt, record.CreateOperation,
        record.CreateError?.ToByteArray(), record.GoneAt, record.DeleteOperation, record.PreemptAt,
        record.PreemptAttribute, record.PreemptAtLeast, record.GuestAttributes, record.WorkerPid,
        record.WorkerStartedAt, record.OperationEndsAt, record.IsPreemptedWhileCreating);

    private static ProjectRecord Restore(string project, SavedProject saved) => new()
    {
        ScenarioJson = saved.Scenario,
        Scenario = Scenario.Parse(saved.Scenario),
        Creates = saved.Creates,
        Preemptions = saved.Preemptions,
        EmptyLists = saved.EmptyLists ?? new Dictionary<string, int>(StringComparer.Ordinal),
        Queued = (saved.Queued ?? []).Select(queued => new QueuedRecord
        {
            Resource = QueuedResource.Parser.ParseFrom(queued.Resource),
            Project = project,
            Zone = queued.Zone,
            TryAt = queued.TryAt,
            FailAt = queued.FailAt,
            GoneAt = queued.GoneAt,
            DeleteOperation = queued.DeleteOperation,
        }).ToDictionary(record => record.Resource.Name, StringComparer.Ordinal),
        Operations = saved.Operations.Select(Operation.Parser.ParseFrom)
            .ToDictionary(operation => operation.Name, StringComparer.Ordinal),
        Nodes = saved.Nodes.Select(node => new NodeRecord
        {
            Node = Node.Parser.ParseFrom(node.Node),
            Project = project,
            Zone = node.Zone,
            MetadataKey = node.MetadataKey,
            CreatedAt = node.CreatedAt,
            CreateOperation = node.CreateOperation,
            CreateError = node.CreateError is null ? null : Google.Rpc.Status.Parser.ParseFrom(node.CreateError),
            GoneAt = node.GoneAt,
            DeleteOperation = node.DeleteOperation,
            PreemptAt = node.PreemptAt,
            PreemptAttribute = node.PreemptAttribute,
            PreemptAtLeast = node.PreemptAtLeast,
            GuestAttributes = node.GuestAttributes,
            WorkerPid = node.WorkerPid,
            WorkerStartedAt = node.WorkerStartedAt,
            OperationEndsAt = node.OperationEndsAt,
            IsPreemptedWhileCreating = node.IsPreemptedWhileCreating,
        }).ToDictionary(record => record.Node.Name, StringComparer.Ordinal),
    };

    private sealed record SavedProject(
        string Scenario, IReadOnlyList<SavedNode> Nodes, IReadOnlyList<byte[]> Operations,
        Dictionary<string, int> Creates, Dictionary<string, int> Preemptions,
        Dictionary<string, int>? EmptyLists, IReadOnlyList<SavedQueued>? Queued);

    private sealed record SavedQueued(
        byte[] Resource, string Zone, DateTimeOffset TryAt, DateTimeOffset? FailAt, DateTimeOffset? GoneAt,
        string? DeleteOperation);

    private sealed record SavedNode(
        byte[] Node, string Zone, string MetadataKey, DateTimeOffset? CreatedAt, string? CreateOperation,
        byte[]? CreateError, DateTimeOffset? GoneAt, string? DeleteOperation, DateTimeOffset? PreemptAt,
        string? PreemptAttribute, double PreemptAtLeast, Dictionary<string, string> GuestAttributes, int WorkerPid,
        DateTimeOffset WorkerStartedAt, DateTimeOffset? OperationEndsAt, bool IsPreemptedWhileCreating);
}
