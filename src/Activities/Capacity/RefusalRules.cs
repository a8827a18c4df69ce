using Grpc.Core;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>The known errors of the Cloud TPU API. Sources of the texts: docs/errors.md.</summary>
internal static class RefusalRules
{
    private const double Minutes = 60, Hours = 3600, Days = 86400;

    /// <summary>Gets the rules in the order in which they are tried.</summary>
    public static IReadOnlyList<RefusalRule> All { get; } =
    [
        // Refusals of the whole project, or of the request in every zone: no other zone helps.
        new("API_DISABLED", RefusalScope.Project, 0,
            error => error.Reason == "SERVICE_DISABLED" || error.Says("has not been used in project"),
            "Enable the Cloud TPU API: gcloud services enable tpu.googleapis.com --project=PROJECT"),
        new("BILLING_DISABLED", RefusalScope.Project, 0,
            error => error.Reason == "BILLING_DISABLED" || error.Says("free-trial billing account")
                || error.Says("billing to be enabled") || error.Says("billing account for the owning project"),
            "Link a paid billing account: gcloud billing projects link PROJECT --billing-account=BILLING_ACCOUNT"),
        new("PROJECT_INVALID", RefusalScope.Project, 0,
            error => error.Reason is "CONSUMER_INVALID" or "CONSUMER_SUSPENDED" || error.Says("not found or deleted"),
            "Check the project's id in 'project' and in the credentials: gcloud projects describe PROJECT"),
        new("SERVICE_ACCOUNT_FORBIDDEN", RefusalScope.Request, 0,
            error => error.Says("permission to act as service_account") || error.Says("serviceAccounts.actAs"),
            "Let the service's account run nodes as the account in tpu.serviceAccount, or as the project's default "
            + "Compute Engine account where the request names none: gcloud iam service-accounts add-iam-policy-binding "
            + "WORKER --role=roles/iam.serviceAccountUser --member=serviceAccount:ACCOUNT"),
        new("NETWORK_MISSING", RefusalScope.Request, 0,
            error => error.Says("/networks/") && error.Says("not found"),
            "Make the network (gcloud compute networks create NETWORK --subnet-mode=auto --project=PROJECT), or name "
            + "another in tpu.network."),
        new("EXTERNAL_IP_FORBIDDEN", RefusalScope.Request, 0,
            error => error.Says("constraints/compute.vmExternalIpAccess"),
            "Set tpu.externalIp to false; the network then needs Private Google Access or Cloud NAT."),
        new("POLICY_VIOLATED", RefusalScope.Project, 0,
            error => (error.Says("Constraint constraints/") && !error.Says("constraints/gcp.resourceLocations"))
                || error.Says("prohibited by organization's policy") || error.Reason == "SECURITY_POLICY_VIOLATED",
            "Ask the organization's administrator to allow TPU VMs under the named policy."),
        new("RUNTIME_VERSION_INVALID", RefusalScope.Request, 0,
            error => error.Code == StatusCode.InvalidArgument
                && (error.Says("runtime version") || error.Says("runtime_version") || error.Says("TensorflowVersion")),
            "Name a version that the accelerator has in tpu.runtimeVersion, or leave it out: gcloud compute tpus "
            + "tpu-vm versions list --zone=ZONE --project=PROJECT"),
        new("SCOPE_MISSING", RefusalScope.Project, 0,
            error => error.Reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
                || error.Says("insufficient authentication scopes"),
            "Give the credentials the scope https://www.googleapis.com/auth/cloud-platform, of a VM with: gcloud "
            + "compute instances set-service-account VM --scopes=cloud-platform --project=PROJECT"),
        new("PERMISSION_MISSING", RefusalScope.Project, 0,
            error => error.Reason is "IAM_PERMISSION_DENIED" or "USER_PROJECT_DENIED"
                || (error.Code == StatusCode.PermissionDenied
                    && ((error.Permission is not null && !error.Says("denied on 'locations/"))
                        || error.Says("caller does not have permission"))),
            "Grant the service's account roles/tpu.admin: gcloud projects add-iam-policy-binding PROJECT "
            + "--role=roles/tpu.admin --member=serviceAccount:ACCOUNT, and roles/iam.serviceAccountUser on the "
            + "worker's account."),
        new("UNAUTHENTICATED", RefusalScope.Project, 0,
            error => error.Code == StatusCode.Unauthenticated,
            "Give the service valid credentials: gcloud auth application-default login, or another key file."),

        // Refusals of one zone or region.
        new("ZONE_FORBIDDEN", RefusalScope.Zone, 7 * Days,
            error => error.Reason == "LOCATION_POLICY_VIOLATED" || error.Says("Permission denied on 'locations/")
                || error.Says("is not found or access is unauthorized")
                || error.Says("constraints/gcp.resourceLocations"),
            "Ask Google for access to this zone, or leave it out of tpu.zones. To see the zones of the project: gcloud "
            + "compute tpus locations list --project=PROJECT"),

        // Two causes in one text: a run that pays asks Service Usage which it is (RefusalReader). Unanswered, it rules
        // out the zone for this run, so that the others are tried, and is soon forgotten.
        new(RefusalReader.Unclear, RefusalScope.Zone, 1 * Hours,
            error => error.Says("have TPU access to zone"),
            "See whether the API is on: gcloud services list --enabled --filter=tpu.googleapis.com --project=PROJECT. "
            + "If not: gcloud services enable tpu.googleapis.com --project=PROJECT. If it is: ask Google for access to "
            + "this zone, or leave it out of tpu.zones.")
        {
            IsOfRun = true,
        },
        new("SUBNETWORK_MISSING", RefusalScope.Region, 1 * Hours,
            error => error.Says("/subnetworks/") && error.Says("not found"),
            "Make the subnetwork in this region (gcloud compute networks subnets create SUBNETWORK --network=NETWORK "
            + "--region=REGION --range=RANGE --project=PROJECT), or name another in tpu.subnetwork.")
        {
            IsOfRun = true,
        },
        new(SameAnswerRule.ProjectForbidden, RefusalScope.Zone, 0,
            error => error.Says("Read access to project"),
            "Check the project's id and the zones: a zone that does not exist is answered so as well."),

        // Nothing is remembered of the place: the request is made again there, after ever longer waits.
        new(Refusal.RateLimited, RefusalScope.Zone, 0,
            error => error.IsRateLimit,
            "Nothing: the service waits and tries again, for as long as its search lasts."),

        // Before the quotas of TPUs: its limit counts addresses, VMs or disks, and no chips.
        new("INSTANCE_LIMIT", RefusalScope.Region, 1 * Hours,
            error => error.IsInstanceLimit,
            "Raise the named Compute Engine limit in this region, or free some of it: "
            + "https://console.cloud.google.com/iam-admin/quotas?project=PROJECT. With tpu.externalIp set to false a "
            + "node needs no IN_USE_ADDRESSES."),

        // A limit into which the slice would fit: it is used up until some node is gone, which may be this run's own.
        new("QUOTA_IN_USE", RefusalScope.Region, 2 * Minutes,
            error => error.IsQuotaInUse && error.IsOfRegion,
            "Nothing: it is asked again once nodes that hold the quota may be gone. To have more nodes at once, ask "
            + "for more of the named quota: https://console.cloud.google.com/iam-admin/quotas?project=PROJECT"),
        new("QUOTA_IN_USE", RefusalScope.Zone, 2 * Minutes,
            error => error.IsQuotaInUse,
            "Nothing: it is asked again once nodes that hold the quota may be gone. To have more nodes at once, ask "
            + "for more of the named quota: https://console.cloud.google.com/iam-admin/quotas?project=PROJECT"),
        new("QUOTA_EXHAUSTED", RefusalScope.Region, 1 * Days,
            error => error.IsQuota && error.IsOfRegion,
            "Ask for more of the named quota: https://console.cloud.google.com/iam-admin/quotas?project=PROJECT"),
        new("QUOTA_EXHAUSTED", RefusalScope.Zone, 1 * Days,
            error => error.IsQuota,
            "Use a smaller slice, or ask for more of the named quota: "
            + "https://console.cloud.google.com/iam-admin/quotas?project=PROJECT"),
        new("ACCELERATOR_NOT_IN_ZONE", RefusalScope.Zone, 7 * Days,
            error => error.Says("could not be found in the zonal accelerator configurations")
                || error.Says("was not found in zone") || error.Says("invalid AcceleratorType"),
            "Leave this zone out of tpu.zones for this accelerator type; to see what it has: gcloud compute tpus "
            + "accelerator-types list --zone=ZONE --project=PROJECT"),
        new("FLEX_START_UNSUPPORTED", RefusalScope.Zone, 7 * Days,
            error => error.Says("FLEX_START provisioning model is not supported"),
            "Leave this zone out of tpu.zones for this accelerator type, or use spot or on-demand provisioning here."),
        new("ZONE_WITHOUT_TPU", RefusalScope.Zone, 7 * Days,
            error => error.Says("The requested zone") && error.Says("is not supported"),
            "Leave this zone out of tpu.zones."),
        new("RESERVATION_MISSING", RefusalScope.Zone, 1 * Days,
            error => error.Says("Reservation not found"),
            "Use spot or on-demand provisioning here, or a zone with your reservation."),
        new("PREEMPTED_DURING_CREATE", RefusalScope.Zone, 10 * Minutes,
            error => error.Says("while in state PREEMPTED"),
            "Nothing: the next zone is tried."),

        // "Insufficient reserved capacity" also answers requests without a reservation: the capacity that is not
        // reserved for others is used up at the moment.
        new("OUT_OF_CAPACITY", RefusalScope.Zone, 10 * Minutes,
            error => error.Says("no more capacity in the zone") || error.Says("Insufficient reserved capacity"),
            "Nothing: the next zone is tried; on-demand provisioning or other accelerator types widen the choice."),
        new(SameAnswerRule.CloudInternal, RefusalScope.Zone, 1 * Minutes,
            error => error.Code == StatusCode.Internal,
            "Nothing: it is tried again, and elsewhere."),
    ];
}

/// <summary>One known error.</summary>
/// <param name="Code">Stable code, listed in docs/errors.md.</param>
/// <param name="Scope">Its scope.</param>
/// <param name="RememberSeconds">Seconds for which later runs skip the place; 0 for none.</param>
/// <param name="Matches">Recognises the error.</param>
/// <param name="Fix">The remedy in one sentence.</param>
internal sealed record RefusalRule(
    string Code, RefusalScope Scope, double RememberSeconds, Func<RefusalEvidence, bool> Matches, string Fix)
{
    /// <summary>Gets a value indicating whether other requests may fare better in the place, so that other runs do not
    /// pass it over.</summary>
    public bool IsOfRun { get; init; }
}
