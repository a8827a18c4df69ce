using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Workflows.DurableTask.Sidecar.Rpc;

namespace Workflows.DurableTask.Sidecar;

/// <summary>Runs the engine inside a web application.</summary>
public static class TaskHubSidecarExtensions
{
    /// <summary>Name of the engine's meter, for exporters.</summary>
    public const string MeterName = TaskHubInstruments.MeterName;

    // A worker completes hundreds of items at once, each on a stream of its own; the server's default is 100.
    private const int StreamsPerConnection = 10_000;

    // A result of many actions may come in one message. A larger message is refused with an error each time it comes,
    // and its work item is parked in the end.
    internal const int MostBytesInMessage = 64 * 1024 * 1024;

    // A hundred years, so that times counted from now stay within the calendar.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(36_500);

    /// <summary>Returns the error that stopped the engine.</summary>
    /// <param name="services">The application's services.</param>
    /// <returns>null while it runs, after a requested stop, and without an engine.</returns>
    public static Exception? TaskHubFault(this IServiceProvider services) =>
        services.GetService<TaskHubHost>()?.Fault;

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
        // They hold no state of a call; by default the server makes and disposes one for each call.
        services.TryAddSingleton(provider => new TaskHubService(provider.GetRequiredService<TaskHubHost>()));
        services.TryAddSingleton(provider => new WorkItemStream(provider.GetRequiredService<TaskHubHost>()));
        services.AddGrpc().AddServiceOptions<TaskHubService>(
            options => options.MaxReceiveMessageSize = MostBytesInMessage);
        services.Configure<KestrelServerOptions>(options =>
            options.Limits.Http2.MaxStreamsPerConnection = StreamsPerConnection);
        return services;
    }

    /// <summary>Serves the Durable Task gRPC protocol. The endpoint must use HTTP/2; without TLS, HTTP/2
    /// only.</summary>
    /// <param name="routes">The application.</param>
    /// <returns>The group of endpoints, with which the caller can restrict hosts or add authorization.</returns>
    public static IEndpointConventionBuilder MapTaskHubSidecar(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup(string.Empty);
        // The web server's own limit, 30 MB, ends a call without a message.
        IEndpointConventionBuilder service =
            group.MapGrpcService<TaskHubService>().WithMetadata(new NoRequestSizeLimit());
        PlainCalls.AddTo(service, routes.ServiceProvider.GetRequiredService<TaskHubHost>());
        // Two endpoints have the route of GetWorkItems; this one has priority.
        group.MapGrpcService<WorkItemStream>().Add(endpoint => ((RouteEndpointBuilder)endpoint).Order = -1);
        return group;
    }

    private sealed class NoRequestSizeLimit : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => null;
    }
}
