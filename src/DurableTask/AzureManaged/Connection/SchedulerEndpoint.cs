using Azure.Core;
using GrpcRetryPolicy = Grpc.Net.Client.Configuration.RetryPolicy;

namespace Microsoft.DurableTask.Connection;

/// <summary>The settings that identify a channel to a Durable Task Scheduler.</summary>
internal sealed record SchedulerEndpoint(
    string Address,
    string TaskHub,
    TokenCredential? Credential,
    string ResourceId,
    bool AllowsInsecureCredentials,
    string Caller,
    string? WorkerId,
    GrpcRetryPolicy Retry)
{
    public Uri Uri => new(
        Address.Contains("://", StringComparison.Ordinal) ? Address : $"https://{Address}", UriKind.Absolute);

    /// <summary>Finds the first option that is not valid and returns how to set it; null if all are valid.</summary>
    public static string? Check(string address, string taskHub, TokenCredential? credential, bool allowsInsecure)
    {
        if (string.IsNullOrWhiteSpace(address))
        {
            return "EndpointAddress is empty; set it to the scheduler's address, https://NAME.REGION.durabletask.io.";
        }

        if (string.IsNullOrWhiteSpace(taskHub))
        {
            return "TaskHubName is empty; set it to the name of a task hub of the scheduler.";
        }

        string full = address.Contains("://", StringComparison.Ordinal) ? address : $"https://{address}";
        if (!System.Uri.TryCreate(full, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https"))
        {
            return $"EndpointAddress '{address}' is no http or https address.";
        }

        return uri.Scheme == "http" && credential is not null && !allowsInsecure
            ? $"EndpointAddress '{address}' has no TLS, so everybody on the way could read the credential's tokens; "
                + "use https, or set AllowInsecureCredentials where the network is trusted."
            : null;
    }
}
