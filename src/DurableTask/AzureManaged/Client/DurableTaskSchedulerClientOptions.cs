using Azure.Core;
using Grpc.Core;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Connection;

namespace Microsoft.DurableTask;

/// <summary>Address, task hub and credential of a client's Durable Task Scheduler.</summary>
public class DurableTaskSchedulerClientOptions
{
    /// <summary>The scheduler's address.</summary>
    /// <value>Required; without a scheme it is https.</value>
    public string EndpointAddress { get; set; } = string.Empty;

    /// <summary>The task hub.</summary>
    /// <value>Required.</value>
    public string TaskHubName { get; set; } = string.Empty;

    /// <summary>Provides the tokens.</summary>
    /// <value>null for a scheduler without authentication, such as the sidecar or an emulator.</value>
    public TokenCredential? Credential { get; set; }

    /// <summary>The resource that the tokens are for.</summary>
    /// <value>Default: <c>https://durabletask.io</c>.</value>
    public string ResourceId { get; set; } = "https://durabletask.io";

    /// <summary>Gets or sets a value indicating whether tokens may be sent without TLS.</summary>
    /// <value>Default: false.</value>
    public bool AllowInsecureCredentials { get; set; }

    /// <summary>Retries of failed calls.</summary>
    /// <value>null: 10 attempts, 50 to 250 ms apart, when the scheduler is unavailable.</value>
    public ClientRetryOptions? RetryOptions { get; set; }

    /// <summary>Reads a connection string.</summary>
    /// <param name="connectionString"><c>Endpoint=...;TaskHub=...;Authentication=...</c>.</param>
    /// <returns>The options.</returns>
    /// <exception cref="ArgumentException">A key is missing, or the kind of authentication is unknown.</exception>
    public static DurableTaskSchedulerClientOptions FromConnectionString(string connectionString)
    {
        var values = new SchedulerConnectionString(connectionString);
        TokenCredential? credential = values.Credential;
        return new()
        {
            EndpointAddress = values.Endpoint,
            TaskHubName = values.TaskHub,
            Credential = credential,
            AllowInsecureCredentials = credential is null,
        };
    }

    internal SchedulerEndpoint ToEndpoint() => new(
        EndpointAddress, TaskHubName, Credential, ResourceId, AllowInsecureCredentials, nameof(DurableTaskClient), null,
        RetryOptions is { } retry
            ? SchedulerRetries.Create(
                retry.MaxRetries, retry.InitialBackoffMs, retry.MaxBackoffMs, retry.BackoffMultiplier,
                retry.RetryableStatusCodes ?? [])
            : SchedulerRetries.Default);

    /// <summary>Retries of failed calls; null keeps a default.</summary>
    public class ClientRetryOptions
    {
        /// <summary>Attempts in all.</summary>
        /// <value>Default: 10.</value>
        public int? MaxRetries { get; set; }

        /// <summary>The first wait, in milliseconds.</summary>
        /// <value>Default: 50.</value>
        public int? InitialBackoffMs { get; set; }

        /// <summary>The longest wait, in milliseconds.</summary>
        /// <value>Default: 250.</value>
        public int? MaxBackoffMs { get; set; }

        /// <summary>Factor by which each wait is longer than the one before.</summary>
        /// <value>Default: 2.</value>
        public double? BackoffMultiplier { get; set; }

        /// <summary>Status codes to retry besides <see cref="StatusCode.Unavailable"/>.</summary>
        public IList<StatusCode>? RetryableStatusCodes { get; set; }
    }
}
