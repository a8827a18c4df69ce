using Azure.Core;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Connection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.DurableTask.Client.AzureManaged;

/// <summary>Connects clients to Azure's Durable Task Scheduler, or to another server of its protocol.</summary>
public static class DurableTaskSchedulerClientExtensions
{
    /// <summary>Connects the client to a scheduler by address and credential.</summary>
    /// <param name="builder">The client's builder.</param>
    /// <param name="endpointAddress">The scheduler's address.</param>
    /// <param name="taskHubName">The task hub.</param>
    /// <param name="credential">Provides the tokens.</param>
    /// <param name="configure">Changes further options.</param>
    public static void UseDurableTaskScheduler(
        this IDurableTaskClientBuilder builder,
        string endpointAddress,
        string taskHubName,
        TokenCredential credential,
        Action<DurableTaskSchedulerClientOptions>? configure = null) =>
        builder.UseDurableTaskScheduler(options =>
        {
            options.EndpointAddress = endpointAddress;
            options.TaskHubName = taskHubName;
            options.Credential = credential;
            configure?.Invoke(options);
        });

    /// <summary>Connects the client to a scheduler by connection string.</summary>
    /// <param name="builder">The client's builder.</param>
    /// <param name="connectionString"><c>Endpoint=...;TaskHub=...;Authentication=...</c>.</param>
    /// <param name="configure">Changes further options.</param>
    /// <exception cref="ArgumentException">A key is missing, or the kind of authentication is unknown.</exception>
    public static void UseDurableTaskScheduler(
        this IDurableTaskClientBuilder builder,
        string connectionString,
        Action<DurableTaskSchedulerClientOptions>? configure = null)
    {
        var read = DurableTaskSchedulerClientOptions.FromConnectionString(connectionString);
        builder.UseDurableTaskScheduler(options =>
        {
            options.EndpointAddress = read.EndpointAddress;
            options.TaskHubName = read.TaskHubName;
            options.Credential = read.Credential;
            options.AllowInsecureCredentials = read.AllowInsecureCredentials;
            configure?.Invoke(options);
        });
    }

    /// <summary>Connects the client to a scheduler by options.</summary>
    /// <param name="builder">The client's builder.</param>
    /// <param name="configure">Sets address, task hub and credential.</param>
    public static void UseDurableTaskScheduler(
        this IDurableTaskClientBuilder builder, Action<DurableTaskSchedulerClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddOptions<DurableTaskSchedulerClientOptions>(builder.Name).Configure(configure ?? (_ => { }));
        builder.Services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<DurableTaskSchedulerClientOptions>, Validation>());
        builder.Services.TryAddSingleton(
            services => new SchedulerChannels(services.GetService<TimeProvider>()));
        builder.Configure(options => options.EnableEntitySupport = true);
        builder.UseGrpc(_ => { });
        builder.Services.AddOptions<GrpcDurableTaskClientOptions>(builder.Name)
            .Configure<SchedulerChannels, IOptionsMonitor<DurableTaskSchedulerClientOptions>>(
                (options, channels, schedulers) =>
                    options.Channel = channels.Get(schedulers.Get(builder.Name).ToEndpoint()));
    }

    private sealed class Validation : IValidateOptions<DurableTaskSchedulerClientOptions>
    {
        public ValidateOptionsResult Validate(string? name, DurableTaskSchedulerClientOptions options) =>
            SchedulerEndpoint.Check(
                options.EndpointAddress, options.TaskHubName, options.Credential, options.AllowInsecureCredentials)
                is { } problem
                ? ValidateOptionsResult.Fail(problem)
                : ValidateOptionsResult.Success;
    }
}
