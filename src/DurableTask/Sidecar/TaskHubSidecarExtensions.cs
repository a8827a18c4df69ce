using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Workflows.DurableTask.Sidecar.Rpc;

namespace Workflows.DurableTask.Sidecar;

/// <summary>Runs the engine inside a web application.</summary>
public static class TaskHubSidecarExtensions
{
    // A worker completes hundreds of items at once, each on a stream of its own; the server's default is 100.
    private const int StreamsPerConnection = 10_000;

    // A hundred years: times that are counted from now stay within the calendar.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(36_500);

    /// <summary>Adds the engine. It opens its file when the host starts and closes it when the host stops.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes the options.</param>
    /// <returns>The services.</returns>
    /// <remarks>The start fails with <see cref="TaskHubStoreException"/> when the file cannot be used.</remarks>
    public static IServiceCollection AddTaskHubSidecar(
        this IServiceCollection services, Action<TaskHubSidecarOptions>? configure = null)
    {
        services.AddOptions<TaskHubSidecarOptions>().Configure(options => configure?.Invoke(options))
            .Validate(options => options.DataDirectory.Length > 0, "DataDirectory must not be empty.")
            .Validate(options => options.DefaultConcurrency > 0, "DefaultConcurrency must be positive.")
            .Validate(
                options => options.EpisodeLease > TimeSpan.Zero && options.EpisodeLease <= Longest,
                $"EpisodeLease must be positive, and {Longest.TotalDays} days at most.")
            .Validate(
                options => options.HealthPingInterval > TimeSpan.Zero
                    && options.HealthPingInterval <= TimeSpan.FromDays(1),
                "HealthPingInterval must be positive, and a day at most.")
            .Validate(options => options.MaxDispatches > 0, "MaxDispatches must be positive.")
            .Validate(
                options => !(options.Retention <= TimeSpan.Zero || options.Retention > Longest),
                $"Retention must be positive, and {Longest.TotalDays} days at most.")
            .ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new TaskHubHost(
            provider.GetRequiredService<IOptions<TaskHubSidecarOptions>>(),
            provider.GetRequiredService<IHostApplicationLifetime>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetService<FaultInjection>()));
        services.TryAddSingleton(provider => new InProcessTaskHub(provider.GetRequiredService<TaskHubHost>()));
        services.AddHostedService(provider => provider.GetRequiredService<TaskHubHost>());
        services.AddGrpc().AddServiceOptions<TaskHubService>(options => options.MaxReceiveMessageSize = null);
        services.Configure<KestrelServerOptions>(options =>
            options.Limits.Http2.MaxStreamsPerConnection = StreamsPerConnection);
        return services;
    }

    /// <summary>Serves the Durable Task gRPC protocol. The endpoint must speak HTTP/2; without TLS, HTTP/2
    /// only.</summary>
    /// <param name="routes">The application.</param>
    /// <returns>The endpoint's conventions.</returns>
    public static GrpcServiceEndpointConventionBuilder MapTaskHubSidecar(this IEndpointRouteBuilder routes) =>
        routes.MapGrpcService<TaskHubService>();
}
