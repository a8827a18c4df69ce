using Google.Rpc;
using Grpc.Core;
using Workflows.Activities.Readiness;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Turns an error of the Cloud TPU API into a typed verdict. The same status code means different things (8 is both
/// "raise the quota" and "no capacity just now"), so the rules of <see cref="RefusalRules"/> read reason and text, in
/// order; the first match decides.
/// </summary>
public static class RefusalClassifier
{
    /// <summary>The code of an error that no rule matches.</summary>
    internal const string Unknown = "UNKNOWN";

    private const string QuotaExhausted = "QUOTA_EXHAUSTED";

    private const double UnknownSeconds = 300;

    /// <summary>Returns whether to retry the call itself, without giving up the zone.</summary>
    /// <param name="exception">The exception of the call.</param>
    /// <returns>true for short outages and rate limits.</returns>
    public static bool IsTransient(RpcException exception) =>
        exception.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.DeadlineExceeded
            or StatusCode.Aborted
        || Classify(exception).Code == "RATE_LIMITED";

    /// <summary>Classifies a failed call.</summary>
    /// <param name="exception">The exception of the call.</param>
    /// <param name="place">The place that was asked for a node; null if the call asked for none.</param>
    /// <returns>The verdict.</returns>
    public static Refusal Classify(RpcException exception, Candidate? place = null)
    {
        var status = exception.GetRpcStatus();
        return Classify(new RefusalEvidence(
            exception.StatusCode,
            exception.Status.Detail,
            status?.GetDetail<ErrorInfo>()?.Reason,
            status?.GetDetail<QuotaFailure>())
        {
            Slice = SliceOf(place),
        });
    }

    /// <summary>Classifies the error of a long-running operation.</summary>
    /// <param name="status">The operation's error.</param>
    /// <param name="place">The place that was asked for a node; null if the operation creates none.</param>
    /// <returns>The verdict.</returns>
    public static Refusal Classify(Google.Rpc.Status status, Candidate? place = null) => Classify(new RefusalEvidence(
        (StatusCode)status.Code,
        status.Message,
        status.GetDetail<ErrorInfo>()?.Reason,
        status.GetDetail<QuotaFailure>())
    {
        Slice = SliceOf(place),
    });

    private static long? SliceOf(Candidate? place) =>
        place is null ? null : QuotaLimits.UnitsOf(place.AcceleratorType);

    /// <summary>Returns the fix of a rule, with the names of the quotas and limits if the cloud gave them.</summary>
    private static string FixOf(RefusalRule rule, RefusalEvidence error)
    {
        var limits = rule.Code == QuotaExhausted ? error.Limits : [];
        return limits.Count == 0
            ? rule.Fix
            : "Ask for more of "
                + string.Join(" and of ", limits.Select(each => $"{each.Name} ({each.Limit} in {each.Place})"))
                + ": https://console.cloud.google.com/iam-admin/quotas; or use a smaller slice.";
    }

    private static Refusal Classify(RefusalEvidence error)
    {
        foreach (var rule in RefusalRules.All)
        {
            if (rule.Matches(error))
            {
                return new Refusal(rule.Code, rule.Scope, rule.RememberSeconds, error.Text, FixOf(rule, error));
            }
        }

        // An unknown error must not end a run at once: the next zone is tried. SameAnswerRule ends the run when all
        // zones give this answer.
        return new Refusal(
            Unknown, RefusalScope.Zone, UnknownSeconds, $"{error.Code}: {error.Text}",
            "Tell us about this text; until then the next zone is tried.");
    }
}
