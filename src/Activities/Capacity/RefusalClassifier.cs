using Google.Protobuf;
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

    private const double UnknownSeconds = 300;

    /// <summary>Returns whether to retry the call itself, without giving up the zone.</summary>
    /// <param name="exception">The exception of the call.</param>
    /// <returns>true for short outages and rate limits.</returns>
    public static bool IsTransient(RpcException exception) =>
        exception.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.DeadlineExceeded
            or StatusCode.Aborted
        || IsRateLimit(exception);

    /// <summary>Returns whether a call was one too many in a short time.</summary>
    /// <param name="exception">The exception of the call.</param>
    public static bool IsRateLimit(RpcException exception) => Classify(exception).Code == Refusal.RateLimited;

    /// <summary>Classifies a failed call.</summary>
    /// <param name="exception">The exception of the call.</param>
    /// <param name="place">The place that was asked for a node; null if the call asked for none.</param>
    /// <returns>The verdict.</returns>
    public static Refusal Classify(RpcException exception, Candidate? place = null) =>
        Classify(exception, new RefusedRequest(null, place));

    /// <summary>Classifies a failed call.</summary>
    internal static Refusal Classify(RpcException exception, RefusedRequest asked) =>
        Classify(EvidenceOf(exception.StatusCode, exception.Status.Detail, DetailsOf(exception), asked));

    /// <summary>Classifies the error of a long-running operation.</summary>
    /// <param name="status">The operation's error.</param>
    /// <param name="place">The place that was asked for a node; null if the operation creates none.</param>
    /// <returns>The verdict.</returns>
    public static Refusal Classify(Google.Rpc.Status status, Candidate? place = null) =>
        Classify(status, new RefusedRequest(null, place));

    /// <summary>Classifies the error of a long-running operation.</summary>
    internal static Refusal Classify(Google.Rpc.Status status, RefusedRequest asked) =>
        Classify(EvidenceOf((StatusCode)status.Code, status.Message, status, asked));

    private static RefusalEvidence EvidenceOf(
        StatusCode code, string message, Google.Rpc.Status? details, RefusedRequest asked)
    {
        var info = DetailOf<ErrorInfo>(details);
        return new RefusalEvidence(code, message, info?.Reason, DetailOf<QuotaFailure>(details))
        {
            Asked = asked,
            Facts = info is null ? new Dictionary<string, string>() : new Dictionary<string, string>(info.Metadata),
            RetryDelay = DetailOf<RetryInfo>(details)?.RetryDelay,
        };
    }

    /// <summary>Reads the details of an error; damaged ones are none, since the text remains.</summary>
    private static Google.Rpc.Status? DetailsOf(RpcException exception)
    {
        try
        {
            return exception.GetRpcStatus();
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static T? DetailOf<T>(Google.Rpc.Status? status)
        where T : class, IMessage<T>, new()
    {
        try
        {
            return status?.GetDetail<T>();
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static Refusal Classify(RefusalEvidence error)
    {
        foreach (var rule in RefusalRules.All)
        {
            if (rule.Matches(error))
            {
                return new Refusal(
                    rule.Code, rule.Scope, rule.RememberSeconds, error.Text, RefusalFixes.Of(rule, error))
                {
                    Quotas = rule.Code == "QUOTA_EXHAUSTED" ? ReachOf(error) : null,
                    RetryAfterSeconds = rule.Code == Refusal.RateLimited ? error.RetrySeconds : null,
                    IsOfRun = rule.IsOfRun,
                };
            }
        }

        // An unknown error must not end a run at once: the next zone is tried. SameAnswerRule ends the run when all
        // zones give this answer.
        return new Refusal(
            Unknown, RefusalScope.Zone, UnknownSeconds, $"{error.Code}: {error.Text}",
            "Tell us about this text; until then the next zone is tried.");
    }

    /// <summary>Returns the slices that the named quotas are too small for; null if they are not known.</summary>
    private static List<QuotaReach>? ReachOf(RefusalEvidence error)
    {
        if (error.Asked.Place is not { } place)
        {
            return null;
        }

        List<QuotaReach> reach =
        [
            .. error.Limits.Select(limit => limit.Number is { } number
                    ? QuotaLimits.ReachOf(limit.Name, number, limit.PlaceName, place.Provisioning) : null)
                .OfType<QuotaReach>(),
        ];
        return reach.Count > 0 ? reach : null;
    }
}
