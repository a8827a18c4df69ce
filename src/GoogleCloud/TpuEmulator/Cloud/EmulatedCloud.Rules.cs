using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Workflows.GoogleCloud.TpuEmulator.Vms;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>Who is let in, and what happens by itself. All members need the lock.</summary>
internal sealed partial class EmulatedCloud
{
    /// <summary>The checks of a create call, in the order in which the cloud makes them.</summary>
    private static Accelerator Admit(
        ProjectRecord owner, string project, string zone, string name, string nodeId, Node asked, ZoneScenario rules)
    {
        var creates = owner.Creates.GetValueOrDefault(zone);
        owner.Creates[zone] = creates + 1;
        var refusal = rules switch
        {
            { Refuse: "LOCATION_POLICY_VIOLATED" } => Refusals.LocationPolicy(project, zone),
            { Refuse: "ZONE_NOT_SUPPORTED" } => Refusals.ZoneNotSupported(zone),
            _ when creates < rules.UnavailableCreates => Refusals.Unavailable(),
            _ when !NodeId().IsMatch(nodeId) => Refusals.Bad($"'{nodeId}' is not a node id."),
            _ when asked.RuntimeVersion.Length == 0 => Refusals.Bad("The field 'runtime_version' is required."),
            _ when owner.Nodes.ContainsKey(name) => Refusals.Exists(name),
            _ => null,
        };
        if (refusal is not null)
        {
            throw new CloudException(refusal);
        }

        var accelerator = Accelerators.Find(asked.AcceleratorType);
        if (accelerator is null || rules.AcceleratorTypes?.Contains(accelerator.Name) == false)
        {
            throw new CloudException(Refusals.AcceleratorNotInZone(asked.AcceleratorType, zone));
        }

        var isSpot = asked.SchedulingConfig is { Spot: true } or { Preemptible: true };
        var quota = rules.Quota.ContainsKey(accelerator.QuotaName(isSpot))
            ? accelerator.QuotaName(isSpot)
            : accelerator.QuotaName(false);
        if (rules.Quota.TryGetValue(quota, out var limit)
            && ChipsIn(owner, zone, quota) + accelerator.Chips > limit)
        {
            throw new CloudException(Refusals.Quota(owner.Scenario.ProjectNumber, quota, limit, zone));
        }

        return accelerator;
    }

    /// <summary>Chips in use or being created, preempted nodes included: they hold quota until they are deleted.</summary>
    private static int ChipsIn(ProjectRecord owner, string zone, string? quota) => owner.Nodes.Values
        .Where(record => record.Zone == zone)
        .Select(record => Accelerators.Find(record.Node.AcceleratorType)!)
        .Where(each => quota is null || each.QuotaName(false) == quota || each.QuotaName(true) == quota)
        .Sum(each => each.Chips);

    /// <summary>Lets everything happen that is due by now.</summary>
    private void Settle()
    {
        var now = _clock.GetUtcNow();
        var hasChanged = false;
        foreach (var project in _projects.Values)
        {
            foreach (var record in project.Nodes.Values.Where(record => record.NextDue <= now).ToList())
            {
                hasChanged = true;
                if (record.GoneAt <= now)
                {
                    project.Nodes.Remove(record.Node.Name);
                    Done(project.Operations[record.DeleteOperation!], new Empty());
                }
                else if (record.CreatedAt <= now)
                {
                    EndCreation(project, record, now);
                }
                else if (record.PreemptAt <= now)
                {
                    Preempt(record);
                }
            }
        }

        if (hasChanged)
        {
            _store.Save(_projects);
        }
    }

    private void EndCreation(ProjectRecord project, NodeRecord record, DateTimeOffset now)
    {
        record.CreatedAt = null;
        var operation = project.Operations[record.CreateOperation!];
        if (record.CreateError is { } error)
        {
            operation.Done = true;
            operation.Error = error;
            project.Nodes.Remove(record.Node.Name);
            return;
        }

        record.Node.State = Node.Types.State.Ready;
        // protoc takes the prefix HEALTH off HEALTHY.
        record.Node.Health = Node.Types.Health.Y;
        var hosts = Accelerators.Find(record.Node.AcceleratorType)!.Hosts;
        for (var host = 0; host < hosts; host++)
        {
            record.Node.NetworkEndpoints.Add(new NetworkEndpoint { IpAddress = $"10.0.0.{host + 2}", Port = 8470 });
        }

        PlanPreemption(project, record, now);
        _vms.Boot(record);
        Done(operation, record.Node);
    }

    private static void PlanPreemption(ProjectRecord project, NodeRecord record, DateTimeOffset now)
    {
        var taken = project.Preemptions.GetValueOrDefault(record.Zone);
        var plan = project.Scenario.Zones.GetValueOrDefault(record.Zone)?.Preempt;
        if (!record.IsSpot || plan is null || taken >= plan.Nodes)
        {
            return;
        }

        project.Preemptions[record.Zone] = taken + 1;
        record.PreemptAt = plan.AfterSeconds is { } seconds ? now.AddSeconds(seconds) : null;
        record.PreemptAttribute = plan.GuestAttribute;
        record.PreemptAtLeast = plan.AtLeast;
    }

    /// <summary>The VM is gone at once; the node stays, with its name taken, until somebody deletes it.</summary>
    private static void Preempt(NodeRecord record)
    {
        VmHost.Kill(record);
        record.PreemptAt = null;
        record.PreemptAttribute = null;
        record.Node.State = Node.Types.State.Preempted;
        record.Node.Health = Node.Types.Health.Unspecified;
    }

    private Operation Switch(string name, Node.Types.State from, Node.Types.State to, string verb)
    {
        lock (_lock)
        {
            Settle();
            var record = Record(name);
            if (record.Node.State != from || record.IsSpot)
            {
                throw new CloudException(Refusals.Precondition(
                    $"'{name}' is {record.Node.State}{(record.IsSpot ? " and preemptible" : "")}: it cannot {verb}."));
            }

            record.Node.State = to;
            if (to == Node.Types.State.Ready)
            {
                _vms.Boot(record);
            }
            else
            {
                VmHost.Kill(record);
            }

            var operation = Done(NewOperation(
                Project(record.Project), record.Project, record.Zone, name, verb, _clock.GetUtcNow()), record.Node);
            Changed();
            return operation;
        }
    }

    private static Operation NewOperation(
        ProjectRecord owner, string project, string zone, string target, string verb, DateTimeOffset now)
    {
        var random = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(15));
        var id = string.Create(CultureInfo.InvariantCulture,
            $"operation-{now.ToUnixTimeMilliseconds()}-{random[..13]}-{random[13..21]}-{random[21..29]}");
        var operation = new Operation
        {
            Name = $"projects/{project}/locations/{zone}/operations/{id}",
            Metadata = Any.Pack(new OperationMetadata
            {
                CreateTime = Timestamp.FromDateTimeOffset(now), Target = target, Verb = verb, ApiVersion = "v2",
            }),
        };
        owner.Operations.Add(operation.Name, operation);
        return operation;
    }

    private Operation Done(Operation operation, IMessage response)
    {
        var metadata = operation.Metadata.Unpack<OperationMetadata>();
        metadata.EndTime = Timestamp.FromDateTimeOffset(_clock.GetUtcNow());
        operation.Metadata = Any.Pack(metadata);
        operation.Done = true;
        operation.Response = Any.Pack(response);
        return operation;
    }

    [GeneratedRegex("^[A-Za-z0-9_.~+%-]+$", RegexOptions.CultureInvariant)]
    private static partial Regex NodeId();
}
