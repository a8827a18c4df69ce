using System.Text.RegularExpressions;
using Google.Rpc;
using Grpc.Core;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Turns an error of the Cloud TPU API into a typed verdict. The same status code means different things (8 is both
/// "raise the quota" and "no capacity just now"), so the rules read reason and text, in order; the first match counts.
/// Sources of the texts: docs/errors.md.
/// </summary>
public static partial class RefusalClassifier
{
    private const double Minutes = 60, Hours = 3600, Days = 86400;

    private static readonly Rule[] Rules =
    [
        // The whole project: no zone can help.
        new("API_DISABLED", RefusalScope.Project, 0,
            error => error.Reason == "SERVICE_DISABLED" || error.Says("has not been used in project"),
            "Enable the Cloud TPU API: gcloud services enable tpu.googleapis.com --project PROJECT"),
        new("BILLING_DISABLED", RefusalScope.Project, 0,
            error => error.Reason == "BILLING_DISABLED" || error.Says("free-trial billing account")
                || error.Says("billing to be enabled"),
            "Link a paid billing account to the project."),
        new("PERMISSION_MISSING", RefusalScope.Project, 0,
            error => error.Reason is "IAM_PERMISSION_DENIED" or "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
                || (error.Code == StatusCode.PermissionDenied && error.Says("Permission 'tpu.")),
            "Grant the service's account roles/tpu.admin, and roles/iam.serviceAccountUser on the worker's account."),
        new("UNAUTHENTICATED", RefusalScope.Project, 0,
            error => error.Code == StatusCode.Unauthenticated,
            "Give the service credentials: gcloud auth application-default login, or a service account."),

        // A zone or a region.
        new("ZONE_FORBIDDEN", RefusalScope.Zone, 7 * Days,
            error => error.Reason == "LOCATION_POLICY_VIOLATED" || error.Says("Permission denied on 'locations/")
                || error.Says("is not found or access is unauthorized"),
            "Ask Google for access to this zone, or leave it out of tpu.zones."),
        new("RATE_LIMITED", RefusalScope.Zone, 1 * Minutes,
            error => error.Code == StatusCode.ResourceExhausted && error.Says("requests per minute"),
            "Nothing: the service waits and tries again."),
        new("QUOTA_EXHAUSTED", RefusalScope.Region, 1 * Days,
            error => error.IsQuota && error.Says(" in region "),
            "Ask for more of the named quota: https://console.cloud.google.com/iam-admin/quotas"),
        new("QUOTA_EXHAUSTED", RefusalScope.Zone, 1 * Days,
            error => error.IsQuota,
            "Ask for more of the named quota (https://console.cloud.google.com/iam-admin/quotas), or a smaller slice."),
        new("ACCELERATOR_NOT_IN_ZONE", RefusalScope.Zone, 7 * Days,
            error => error.Says("could not be found in the zonal accelerator configurations")
                || error.Says("was not found in zone") || error.Says("invalid AcceleratorType"),
            "Leave this zone out of tpu.zones for this accelerator type."),
        new("ZONE_WITHOUT_TPU", RefusalScope.Zone, 7 * Days,
            error => error.Says("The requested zone") && error.Says("is not supported"),
            "Leave this zone out of tpu.zones."),
        new("RESERVATION_MISSING", RefusalScope.Zone, 1 * Days,
            error => error.Says("Reservation not found") || error.Says("Insufficient reserved capacity"),
            "Use spot or on-demand provisioning here, or a zone with your reservation."),
        new("PREEMPTED_DURING_CREATE", RefusalScope.Zone, 10 * Minutes,
            error => error.Says("while in state PREEMPTED"),
            "Nothing: the next zone is tried."),
        new("OUT_OF_CAPACITY", RefusalScope.Zone, 10 * Minutes,
            error => error.Says("no more capacity in the zone"),
            "Nothing: the next zone is tried; on-demand provisioning or other accelerator types widen the choice."),
        new("INSTANCE_LIMIT", RefusalScope.Region, 1 * Hours,
            error => error.Says("IN_USE_ADDRESSES limit") || error.Says("INSTANCES limit"),
            "Raise the named Compute Engine limit in this region, or free some of it."),
    ];

    /// <summary>Returns whether to retry the call itself, without giving up the zone.</summary>
    /// <param name="exception">The exception of the call.</param>
    /// <returns>true for short outages and rate limits.</returns>
    public static bool IsTransient(RpcException exception) =>
        exception.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.DeadlineExceeded
            or StatusCode.Aborted
        || Classify(exception).Code == "RATE_LIMITED";

    /// <summary>Classifies a failed call.</summary>
    /// <param name="exception">The exception of the call.</param>
    /// <returns>The verdict.</returns>
    public static Refusal Classify(RpcException exception)
    {
        var status = exception.GetRpcStatus();
        return Classify(new Evidence(
            exception.StatusCode,
            exception.Status.Detail,
            status?.GetDetail<ErrorInfo>()?.Reason,
            status?.GetDetail<QuotaFailure>()));
    }

    /// <summary>Classifies the error of a long-running operation.</summary>
    /// <param name="status">The operation's error.</param>
    /// <returns>The verdict.</returns>
    public static Refusal Classify(Google.Rpc.Status status) => Classify(new Evidence(
        (StatusCode)status.Code,
        status.Message,
        status.GetDetail<ErrorInfo>()?.Reason,
        status.GetDetail<QuotaFailure>()));

    private static Refusal Classify(Evidence error)
    {
        foreach (var rule in Rules)
        {
            if (rule.Matches(error))
            {
                return new Refusal(rule.Code, rule.Scope, rule.RememberSeconds, error.Text, rule.Fix);
            }
        }

        // An unknown error must not end a run: the next zone is tried, and this one again soon.
        return new Refusal(
            "UNKNOWN", RefusalScope.Zone, 5 * Minutes, $"{error.Code}: {error.Text}",
            "Tell us about this text; until then the next zone is tried.");
    }

    [GeneratedRegex("Quota (limit )?'[A-Za-z0-9,]+'", RegexOptions.CultureInvariant)]
    private static partial Regex QuotaText();

    private sealed record Evidence(StatusCode Code, string Message, string? Reason, QuotaFailure? Quota)
    {
        public string Text { get; } =
            Quota is { Violations.Count: > 0 } && !QuotaText().IsMatch(Message)
                ? $"{Message} {string.Join(" ", Quota.Violations.Select(violation => violation.Description))}".Trim()
                : Message;

        public bool IsQuota => Code == StatusCode.ResourceExhausted && (Quota is not null || QuotaText().IsMatch(Text));

        public bool Says(string words) => Text.Contains(words, StringComparison.OrdinalIgnoreCase);
    }

    private sealed record Rule(
        string Code, RefusalScope Scope, double RememberSeconds, Func<Evidence, bool> Matches, string Fix);
}
