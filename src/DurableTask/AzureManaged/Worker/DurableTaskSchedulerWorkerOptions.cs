using Azure.Core;
using Microsoft.DurableTask.Connection;
using Microsoft.DurableTask.Worker.Hosting;

namespace Microsoft.DurableTask;

/// <summary>Address, task hub and credential of a worker's Durable Task Scheduler.</summary>
public class DurableTaskSchedulerWorkerOptions
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

    /// <summary>The worker's id in the scheduler's own logs.</summary>
    /// <value>Default: machine, process and a random part.</value>
    public string WorkerId { get; set; } = $"{Environment.MachineName},{Environment.ProcessId},{Guid.NewGuid():N}";

    /// <summary>Reads a connection string.</summary>
    /// <param name="connectionString"><c>Endpoint=...;TaskHub=...;Authentication=...</c>.</param>
    /// <returns>The options.</returns>
    /// <exception cref="ArgumentException">A key is missing, or the kind of authentication is unknown.</exception>
    public static DurableTaskSchedulerWorkerOptions FromConnectionString(string connectionString)
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
        EndpointAddress, TaskHubName, Credential, ResourceId, AllowInsecureCredentials, nameof(DurableTaskWorker),
        WorkerId, SchedulerRetries.Default);
}
