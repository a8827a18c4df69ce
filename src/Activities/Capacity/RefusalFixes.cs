using System.Text.RegularExpressions;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>Puts into the remedy of a rule what the cloud's answer names: quotas, permissions, types and
/// accounts.</summary>
internal static partial class RefusalFixes
{
    /// <summary>Most types or zones that a remedy names; chosen.</summary>
    private const int MostNames = 12;

    private const string Quotas = "https://console.cloud.google.com/iam-admin/quotas?project=PROJECT";

    /// <summary>Returns the remedy of a rule for one answer.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="error">The answer.</param>
    /// <returns>One or two sentences.</returns>
    public static string Of(RefusalRule rule, RefusalEvidence error)
    {
        var fix = rule.Code switch
        {
            "API_DISABLED" when error.Service is { } api =>
                $"Enable it: gcloud services enable {api} --project=PROJECT",
            "QUOTA_EXHAUSTED" when error.Limits is { Count: > 0 } limits =>
                $"{OfQuotas(limits)}; or use a smaller slice.",
            "QUOTA_IN_USE" when error.Limits is { Count: > 0 } limits =>
                "Nothing: it is asked again once nodes that hold the quota may be gone. To have more nodes at once: "
                + $"{OfQuotas(limits)}.",
            "POLICY_VIOLATED" when Constraint().Match(error.Text) is { Success: true } policy =>
                $"{rule.Fix} To see it: gcloud org-policies describe {policy.Groups[1].Value} --project=PROJECT "
                + "--effective",
            "ZONE_FORBIDDEN" when error.Says("constraints/gcp.resourceLocations") =>
                "Ask the organization's administrator to allow this zone under constraints/gcp.resourceLocations, or "
                + "leave it out of tpu.zones.",
            "INSTANCE_LIMIT" when error.Limits is { Count: > 0 } limits => OfInstances(limits),
            "PERMISSION_MISSING" when error.Permission is { } permission => OfPermission(permission),
            "ACCELERATOR_NOT_IN_ZONE" => OfAccelerator(error) ?? rule.Fix,
            "OUT_OF_CAPACITY" when error.Asked.Place?.Provisioning == ProvisioningMode.Reserved =>
                "Nothing: it is asked again. Its reservation has no room now: free some of it, or make it larger.",
            _ => rule.Fix,
        };
        return Filled(fix, error);
    }

    /// <summary>Names the project and the place of a request in the commands of a remedy.</summary>
    private static string Filled(string fix, RefusalEvidence error)
    {
        var (asked, text) = (error.Asked, error.Text);
        return Placeholder().Replace(fix, found => (found.Value switch
        {
            "PROJECT" => asked.Project,
            "ZONE" => asked.Place?.Zone,
            "REGION" => asked.Place?.Region,
            "NETWORK" => Named(NetworkName().Match(text)),
            "SUBNETWORK" => Named(SubnetworkName().Match(text)),
            "WORKER" => Named(Account().Match(text)),
            _ => null,
        }) ?? found.Value);
    }

    private static string? Named(Match match) => match.Success ? match.Groups[1].Value : null;

    private static string OfInstances(IReadOnlyList<QuotaLimit> limits) =>
        $"Raise {Listed(limits)} of Compute Engine: {Quotas}; or free some of it."
        + (limits.Any(each => each.Name == "IN_USE_ADDRESSES")
            ? " With tpu.externalIp set to false a node needs no address." : "");

    private static string Listed(IReadOnlyList<QuotaLimit> limits) =>
        string.Join(" and ", limits.Select(each => $"{each.Name} ({each.Limit} in {each.Place})"));

    private static string OfQuotas(IReadOnlyList<QuotaLimit> limits) =>
        $"Ask for more of {Listed(limits).Replace(" and ", " and of ", StringComparison.Ordinal)}: {Quotas}";

    /// <summary>Names a permission, a predefined role that has it, and the command that grants it.</summary>
    private static string OfPermission(string permission)
    {
        var role = permission.ToUpperInvariant() switch
        {
            "COMPUTE.NETWORKS.USE" or "COMPUTE.SUBNETWORKS.USE" or "COMPUTE.SUBNETWORKS.USEEXTERNALIP"
                or "COMPUTE.NETWORKS.GET" or "COMPUTE.SUBNETWORKS.GET" => "roles/compute.networkUser",
            "SERVICEUSAGE.SERVICES.USE" => "roles/serviceusage.serviceUsageConsumer",
            "RESOURCEMANAGER.PROJECTS.GET" => "roles/browser",
            "IAM.SERVICEACCOUNTS.ACTAS" => "roles/iam.serviceAccountUser",
            var name when name.StartsWith("TPU.", StringComparison.Ordinal) => "roles/tpu.admin",
            _ => null,
        };
        return role is null
            ? $"Grant the service's account a role that has {permission} "
                + "(https://cloud.google.com/iam/docs/roles-permissions lists them): gcloud projects "
                + "add-iam-policy-binding PROJECT --role=ROLE --member=serviceAccount:ACCOUNT"
            : $"Grant the service's account {permission}, which {role} has: gcloud projects add-iam-policy-binding "
                + $"PROJECT --role={role} --member=serviceAccount:ACCOUNT";
    }

    /// <summary>Names the types that a zone has, by the cloud's words, or else by the catalog with the zones that have
    /// the type.</summary>
    private static string? OfAccelerator(RefusalEvidence error)
    {
        if (error.Asked.Place is { } place && error.ValidTypes is { Count: > 0 } valid)
        {
            return $"{place.Zone} has {Listed(valid)}: name one of these in tpu.acceleratorTypes, or leave the zone "
                + $"out of tpu.zones for {place.AcceleratorType}.";
        }

        if (error.Asked is not { Place: { } asked, Catalog: { } catalog })
        {
            return null;
        }

        var zones = catalog.Offers(asked.AcceleratorType, asked.Provisioning, null).Select(each => each.Zone)
            .Where(zone => zone != asked.Zone).ToList();
        var types = catalog.TypesOf(asked.Zone).Where(type => type != asked.AcceleratorType).ToList();
        return $"By the catalog {asked.AcceleratorType} is "
            + (zones.Count > 0 ? $"in {Listed(zones)}" : "in no other zone")
            + $", and {asked.Zone} has {(types.Count > 0 ? Listed(types) : "no other type")}: change tpu.zones or "
            + "tpu.acceleratorTypes. To see what the zone has: gcloud compute tpus accelerator-types list --zone=ZONE "
            + "--project=PROJECT";
    }

    private static string Listed(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(MostNames))
        + (names.Count > MostNames ? $" and {names.Count - MostNames} more" : "");

    [GeneratedRegex(@"\b(PROJECT|ZONE|REGION|NETWORK|SUBNETWORK|WORKER)\b", RegexOptions.CultureInvariant)]
    private static partial Regex Placeholder();

    [GeneratedRegex("constraints/([A-Za-z]+\\.[A-Za-z]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Constraint();

    [GeneratedRegex("/networks/([a-z0-9-]+)", RegexOptions.CultureInvariant)]
    private static partial Regex NetworkName();

    [GeneratedRegex("/subnetworks/([a-z0-9-]+)", RegexOptions.CultureInvariant)]
    private static partial Regex SubnetworkName();

    [GeneratedRegex(
        @"service[_ ]account:? ([A-Za-z0-9._-]+@[A-Za-z0-9.-]*[A-Za-z0-9])",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Account();
}
