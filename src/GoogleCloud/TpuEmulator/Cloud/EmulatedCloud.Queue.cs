using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf.WellKnownTypes;
using Initiator = Google.Cloud.Tpu.V2.QueuedResourceState.Types.StateInitiator;
using State = Google.Cloud.Tpu.V2.QueuedResourceState.Types.State;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>The queued resources: requests that wait for capacity. Private members need the lock.</summary>
internal sealed partial class EmulatedCloud
{
    // Many times the slices of the largest pod; every slice is a node.
    private const int MostSlices = 256;

    /// <summary>Queues a request. Its operation is done at once, which means that the request is stored, not that it is
    /// fulfilled. With a maximum run it is one of flex-start.</summary>
    public Operation CreateQueued(
        string project, string zone, string id, QueuedResource asked, TimeSpan? maxRun = null)
    {
        lock (_lock)
        {
            Settle();
            RequireClear(project, zone);
            var owner = Project(project);
            var name = $"projects/{project}/locations/{zone}/queuedResources/{id}";
            var record = Queue(owner, project, zone, name, id, asked, maxRun);
            var operation = NewOperation(project, zone, name, "create");
            if (asked.ReservationName.Length > 0 && owner.Scenario.In(zone).Reserved is null)
            {
                Fail(owner, operation.Name, Refusals.NoReservation());
            }
            else if (maxRun is not null && owner.Scenario.In(zone).FlexStartTypes?.Contains(
                record.Spec.Node.AcceleratorType, StringComparer.OrdinalIgnoreCase) == false)
            {
                Fail(owner, operation.Name, Refusals.NoFlexStart(record.Spec.Node.AcceleratorType, zone));
            }
            else
            {
                owner.Queued.Add(name, record);
                Succeed(owner, operation.Name, record.Resource);
            }

            Changed();
            return operation.Clone();
        }
    }

    public QueuedResource GetQueued(string name)
    {
        lock (_lock)
        {
            Settle();
            return Queued(name).Resource.Clone();
        }
    }

    public IReadOnlyList<QueuedResource> ListQueued(string project, string zone)
    {
        lock (_lock)
        {
            Settle();
            return [.. Project(project).Queued.Values
                .Where(record => zone == "-" || record.Zone == zone)
                .Select(record => record.Resource.Clone())
                .OrderBy(resource => resource.Name, StringComparer.Ordinal)];
        }
    }

    public Operation DeleteQueued(string name, bool force)
    {
        lock (_lock)
        {
            Settle();
            var record = Queued(name);
            var owner = Project(record.Project);
            if (record.GoneAt is null)
            {
                var nodes = NodesOf(owner, record);
                if (!force && nodes.Count > 0 && record.Resource.State.State is not (State.Suspended or State.Failed))
                {
                    throw new CloudException(Refusals.Precondition(
                        $"'{name}' is {record.Resource.State.State} and has nodes: delete them first, or use force."));
                }

                nodes.Where(node => node.GoneAt is null).ToList().ForEach(node => BeginDelete(owner, node));
                record.Enter(State.Deleting, Initiator.User);
                record.GoneAt = _clock.GetUtcNow()
                    .AddSeconds(owner.Scenario.In(record.Zone).DeleteSeconds ?? owner.Scenario.DeleteSeconds);
                record.DeleteOperation = NewOperation(record.Project, record.Zone, name, "delete").Name;
                Changed();
            }

            return GetOperation(record.DeleteOperation!);
        }
    }

    /// <summary>Deletes the nodes and waits for new ones.</summary>
    public Operation ResetQueued(string name)
    {
        lock (_lock)
        {
            Settle();
            var record = Queued(name);
            var owner = Project(record.Project);
            if (record.Resource.State.State is not (State.Active or State.Suspended))
            {
                throw new CloudException(Refusals.Precondition(
                    $"'{name}' is {record.Resource.State.State}: only an active or suspended one is reset."));
            }

            NodesOf(owner, record).Where(node => node.GoneAt is null).ToList()
                .ForEach(node => BeginDelete(owner, node));
            record.Enter(State.WaitingForResources, Initiator.User);
            record.TryAt = _clock.GetUtcNow().AddSeconds(WaitIn(owner, record.Zone));
            var operation = NewOperation(record.Project, record.Zone, name, "reset");
            Succeed(owner, operation.Name, record.Resource);
            Changed();
            return operation.Clone();
        }
    }

    private QueuedRecord Queue(
        ProjectRecord owner, string project, string zone, string name, string id, QueuedResource asked,
        TimeSpan? maxRun)
    {
        if (!NodeId().IsMatch(id))
        {
            throw new CloudException(Refusals.Bad($"'{id}' is not a queued resource id."));
        }

        if (owner.Queued.ContainsKey(name))
        {
            throw new CloudException(Refusals.Exists(name));
        }

        if (asked.Tpu?.NodeSpec is not [{ Node: not null } spec]
            || spec is { MultisliceParams: null, NodeId: "" } or { MultisliceParams.NodeCount: < 2 })
        {
            throw new CloudException(Refusals.Bad("The field 'tpu.node_spec' needs one entry: a node, and either a "
                + "node_id or multislice_params with a node_count above 1."));
        }

        if (spec.MultisliceParams is { NodeCount: > MostSlices } several)
        {
            throw new CloudException(Refusals.Bad(
                $"The field 'node_count' is {several.NodeCount}; the most is {MostSlices}."));
        }

        var now = _clock.GetUtcNow();
        var (from, until) = WindowOf(asked.QueueingPolicy, now);
        var soonest = now.AddSeconds(WaitIn(owner, zone));
        var record = new QueuedRecord
        {
            Resource = asked.Clone(),
            Project = project,
            Zone = zone,
            TryAt = from > soonest ? from.Value : soonest,
            FailAt = until,
            MaxRun = maxRun,
        };
        record.Resource.Name = name;
        record.Resource.CreateTime = Timestamp.FromDateTimeOffset(now);
        record.Spec.Node.SchedulingConfig ??= new SchedulingConfig();
        record.Spec.Node.SchedulingConfig.Spot = asked.Spot is not null;
        record.Spec.Node.SchedulingConfig.Reserved = asked.ReservationName.Length > 0;
        record.Enter(State.WaitingForResources, Initiator.User);
        var names = record.NodeNames;
        foreach (var node in names)
        {
            RequireValid(zone, node[(name.LastIndexOf("/queuedResources/", StringComparison.Ordinal)
                + "/nodes/".Length)..], record.Spec.Node);
            Admit(owner, project, zone, node, record.Spec.Node, names.Count, maxRun is not null);
        }

        return record;
    }

    private static (DateTimeOffset? From, DateTimeOffset? Until) WindowOf(
        QueuedResource.Types.QueueingPolicy? policy, DateTimeOffset now)
    {
        try
        {
            return Window(policy, now);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentOutOfRangeException
            or OverflowException)
        {
            throw new CloudException(Refusals.Bad(
                $"The field 'queueing_policy' has a time or a duration that there is not: {exception.Message}"));
        }
    }

    private static (DateTimeOffset? From, DateTimeOffset? Until) Window(
        QueuedResource.Types.QueueingPolicy? policy, DateTimeOffset now) => policy switch
        {
            { ValidUntilDuration: { } duration } => (null, now + duration.ToTimeSpan()),
            { ValidUntilTime: { } time } => (null, time.ToDateTimeOffset()),
            { ValidAfterDuration: { } duration } => (now + duration.ToTimeSpan(), null),
            { ValidAfterTime: { } time } => (time.ToDateTimeOffset(), null),
            { ValidInterval: { } interval } =>
                (interval.StartTime?.ToDateTimeOffset(), interval.EndTime?.ToDateTimeOffset()),
            _ => (null, null),
        };

    /// <summary>Takes one step, if one is due.</summary>
    private bool Step(ProjectRecord owner, QueuedRecord record, DateTimeOffset now)
    {
        var before = record.Resource.State.State;
        var nodes = NodesOf(owner, record);
        if (record.GoneAt is { } gone)
        {
            if (gone > now || nodes.Count > 0)
            {
                return false;
            }

            owner.Queued.Remove(record.Resource.Name);
            Succeed(owner, record.DeleteOperation, new Empty());
            return true;
        }

        if (before == State.WaitingForResources)
        {
            Allocate(owner, record, nodes.Count == 0, now);
        }
        else if (before is State.Provisioning or State.Active)
        {
            Follow(record, nodes);
        }
        else if (before == State.Suspending && nodes.Count == 0)
        {
            record.Enter(State.Suspended, record.Resource.State.StateInitiator);
        }

        return record.Resource.State.State != before;
    }

    private void Allocate(ProjectRecord owner, QueuedRecord record, bool isFree, DateTimeOffset now)
    {
        var accelerator = Accelerators.Find(record.Spec.Node.AcceleratorType)!;
        var names = record.NodeNames;
        var rules = owner.Scenario.In(record.Zone);
        var hasRoom = record.Spec.Node.SchedulingConfig.Reserved
            ? ReservedIn(owner, record.Zone) + (accelerator.Chips * names.Count) <= rules.Reserved
            : rules.Capacity is not { } capacity
                || ChipsIn(owner, record.Zone) + (accelerator.Chips * names.Count) <= capacity;
        if (isFree && hasRoom && record.TryAt <= now && !(record.FailAt <= record.TryAt))
        {
            foreach (var name in names)
            {
                var node = AddNode(owner, record.Project, record.Zone, name, record.Spec.Node, accelerator);
                node.Node.QueuedResource = record.Resource.Name;
                node.Node.MultisliceNode = names.Count > 1;
                node.MaxRun = record.MaxRun;
            }

            record.Enter(State.Provisioning);
        }
        else if (record.FailAt <= now)
        {
            record.Enter(State.Failed, Initiator.Service, Refusals.NotInTime(record.Resource.Name));
        }
    }

    private static void Follow(QueuedRecord record, List<NodeRecord> nodes)
    {
        if (nodes.Any(node => node.Node.State == Node.Types.State.Preempted))
        {
            record.Enter(State.Suspended);
        }
        else if (nodes.Count < record.NodeNames.Count || nodes.Any(node => node.GoneAt is not null))
        {
            record.Enter(State.Suspending, Initiator.User);
        }
        else if (record.Resource.State.State == State.Provisioning
            && nodes.All(node => node.Node.State == Node.Types.State.Ready))
        {
            record.Enter(State.Active);
        }
    }

    private static double WaitIn(ProjectRecord owner, string zone) =>
        owner.Scenario.In(zone).QueueSeconds ?? owner.Scenario.QueueSeconds;

    private static List<NodeRecord> NodesOf(ProjectRecord owner, QueuedRecord record) =>
        [.. owner.Nodes.Values.Where(node => node.Node.QueuedResource == record.Resource.Name)];

    /// <summary>Returns the quota held by requests without nodes; waiting, failed and suspended ones count
    /// too.</summary>
    private static int QuotaQueued(ProjectRecord owner, string zone, string quota) => owner.Queued.Values
        .Where(record => record.Zone == zone)
        .Select(record => (Record: record, Accelerator: Accelerators.Find(record.Spec.Node.AcceleratorType)!))
        .Where(each =>
            QuotaOf(owner.Scenario.In(zone), each.Accelerator, each.Record.DrawsSpotQuota) == quota)
        .Sum(each => each.Accelerator.QuotaUnits
            * (each.Record.NodeNames.Count - NodesOf(owner, each.Record).Count));

    private QueuedRecord Queued(string name)
    {
        var project = name.Split('/') is ["projects", var id, "locations", _, "queuedResources", _]
            ? Project(id)
            : null;
        return project?.Queued.GetValueOrDefault(name) ?? throw new CloudException(Refusals.NotFound(name));
    }
}
