using System.Text.Json;
using System.Text.Json.Serialization;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>
/// Stores the emulated cloud on disk, one line for each change of a project, node, queued resource or operation.
/// </summary>
internal sealed class CloudStore
{
    private readonly string _path, _earlier;
    private readonly Journal<Change> _journal;
    private Dictionary<string, string>? _written;

    public CloudStore(string directory)
    {
        Directory.CreateDirectory(directory);
        (_path, _earlier) = (Path.Combine(directory, "cloud.jsonl"), Path.Combine(directory, "cloud.json"));
        _journal = new Journal<Change>(_path);
    }

    /// <summary>Reads the state.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public Dictionary<string, ProjectRecord> Load()
    {
        try
        {
            return !File.Exists(_path) && File.Exists(_earlier) ? LoadEarlier() : Restore(_journal.Read());
        }
        catch (Exception fault) when (fault is JsonException or InvalidProtocolBufferException or ScenarioException
            or ArgumentException)
        {
            throw new InvalidDataException(
                $"'{(File.Exists(_path) ? _path : _earlier)}' is damaged ({fault.Message}); restore it, or delete it "
                + "to begin with an empty cloud.", fault);
        }
    }

    /// <summary>Writes what has changed since the last call; everything at the first.</summary>
    /// <exception cref="IOException">The disk refuses it; the next call tries again.</exception>
    public void Save(Dictionary<string, ProjectRecord> projects)
    {
        var now = Describe(projects).ToDictionary(
            change => change.Key, change => (Change: change, Text: JsonSerializer.Serialize(change)),
            StringComparer.Ordinal);
        if (_written is null || _journal.IsGrown)
        {
            _journal.Replace([.. now.Values.Select(each => each.Change)]);
            File.Delete(_earlier);
        }
        else
        {
            Change[] changes =
            [
                .. now.Where(pair => _written.GetValueOrDefault(pair.Key) != pair.Value.Text)
                    .Select(pair => pair.Value.Change),
                .. _written.Keys.Where(key => !now.ContainsKey(key)).Select(key => new Change(key)),
            ];
            if (changes.Length > 0)
            {
                _journal.Append(changes);
            }
        }

        _written = now.ToDictionary(pair => pair.Key, pair => pair.Value.Text, StringComparer.Ordinal);
    }

    private static IEnumerable<Change> Describe(Dictionary<string, ProjectRecord> projects) =>
        projects.SelectMany(pair => (IEnumerable<Change>)
        [
            new Change(pair.Key)
            {
                Project = new SavedProject(
                    pair.Value.ScenarioJson, null, null, pair.Value.Creates, pair.Value.Preemptions,
                    pair.Value.EmptyLists, null, pair.Value.Maintenances),
            },
            .. pair.Value.Nodes.Select(each => new Change(each.Key) { Node = Describe(each.Value) }),
            .. pair.Value.Queued.Select(each => new Change(each.Key) { Queued = Describe(each.Value) }),
            .. pair.Value.Operations.Select(each => new Change(each.Key) { Operation = each.Value.ToByteArray() }),
        ]);

    private static SavedQueued Describe(QueuedRecord record) => new(
        record.Resource.ToByteArray(), record.Zone, record.TryAt, record.FailAt, record.GoneAt,
        record.DeleteOperation, record.MaxRun);

    /// <summary>Reads the file of versions that wrote everything at each change.</summary>
    private Dictionary<string, ProjectRecord> LoadEarlier() =>
        (JsonSerializer.Deserialize<Dictionary<string, SavedProject>>(File.ReadAllBytes(_earlier)) ?? [])
            .ToDictionary(pair => pair.Key, pair => Restore(pair.Key, pair.Value), StringComparer.Ordinal);

    private static Dictionary<string, ProjectRecord> Restore(IEnumerable<Change> changes)
    {
        var last = new Dictionary<string, Change>(StringComparer.Ordinal);
        foreach (var change in changes)
        {
            if (change is { Project: null, Node: null, Queued: null, Operation: null })
            {
                last.Remove(change.Key);
            }
            else
            {
                last[change.Key] = change;
            }
        }

        return last.Values.GroupBy(change => change.Owner, StringComparer.Ordinal).ToDictionary(
            group => group.Key,
            group => Restore(group.Key, (group.FirstOrDefault(change => change.Project is not null)?.Project
                ?? throw new JsonException($"no line of project '{group.Key}'")) with
            {
                Nodes = [.. group.Select(change => change.Node).OfType<SavedNode>()],
                Queued = [.. group.Select(change => change.Queued).OfType<SavedQueued>()],
                Operations = [.. group.Select(change => change.Operation).OfType<byte[]>()],
            }),
            StringComparer.Ordinal);
    }

    private static SavedNode Describe(NodeRecord record) => new(
        record.Node.ToByteArray(), record.Zone, record.MetadataKey, record.CreatedAt, record.CreateOperation,
        record.CreateError?.ToByteArray(), record.GoneAt, record.DeleteOperation, record.PreemptAt,
        record.PreemptAttribute, record.PreemptAtLeast, record.GuestAttributes, record.WorkerPid,
        record.WorkerStartedAt, record.OperationEndsAt, record.IsPreemptedWhileCreating, record.Disk,
        record.PreemptNotice, record.NoticeAt, record.IsPreemptionTold, record.MaintainAt, record.SwitchAt,
        record.SwitchOperation, record.MaintainNoticeAt, record.MaxRun, record.EndAt);

    private static ProjectRecord Restore(string project, SavedProject saved) => new()
    {
        ScenarioJson = saved.Scenario,
        Scenario = Scenario.Parse(saved.Scenario),
        Creates = saved.Creates,
        Preemptions = saved.Preemptions,
        EmptyLists = saved.EmptyLists ?? new Dictionary<string, int>(StringComparer.Ordinal),
        Maintenances = saved.Maintenances ?? new Dictionary<string, int>(StringComparer.Ordinal),
        Queued = (saved.Queued ?? []).Select(queued => new QueuedRecord
        {
            Resource = QueuedResource.Parser.ParseFrom(queued.Resource),
            Project = project,
            Zone = queued.Zone,
            TryAt = queued.TryAt,
            FailAt = queued.FailAt,
            GoneAt = queued.GoneAt,
            DeleteOperation = queued.DeleteOperation,
            MaxRun = queued.MaxRun,
        }).ToDictionary(record => record.Resource.Name, StringComparer.Ordinal),
        Operations = (saved.Operations ?? []).Select(Operation.Parser.ParseFrom)
            .ToDictionary(operation => operation.Name, StringComparer.Ordinal),
        Nodes = (saved.Nodes ?? []).Select(node => new NodeRecord
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
            Disk = node.Disk,
            PreemptNotice = node.PreemptNotice,
            NoticeAt = node.NoticeAt,
            IsPreemptionTold = node.IsPreemptionTold,
            MaintainAt = node.MaintainAt,
            SwitchAt = node.SwitchAt,
            SwitchOperation = node.SwitchOperation,
            MaintainNoticeAt = node.MaintainNoticeAt,
            MaxRun = node.MaxRun,
            EndAt = node.EndAt,
        }).ToDictionary(record => record.Node.Name, StringComparer.Ordinal),
    };

    /// <summary>The new state of a resource; one without a state is gone.</summary>
    /// <param name="Key">A project's id, or the full name of a node, a queued resource or an operation.</param>
    private sealed record Change(string Key)
    {
        public SavedProject? Project { get; init; }

        public SavedNode? Node { get; init; }

        public SavedQueued? Queued { get; init; }

        public byte[]? Operation { get; init; }

        [JsonIgnore]
        public string Owner => Key.Split('/') is ["projects", var project, _, ..] ? project : Key;
    }

    private sealed record SavedProject(
        string Scenario, IReadOnlyList<SavedNode>? Nodes, IReadOnlyList<byte[]>? Operations,
        Dictionary<string, int> Creates, Dictionary<string, int> Preemptions,
        Dictionary<string, int>? EmptyLists, IReadOnlyList<SavedQueued>? Queued,
        Dictionary<string, int>? Maintenances = null);

    private sealed record SavedQueued(
        byte[] Resource, string Zone, DateTimeOffset TryAt, DateTimeOffset? FailAt, DateTimeOffset? GoneAt,
        string? DeleteOperation, TimeSpan? MaxRun = null);

    private sealed record SavedNode(
        byte[] Node, string Zone, string MetadataKey, DateTimeOffset? CreatedAt, string? CreateOperation,
        byte[]? CreateError, DateTimeOffset? GoneAt, string? DeleteOperation, DateTimeOffset? PreemptAt,
        string? PreemptAttribute, double PreemptAtLeast, Dictionary<string, string> GuestAttributes, int WorkerPid,
        DateTimeOffset WorkerStartedAt, DateTimeOffset? OperationEndsAt, bool IsPreemptedWhileCreating, string? Disk,
        TimeSpan PreemptNotice = default, DateTimeOffset? NoticeAt = null, bool IsPreemptionTold = false,
        DateTimeOffset? MaintainAt = null, DateTimeOffset? SwitchAt = null, string? SwitchOperation = null,
        DateTimeOffset? MaintainNoticeAt = null, TimeSpan? MaxRun = null, DateTimeOffset? EndAt = null);
}
