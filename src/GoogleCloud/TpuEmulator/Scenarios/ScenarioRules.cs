using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>Checks the rules of a scenario that its types do not express.</summary>
internal static class ScenarioRules
{
    private const double LongestSeconds = 7 * 24 * 3600;

    private static readonly string[] StorageCalls = ["any", "upload", "download", "list", "stat", "delete"];
    private static readonly int[] StorageStatuses = [401, 403, 404, 412, 429, 500, 502, 503];

    private static readonly string[] Refusals =
        ["LOCATION_POLICY_VIOLATED", "LOCATION_NOT_FOUND", "ZONE_NOT_SUPPORTED", ZoneScenario.Unclear];

    /// <exception cref="ScenarioException">Names the first field that is wrong.</exception>
    public static void Check(Scenario scenario)
    {
        Require(scenario.ProjectNumber.Length > 0 && scenario.ProjectNumber.All(char.IsAsciiDigit), "projectNumber",
            $"'{scenario.ProjectNumber}' is not a number; write digits, such as \"123456789012\".");
        foreach (var permission in scenario.DeniedPermissions)
        {
            Require(permission?.Split('.') is { Length: 3 }, "deniedPermissions",
                $"'{permission}' is no permission; write such as \"tpu.nodes.create\".");
        }

        Seconds("createSeconds", scenario.CreateSeconds);
        Seconds("operationLagSeconds", scenario.OperationLagSeconds);
        Seconds("deleteSeconds", scenario.DeleteSeconds);
        Seconds("queueSeconds", scenario.QueueSeconds);
        Seconds("switchSeconds", scenario.SwitchSeconds);
        foreach (var (region, rules) in scenario.Regions)
        {
            var field = $"regions.{region}";
            Require(rules is not null, field, "the region is null; write a JSON object.");
            Quotas($"{field}.quota", rules!.Quota, Accelerators.RegionQuotaNames);
        }

        foreach (var (zone, rules) in scenario.Zones)
        {
            var field = $"zones.{zone}";
            Require(rules is not null, field, "the zone is null; write a JSON object.");
            Check(field, rules!);
        }

        for (var index = 0; index < scenario.Storage.Count; index++)
        {
            var field = $"storage[{index}]";
            Require(scenario.Storage[index] is not null, field, "the fault is null; write a JSON object.");
            Check(field, scenario.Storage[index]);
        }
    }

    private static void Check(string field, StorageFault fault)
    {
        Require(StorageCalls.Contains(fault.On), $"{field}.on",
            $"'{fault.On}' is no call; use {string.Join(", ", StorageCalls)}.");
        Require(fault.Status is null || StorageStatuses.Contains(fault.Status.Value), $"{field}.status",
            $"{fault.Status} is not played; use {string.Join(", ", StorageStatuses)}.");
        Require(fault.Status is null || fault.CutAfterBytes is null, field,
            "it has status and cutAfterBytes; a call has one end, so give one of them.");
        Require(fault.Status is not null || fault.CutAfterBytes is not null || fault.DelaySeconds > 0, field,
            "the fault has no effect; give status, cutAfterBytes or delaySeconds.");
        Require(fault.CutAfterBytes is null or >= 0, $"{field}.cutAfterBytes",
            $"{fault.CutAfterBytes} is too small; the least is 0.");
        Seconds($"{field}.delaySeconds", fault.DelaySeconds);
        AtLeast(0, $"{field}.skip", fault.Skip);
        AtLeast(1, $"{field}.times", fault.Times);
    }

    private static void Check(string field, ZoneScenario zone)
    {
        Require(zone.Refuse is null || Refusals.Contains(zone.Refuse), $"{field}.refuse",
            $"'{zone.Refuse}' is not a refusal; use {string.Join(", ", Refusals)}.");
        Quotas($"{field}.quota", zone.Quota, Accelerators.QuotaNames);

        Types($"{field}.acceleratorTypes", zone.AcceleratorTypes);
        Types($"{field}.flexStartTypes", zone.FlexStartTypes);
        AtLeast(0, $"{field}.emptyAcceleratorTypeLists", zone.EmptyAcceleratorTypeLists);
        AtLeast(0, $"{field}.capacity", zone.Capacity ?? 0);
        AtLeast(0, $"{field}.reserved", zone.Reserved ?? 0);
        AtLeast(0, $"{field}.unavailableCreates", zone.UnavailableCreates);
        AtLeast(0, $"{field}.rateLimitedCreates", zone.RateLimitedCreates);
        Seconds($"{field}.rateLimitRetrySeconds", zone.RateLimitRetrySeconds);
        Seconds($"{field}.unseenSeconds", zone.UnseenSeconds);
        Seconds($"{field}.createSeconds", zone.CreateSeconds);
        Seconds($"{field}.operationLagSeconds", zone.OperationLagSeconds);
        Seconds($"{field}.deleteSeconds", zone.DeleteSeconds);
        Seconds($"{field}.queueSeconds", zone.QueueSeconds);
        if (zone.Maintenance is { } maintenance)
        {
            AtLeast(1, $"{field}.maintenance.nodes", maintenance.Nodes);
            Seconds($"{field}.maintenance.afterSeconds", maintenance.AfterSeconds);
            Seconds($"{field}.maintenance.noticeSeconds", maintenance.NoticeSeconds);
            Seconds($"{field}.maintenance.forSeconds", maintenance.ForSeconds);
        }

        if (zone.Preempt is { } preempt)
        {
            Check($"{field}.preempt", preempt);
        }
    }

    private static void Types(string field, IReadOnlyList<string>? types)
    {
        for (var index = 0; index < (types?.Count ?? 0); index++)
        {
            var type = types![index];
            Require(type is not null && Accelerators.Find(type) is not null, $"{field}[{index}]",
                $"'{type}' is not an accelerator type; there are: "
                + $"{string.Join(", ", Accelerators.All.Select(each => each.Name))}.");
        }
    }

    private static void Check(string field, PreemptionScenario preempt)
    {
        AtLeast(1, $"{field}.nodes", preempt.Nodes);
        Seconds($"{field}.afterSeconds", preempt.AfterSeconds);
        Seconds($"{field}.noticeSeconds", preempt.NoticeSeconds);
        Require(preempt.GuestAttribute?.Split('/') is null or [{ Length: > 0 }, { Length: > 0 }],
            $"{field}.guestAttribute",
            $"'{preempt.GuestAttribute}' is not a guest attribute; write namespace/key, such as \"workflows/step\".");
        Require(preempt.WhileCreating || preempt.AfterSeconds is not null || preempt.GuestAttribute is not null, field,
            "nothing says when; give whileCreating, afterSeconds or guestAttribute.");
    }

    private static void Quotas(string field, IReadOnlyDictionary<string, int> quotas, IReadOnlyCollection<string> names)
    {
        foreach (var (quota, limit) in quotas)
        {
            Require(names.Contains(quota), $"{field}.{quota}",
                $"'{quota}' is no quota of an accelerator type here; there are: {string.Join(", ", names)}.");
            AtLeast(0, $"{field}.{quota}", limit);
        }
    }

    private static void AtLeast(int least, string field, int value) =>
        Require(value >= least, field, FormattableString.Invariant($"{value} is too small; the least is {least}."));

    private static void Seconds(string field, double? value) => Require(
        value is null or (>= 0 and <= LongestSeconds), field,
        FormattableString.Invariant($"{value} is not a time; give seconds from 0 to {LongestSeconds}."));

    private static void Require(bool holds, string field, string message)
    {
        if (!holds)
        {
            throw new ScenarioException(field, message);
        }
    }
}
