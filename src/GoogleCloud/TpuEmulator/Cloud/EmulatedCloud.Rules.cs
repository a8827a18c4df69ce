using System.Text.RegularExpressions;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>Decides which calls are admitted. All members need the lock.</summary>
internal sealed partial class EmulatedCloud
{
    /// <summary>Most bytes of metadata in all, as in Compute Engine: 512 KB.</summary>
    private const int MostMetadata = 512 * 1024;

    /// <summary>Checks a create call, in the order in which the cloud does.</summary>
    private Accelerator Admit(
        ProjectRecord owner, string project, string zone, string name, Node asked, int count = 1,
        bool isFlexStart = false)
    {
        var rules = owner.Scenario.In(zone);
        var creates = owner.Creates.GetValueOrDefault(zone);
        var refusal = rules switch
        {
            { Refuse: "LOCATION_POLICY_VIOLATED" } => Refusals.LocationPolicy(project, zone),
            { Refuse: "LOCATION_NOT_FOUND" } => Refusals.LocationNotFound(zone),
            { Refuse: "ZONE_NOT_SUPPORTED" } => Refusals.ZoneNotSupported(zone),
            _ when creates < rules.UnavailableCreates => Refusals.Unavailable(),
            _ when creates < rules.UnavailableCreates + rules.RateLimitedCreates =>
                Refusals.RateLimited(owner.Scenario.ProjectNumber, rules.RateLimitRetrySeconds),
            _ when owner.Nodes.ContainsKey(name) => Refusals.Exists(name),
            _ when asked.RuntimeVersion.Length == 0 => Refusals.Bad("The field 'runtime_version' is required."),
            _ when !Accelerators.Runtimes.Contains(asked.RuntimeVersion) => Refusals.Bad(
                $"The runtime version '{asked.RuntimeVersion}' was not found in zone {zone}."),
            _ => null,
        };
        if (creates < rules.UnavailableCreates + rules.RateLimitedCreates)
        {
            owner.Creates[zone] = creates + 1;
            Write();
        }

        if (refusal is not null)
        {
            throw new CloudException(refusal);
        }

        var accelerator = Accelerators.Find(asked.AcceleratorType);
        if (accelerator is null || !Offers(rules, accelerator))
        {
            throw new CloudException(Refusals.AcceleratorNotInZone(asked.AcceleratorType, zone));
        }

        var drawsSpot = isFlexStart || asked.SchedulingConfig is { Spot: true } or { Preemptible: true };
        var quota = QuotaOf(rules, accelerator, drawsSpot);
        if (rules.Quota.TryGetValue(quota, out var limit)
            && QuotaInUse(owner, zone, quota) + QuotaQueued(owner, zone, quota)
                + (accelerator.QuotaUnits * count) > limit)
        {
            throw new CloudException(Refusals.Quota(owner.Scenario.ProjectNumber, quota, limit, zone));
        }

        RequireRegionQuota(owner, zone, accelerator, drawsSpot, count);
        return accelerator;
    }

    /// <summary>Refuses a create call in the words that fit a disabled API and a closed zone alike.</summary>
    private void RequireClear(string project, string zone)
    {
        if (ScenarioOf(project).In(zone).Refuse == ZoneScenario.Unclear)
        {
            throw new CloudException(Refusals.ApiOrZone(zone));
        }
    }

    /// <summary>Returns whether a new node is not found yet.</summary>
    private bool IsUnseen(NodeRecord record) =>
        Project(record.Project).Scenario.In(record.Zone).UnseenSeconds is > 0 and var seconds
        && _clock.GetUtcNow() < record.Node.CreateTime.ToDateTimeOffset().AddSeconds(seconds);

    private NodeRecord SeenRecord(string name) => Record(name) is var record && IsUnseen(record)
        ? throw new CloudException(Refusals.NotFound(name)) : record;

    private static void RequireRegionQuota(
        ProjectRecord owner, string zone, Accelerator accelerator, bool isSpot, int count)
    {
        var region = Scenario.RegionOf(zone);
        if (owner.Scenario.Regions.GetValueOrDefault(region) is not { } rules)
        {
            return;
        }

        var quota = Of(accelerator, isSpot);
        if (!rules.Quota.TryGetValue(quota, out var limit))
        {
            return;
        }

        var used = owner.Nodes.Values.Where(record => Scenario.RegionOf(record.Zone) == region)
            .Select(record => (
                Accelerator: Accelerators.Find(record.Node.AcceleratorType)!, record.DrawsSpotQuota, Count: 1))
            .Concat(owner.Queued.Values.Where(record => Scenario.RegionOf(record.Zone) == region)
                .Select(record => (
                    Accelerators.Find(record.Spec.Node.AcceleratorType)!, record.DrawsSpotQuota,
                    record.NodeNames.Count - NodesOf(owner, record).Count)))
            .Where(each => Of(each.Item1, each.Item2) == quota)
            .Sum(each => each.Item1.QuotaUnits * each.Item3);
        if (used + (accelerator.QuotaUnits * count) > limit)
        {
            throw new CloudException(Refusals.RegionQuota(owner.Scenario.ProjectNumber, quota, limit, region));
        }

        string Of(Accelerator of, bool spot)
        {
            var own = Accelerators.OfRegion(of.QuotaName(isSpot: spot));
            return rules.Quota.ContainsKey(own) ? own : Accelerators.OfRegion(of.QuotaName(isSpot: false));
        }
    }

    private static int ReservedIn(ProjectRecord owner, string zone) => NodesIn(owner, zone)
        .Where(each => each.Record.Node.SchedulingConfig?.Reserved == true && each.Record.CreateError is null)
        .Sum(each => each.Accelerator.Chips);

    private static bool Offers(ZoneScenario rules, Accelerator accelerator) =>
        rules.AcceleratorTypes?.Contains(accelerator.Name, StringComparer.OrdinalIgnoreCase) ?? true;

    /// <summary>Returns the quota against which a slice counts here: a spot limit, or the on-demand one.</summary>
    private static string QuotaOf(ZoneScenario rules, Accelerator accelerator, bool isSpot) =>
        accelerator.QuotaName(isSpot && rules.Quota.ContainsKey(accelerator.QuotaName(isSpot: true)));

    /// <summary>Returns the quota in use. Nodes in creation and preempted ones count too, until they are
    /// deleted.</summary>
    private static int QuotaInUse(ProjectRecord owner, string zone, string quota) => NodesIn(owner, zone)
        .Where(each => QuotaOf(owner.Scenario.In(zone), each.Accelerator, each.Record.DrawsSpotQuota) == quota)
        .Sum(each => each.Accelerator.QuotaUnits);

    private static int ChipsIn(ProjectRecord owner, string zone) =>
        NodesIn(owner, zone).Sum(each => each.Accelerator.Chips);

    private static IEnumerable<(NodeRecord Record, Accelerator Accelerator)> NodesIn(
        ProjectRecord owner, string zone) =>
        owner.Nodes.Values.Where(record => record.Zone == zone)
            .Select(record => (record, Accelerators.Find(record.Node.AcceleratorType)!));

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

            var now = _clock.GetUtcNow();
            var owner = Project(record.Project);
            if (to == Node.Types.State.Stopping)
            {
                Lose(record, now, to);
            }

            record.Node.State = to;
            record.SwitchAt = now.AddSeconds(owner.Scenario.SwitchSeconds);
            var operation = NewOperation(record, verb);
            record.SwitchOperation = operation.Name;
            Settle();
            Changed();
            return operation.Clone();
        }
    }

    /// <summary>Refuses requests that the cloud refuses before it checks zones and quotas.</summary>
    private static void RequireValid(string zone, string nodeId, Node asked)
    {
        if (!NodeId().IsMatch(nodeId))
        {
            throw new CloudException(Refusals.Bad(
                $"'{nodeId}' is not a node id: lower-case letters, digits and dashes, beginning with a letter and not "
                + "ending with a dash, at most 63."));
        }

        if (!Zone().IsMatch(zone))
        {
            throw new CloudException(Refusals.LocationPolicy("-", zone));
        }

        RequireMetadata(asked);
    }

    private static void RequireMetadata(Node asked)
    {
        if (asked.Metadata.Sum(pair => (long)pair.Key.Length + pair.Value.Length) > MostMetadata)
        {
            throw new CloudException(Refusals.Bad(
                $"The total size of the metadata is over the limit of {MostMetadata} characters."));
        }
    }

    /// <summary>Matches the names that Compute Engine allows (RFC 1035).</summary>
    [GeneratedRegex(@"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex NodeId();

    [GeneratedRegex(@"^[a-z]+(-[a-z0-9]+)+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Zone();
}
