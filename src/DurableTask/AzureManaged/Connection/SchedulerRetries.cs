using Grpc.Core;
using GrpcRetryPolicy = Grpc.Net.Client.Configuration.RetryPolicy;

namespace Microsoft.DurableTask.Connection;

/// <summary>Creates the policy that retries calls while the scheduler is unavailable.</summary>
internal static class SchedulerRetries
{
    // One object, so that equal endpoints are equal.
    public static GrpcRetryPolicy Default { get; } = Create(null, null, null, null, []);

    public static GrpcRetryPolicy Create(
        int? attempts, int? firstMs, int? longestMs, double? factor, IEnumerable<StatusCode> more)
    {
        var policy = new GrpcRetryPolicy
        {
            MaxAttempts = attempts ?? 10,
            InitialBackoff = TimeSpan.FromMilliseconds(firstMs ?? 50),
            MaxBackoff = TimeSpan.FromMilliseconds(longestMs ?? 250),
            BackoffMultiplier = factor ?? 2,
        };
        foreach (StatusCode code in more.Append(StatusCode.Unavailable).Distinct())
        {
            policy.RetryableStatusCodes.Add(code);
        }

        return policy;
    }
}
