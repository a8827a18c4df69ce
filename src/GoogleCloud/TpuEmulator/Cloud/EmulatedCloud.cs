using System.Security.Cryptography;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf.WellKnownTypes;
using Workflows.GoogleCloud.TpuEmulator.Vms;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>
/// The emulated projects. <b>Invariant:</b> every change is on disk before its caller gets an answer, so that no node
/// is lost when the emulator dies, as in a real cloud.
/// </summary>
internal sealed partial class EmulatedCloud : IDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);
    private readonly Lock _lock = new();
    private readonly EmulatorOptions _options;
    private readonly CloudStore _store;
    private readonly VmHost _vms;
    private readonly TimeProvider _clock;
    private readonly Dictionary<string, ProjectRecord> _projects;
    private readonly SemaphoreSlim _changed = new(0, 1);
    private readonly ISpotMarket? _market;
    private readonly CloudBill _bill = new();
    private bool _isUnwritten;

    /// <summary>Opens the cloud.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="clock">Gives the time.</param>
    /// <param name="logger">Receives the reason why VMs' commands run as root although another user is asked
    /// for.</param>
    /// <param name="market">Decides over spot capacity, besides the scenario; null for no limits.</param>
    public EmulatedCloud(
        EmulatorOptions options, TimeProvider clock, ILogger<EmulatedCloud> logger, ISpotMarket? market = null)
    {
        _options = options;
        _clock = clock;
        _market = market;
        _store = new CloudStore(options.StateDirectory);
        _vms = new VmHost(options, logger);
        _projects = _store.Load();
        foreach (var record in Nodes().Where(record =>
            record.Node.State == Node.Types.State.Ready && !VmHost.IsRunning(record)))
        {
            // The machine stopped with this process, so its VMs boot again, as after a host's power failure.
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
                Write();
            }
        }
    }

    /// <summary>Returns a project's scenario; null if there is no such project.</summary>
    public string? ScenarioJsonOf(string project)
    {
        lock (_lock)
        {
            return _projects.GetValueOrDefault(project)?.ScenarioJson;
        }
    }

    /// <summary>Lists the times for which nodes have cost money since this object was made.</summary>
    public IReadOnlyList<BilledTime> Billed()
    {
        lock (_lock)
        {
            Settle();
            return _bill.Until(_clock.GetUtcNow());
        }
    }

    /// <summary>Lists the projects that have resources.</summary>
    public IReadOnlyList<string> Occupied()
    {
        lock (_lock)
        {
            Settle();
            return [.. _projects.Where(pair => pair.Value.Nodes.Count + pair.Value.Queued.Count > 0)
                .Select(pair => pair.Key).Order(StringComparer.Ordinal)];
        }
    }

    public Operation Create(string project, string zone, string nodeId, Node asked)
    {
        lock (_lock)
        {
            Settle();
            RequireClear(project, zone);
            var owner = Project(project);
            RequireValid(zone, nodeId, asked);
            var name = $"projects/{project}/locations/{zone}/nodes/{nodeId}";
            var accelerator = Admit(owner, project, zone, name, asked);
            var record = AddNode(owner, project, zone, name, asked, accelerator);
            var operation = NewOperation(record, "create");
            record.CreateOperation = operation.Name;
            Changed();
            return operation.Clone();
        }
    }

    public Operation Delete(string name)
    {
        lock (_lock)
        {
            Settle();
            var record = SeenRecord(name);
            var owner = Project(record.Project);
            if (record.GoneAt is null)
            {
                BeginDelete(owner, record);
                Changed();
            }

            return GetOperation(record.DeleteOperation!);
        }
    }

    public Operation Stop(string name) => Switch(name, Node.Types.State.Ready, Node.Types.State.Stopping, "stop");

    public Operation Start(string name) => Switch(name, Node.Types.State.Stopped, Node.Types.State.Starting, "start");

    public Operation Update(Node asked, FieldMask mask)
    {
        lock (_lock)
        {
            Settle();
            var record = Record(asked.Name);
            RequireMetadata(asked);
            if (record.Node.State is not (Node.Types.State.Ready or Node.Types.State.Stopped))
            {
                throw new CloudException(Refusals.NoUpdateIn(record.Node.State.ToString().ToUpperInvariant()));
            }

            NodeUpdate.Apply(record.Node, asked, mask);
            var operation = NewOperation(record, "update");
            Succeed(Project(record.Project), operation.Name, record.Node);
            Changed();
            return operation.Clone();
        }
    }

    public Node Get(string name)
    {
        lock (_lock)
        {
            Settle();
            return SeenRecord(name).Node.Clone();
        }
    }

    /// <summary>Refuses a call whose permission the scenario denies.</summary>
    /// <param name="permission">What the call needs.</param>
    /// <param name="resource">The name of a resource, or of the parent of a new one.</param>
    public void Require(string permission, string resource)
    {
        if (resource.Split('/') is ["projects", var project, ..]
            && ScenarioOf(project).DeniedPermissions.Contains(permission))
        {
            throw new CloudException(Refusals.Denied(permission, resource));
        }
    }

    /// <summary>Returns the scenario of a project, even if its TPU API is off, since buckets are another API.</summary>
    public Scenario ScenarioOf(string project)
    {
        lock (_lock)
        {
            return _projects.TryGetValue(project, out var record)
                ? record.Scenario : Scenario.Parse(_options.DefaultScenario);
        }
    }

    /// <summary>Lists the nodes of a zone, or of all with <c>-</c>.</summary>
    public IReadOnlyList<Node> List(string project, string zone)
    {
        lock (_lock)
        {
            Settle();
            return [.. Project(project).Nodes.Values
                .Where(record => (zone == "-" || record.Zone == zone) && !IsUnseen(record))
                .Select(record => record.Node.Clone())
                .OrderBy(node => node.Name, StringComparer.Ordinal)];
        }
    }

    /// <summary>Lists the accelerator types that a zone offers.</summary>
    public IReadOnlyList<Accelerator> Offered(string project, string zone)
    {
        lock (_lock)
        {
            var rules = Project(project).Scenario.In(zone);
            return [.. Accelerators.All.Where(each => Offers(rules, each))];
        }
    }

    /// <summary>Lists them as a list call does: the real one is sometimes empty for a zone that has TPUs.</summary>
    public IReadOnlyList<Accelerator> ListOffered(string project, string zone)
    {
        lock (_lock)
        {
            var owner = Project(project);
            var given = owner.EmptyLists.GetValueOrDefault(zone);
            if (given >= owner.Scenario.In(zone).EmptyAcceleratorTypeLists)
            {
                return Offered(project, zone);
            }

            owner.EmptyLists[zone] = given + 1;
            Write();
            return [];
        }
    }

    /// <summary>Lists the zones of this project's scenario.</summary>
    public IReadOnlyList<string> Zones(string project)
    {
        lock (_lock)
        {
            return [.. Project(project).Scenario.Zones.Keys];
        }
    }

    /// <summary>Plays the events that are due.</summary>
    /// <returns>The time until the next event, unless something changes.</returns>
    public TimeSpan Pass()
    {
        lock (_lock)
        {
            Settle();
            var now = _clock.GetUtcNow();
            var due = Nodes().Select(record => record.NextDue)
                .Concat(_projects.Values.SelectMany(project => project.Queued.Values)
                    .Select(record => record.NextDue(now)))
                .Min();
            return due is null || due.Value - now > LongestWait ? LongestWait : due.Value - now;
        }
    }

    /// <summary>Waits until the next event is due, or something has changed.</summary>
    public Task WaitAsync(TimeSpan wait, CancellationToken cancellation) =>
        wait > TimeSpan.Zero ? _changed.WaitAsync(wait, cancellation) : Task.CompletedTask;

    /// <inheritdoc />
    public void Dispose() => _changed.Dispose();

    private NodeRecord AddNode(
        ProjectRecord owner, string project, string zone, string name, Node asked, Accelerator accelerator)
    {
        var now = _clock.GetUtcNow();
        var rules = owner.Scenario.In(zone);
        var record = new NodeRecord
        {
            Node = NodeUpdate.NewNode(name, asked, accelerator, now),
            Project = project,
            Zone = zone,
            MetadataKey = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
            CreatedAt = now.AddSeconds(rules.CreateSeconds ?? owner.Scenario.CreateSeconds),
        };
        if (asked.SchedulingConfig?.Reserved == true)
        {
            record.CreateError = rules.Reserved is not { } reserved ? Refusals.NoReservation()
                : ReservedIn(owner, zone) + accelerator.Chips > reserved ? Refusals.NoReservedRoom()
                : null;
        }
        else if ((rules.Capacity is { } capacity && ChipsIn(owner, zone) + accelerator.Chips > capacity)
            || (record.IsSpot && _market?.HasSpot(zone, now) == false))
        {
            record.CreateError = Refusals.NoCapacity(zone);
        }
        else
        {
            record.IsPreemptedWhileCreating = Takes(owner, record, whileCreating: true);
        }

        owner.Nodes.Add(name, record);
        return record;
    }

    private void BeginDelete(ProjectRecord owner, NodeRecord record, DateTimeOffset? at = null)
    {
        _vms.Kill(record);
        record.Node.State = Node.Types.State.Deleting;
        record.CreatedAt = null;
        record.OperationEndsAt = null;
        record.Forget();
        Fail(owner, record.CreateOperation, Refusals.Cancelled());
        Fail(owner, record.SwitchOperation, Refusals.Cancelled());
        record.GoneAt = (at ?? _clock.GetUtcNow())
            .AddSeconds(owner.Scenario.In(record.Zone).DeleteSeconds ?? owner.Scenario.DeleteSeconds);
        record.DeleteOperation = NewOperation(record, "delete").Name;
    }

    private IEnumerable<NodeRecord> Nodes() => _projects.Values.SelectMany(project => project.Nodes.Values);

    /// <summary>
    /// Writes the state; if the disk refuses, the next check tries again, even though nothing is due then. Needs the
    /// lock.
    /// </summary>
    private void Write()
    {
        _isUnwritten = true;
        _store.Save(_projects);
        _isUnwritten = false;
    }

    /// <summary>Writes the changed state and wakes the clock. Needs the lock.</summary>
    private void Changed()
    {
        Write();
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
                ScenarioJson = _options.DefaultScenario,
                Scenario = Scenario.Parse(_options.DefaultScenario),
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
