using System.Globalization;
using System.Security.Cryptography;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf.WellKnownTypes;
using Workflows.GoogleCloud.TpuEmulator.Vms;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>
/// The emulated projects. <b>Invariant:</b> every change is on disk before a caller hears of it, so that the emulator's
/// own death loses no node: a cloud does not forget what it bills.
/// </summary>
internal sealed partial class EmulatedCloud : IDisposable
{
    private readonly Lock _lock = new();
    private readonly EmulatorOptions _options;
    private readonly CloudStore _store;
    private readonly VmHost _vms;
    private readonly TimeProvider _clock;
    private readonly Dictionary<string, ProjectRecord> _projects;
    private readonly SemaphoreSlim _changed = new(0, 1);

    public EmulatedCloud(EmulatorOptions options, TimeProvider clock)
    {
        _options = options;
        _clock = clock;
        _store = new CloudStore(options.StateDirectory);
        _vms = new VmHost(options);
        _projects = _store.Load();
        foreach (var record in Nodes().Where(record =>
            record.Node.State == Node.Types.State.Ready && !VmHost.IsRunning(record)))
        {
            // The machine went down with us: its VMs boot again, as after a host's power cut.
            _vms.Boot(record);
        }

        _store.Save(_projects);
    }

    /// <summary>Sets a project's scenario, unless it has one.</summary>
    /// <exception cref="ScenarioException">The scenario is wrong.</exception>
    public void Prepare(string project, string scenarioJson)
    {
        var scenario = Scenario.Parse(scenarioJson);
        lock (_lock)
        {
            if (_projects.TryAdd(project, new ProjectRecord { ScenarioJson = scenarioJson, Scenario = scenario }))
            {
                _store.Save(_projects);
            }
        }
    }

    public Operation Create(string project, string zone, string nodeId, Node asked)
    {
        lock (_lock)
        {
            Settle();
            var owner = Project(project);
            var name = $"projects/{project}/locations/{zone}/nodes/{nodeId}";
            var rules = owner.Scenario.Zones.GetValueOrDefault(zone) ?? new ZoneScenario();
            var accelerator = Admit(owner, project, zone, name, nodeId, asked, rules);

            var now = _clock.GetUtcNow();
            var node = asked.Clone();
            node.Name = name;
            node.State = Node.Types.State.Creating;
            node.CreateTime = Timestamp.FromDateTimeOffset(now);
            node.ApiVersion = Node.Types.ApiVersion.V2;
            node.Id = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8)) & long.MaxValue;
            node.AcceleratorType = accelerator.Name;
            node.AcceleratorConfig = new AcceleratorConfig { Type = accelerator.Type, Topology = accelerator.Topology };
            var operation = NewOperation(owner, project, zone, name, "create", now);
            var record = new NodeRecord
            {
                Node = node,
                Project = project,
                Zone = zone,
                MetadataKey = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
                CreatedAt = now.AddSeconds(rules.CreateSeconds ?? owner.Scenario.CreateSeconds),
                CreateOperation = operation.Name,
            };
            if (rules.Capacity is { } capacity && ChipsIn(owner, zone, null) + accelerator.Chips > capacity)
            {
                record.CreateError = Refusals.NoCapacity(zone);
            }

            owner.Nodes.Add(name, record);
            Changed();
            return operation;
        }
    }

    public Operation Delete(string name)
    {
        lock (_lock)
        {
            Settle();
            var record = Record(name);
            var owner = Project(record.Project);
            if (record.GoneAt is not null)
            {
                return owner.Operations[record.DeleteOperation!];
            }

            var now = _clock.GetUtcNow();
            var zone = owner.Scenario.Zones.GetValueOrDefault(record.Zone);
            VmHost.Kill(record);
            record.Node.State = Node.Types.State.Deleting;
            record.CreatedAt = null;
            record.PreemptAt = null;
            record.GoneAt = now.AddSeconds(zone?.DeleteSeconds ?? owner.Scenario.DeleteSeconds);
            var operation = NewOperation(owner, record.Project, record.Zone, name, "delete", now);
            record.DeleteOperation = operation.Name;
            Changed();
            return operation;
        }
    }

    public Operation Stop(string name) => Switch(name, Node.Types.State.Ready, Node.Types.State.Stopped, "stop");

    public Operation Start(string name) => Switch(name, Node.Types.State.Stopped, Node.Types.State.Ready, "start");

    public Operation Update(Node asked, FieldMask mask)
    {
        lock (_lock)
        {
            Settle();
            var record = Record(asked.Name);
            foreach (var path in mask.Paths.Select(path => path.Replace("_", "", StringComparison.Ordinal)
                .ToLowerInvariant()))
            {
                switch (path)
                {
                    case "description":
                        record.Node.Description = asked.Description;
                        break;
                    case "tags":
                        record.Node.Tags.Clear();
                        record.Node.Tags.Add(asked.Tags);
                        break;
                    case "labels":
                        record.Node.Labels.Clear();
                        record.Node.Labels.Add(asked.Labels);
                        break;
                    case "metadata":
                        record.Node.Metadata.Clear();
                        record.Node.Metadata.Add(asked.Metadata);
                        break;
                    case "networkconfig.enableexternalips":
                        record.Node.NetworkConfig ??= new NetworkConfig();
                        record.Node.NetworkConfig.EnableExternalIps = asked.NetworkConfig?.EnableExternalIps ?? false;
                        break;
                    default:
                        throw new CloudException(Refusals.Bad($"The field '{path}' cannot be updated."));
                }
            }

            var operation = Done(NewOperation(
                Project(record.Project), record.Project, record.Zone, asked.Name, "update", _clock.GetUtcNow()),
                record.Node);
            Changed();
            return operation;
        }
    }

    public Node Get(string name)
    {
        lock (_lock)
        {
            Settle();
            return Record(name).Node.Clone();
        }
    }

    /// <summary>The nodes of a zone, or of all with <c>-</c>.</summary>
    public IReadOnlyList<Node> List(string project, string zone)
    {
        lock (_lock)
        {
            Settle();
            return [.. Project(project).Nodes.Values
                .Where(record => zone == "-" || record.Zone == zone)
                .Select(record => record.Node.Clone())
                .OrderBy(node => node.Name, StringComparer.Ordinal)];
        }
    }

    public Operation GetOperation(string name)
    {
        lock (_lock)
        {
            Settle();
            var project = name.Split('/') is ["projects", var id, ..] ? Project(id) : null;
            return project?.Operations.GetValueOrDefault(name)?.Clone()
                ?? throw new CloudException(Refusals.NotFound(name));
        }
    }

    public IReadOnlyList<Operation> ListOperations(string parent)
    {
        lock (_lock)
        {
            Settle();
            var project = parent.Split('/') is ["projects", var id, ..] ? Project(id) : null;
            return [.. (project?.Operations.Values ?? Enumerable.Empty<Operation>())
                .Where(operation => operation.Name.StartsWith(parent + "/", StringComparison.Ordinal))
                .Select(operation => operation.Clone())];
        }
    }

    /// <summary>Accelerator types that a zone offers.</summary>
    public IReadOnlyList<Accelerator> Offered(string project, string zone)
    {
        lock (_lock)
        {
            var rules = Project(project).Scenario.Zones.GetValueOrDefault(zone);
            return [.. Accelerators.All.Where(each => rules?.AcceleratorTypes?.Contains(each.Name) ?? true)];
        }
    }

    /// <summary>The node whose VM knows this key.</summary>
    public Node? ByMetadataKey(string key)
    {
        lock (_lock)
        {
            return Nodes().FirstOrDefault(record => record.MetadataKey == key)?.Node.Clone();
        }
    }

    /// <summary>The guest's own attributes, readable from outside; a scenario may listen to them.</summary>
    public void SetGuestAttribute(string key, string name, string value)
    {
        lock (_lock)
        {
            if (Nodes().FirstOrDefault(each => each.MetadataKey == key) is not { } record)
            {
                return;
            }

            record.GuestAttributes[name] = value;
            if (record.PreemptAttribute == name
                && double.TryParse(value, CultureInfo.InvariantCulture, out var number)
                && number >= record.PreemptAtLeast && record.Node.State == Node.Types.State.Ready)
            {
                Preempt(record);
                Changed();
            }
        }
    }

    public IReadOnlyDictionary<string, string> GuestAttributes(string name)
    {
        lock (_lock)
        {
            return new Dictionary<string, string>(Record(name).GuestAttributes, StringComparer.Ordinal);
        }
    }

    /// <summary>Lets time pass until stopped: wakes when the next thing is due, or when something changed.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            TimeSpan wait;
            lock (_lock)
            {
                Settle();
                var due = Nodes().Select(record => record.NextDue).Where(at => at is not null).Min();
                wait = due is null ? Timeout.InfiniteTimeSpan : due.Value - _clock.GetUtcNow();
            }

            if (wait == Timeout.InfiniteTimeSpan || wait > TimeSpan.Zero)
            {
                await _changed.WaitAsync(wait, cancellation);
            }
        }
    }

    /// <inheritdoc />
    public void Dispose() => _changed.Dispose();

    private IEnumerable<NodeRecord> Nodes() => _projects.Values.SelectMany(project => project.Nodes.Values);

    /// <summary>Writes down what changed and wakes the clock. Needs the lock.</summary>
    private void Changed()
    {
        _store.Save(_projects);
        if (_changed.CurrentCount == 0)
        {
            _changed.Release();
        }
    }

    private ProjectRecord Project(string project)
    {
        if (!_projects.TryGetValue(project, out var record))
        {
            record = new ProjectRecord
            {
                ScenarioJson = _options.DefaultScenario, Scenario = Scenario.Parse(_options.DefaultScenario),
            };
            _projects.Add(project, record);
        }

        return record.Scenario.ApiDisabled
            ? throw new CloudException(Refusals.ApiDisabled(record.Scenario.ProjectNumber))
            : record;
    }

    private NodeRecord Record(string name)
    {
        var project = name.Split('/') is ["projects", var id, "locations", _, "nodes", _] ? Project(id) : null;
        return project?.Nodes.GetValueOrDefault(name) ?? throw new CloudException(Refusals.NotFound(name));
    }
}
