using Google.Cloud.Location;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Microsoft.AspNetCore.Routing.Constraints;
using Workflows.GoogleCloud.TpuEmulator.Api;
using Workflows.GoogleCloud.TpuEmulator.Buckets;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>Hosts the emulator in any ASP.NET Core application.</summary>
public static class TpuEmulatorHosting
{
    /// <summary>Registers the emulator, with gRPC and its REST transcoding.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddTpuEmulator(
        this IServiceCollection services, Action<EmulatorOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var options = new EmulatorOptions();
        configure(options);
        services.AddSingleton(options);
        services.AddSingleton(provider => new EmulatedCloud(
            options, provider.GetService<TimeProvider>() ?? TimeProvider.System,
            provider.GetRequiredService<ILogger<EmulatedCloud>>()));
        services.AddSingleton(provider => new Lazy<EmulatedCloud>(provider.GetRequiredService<EmulatedCloud>));
        services.AddSingleton<ITpuEmulator, TpuEmulator>();
        services.AddHostedService<CloudClock>();
        services.AddSingleton(provider => new BucketStore(
            options, provider.GetService<TimeProvider>() ?? TimeProvider.System));
        services.AddSingleton<UploadSessions>();
        services.AddSingleton<BucketFaults>();
        services.AddSingleton<BucketApi>();

        // Addresses such as "/v1/{name=operations/**}:cancel" become regular expressions, which slim applications lack.
        services.Configure<RouteOptions>(routes => routes.SetParameterPolicy<RegexInlineRouteConstraint>("regex"));
        services.AddGrpc().AddJsonTranscoding(json =>
        {
            json.TypeRegistry = TypeRegistry.FromFiles(
                CloudTpuReflection.Descriptor, OperationsReflection.Descriptor, LocationsReflection.Descriptor,
                ErrorDetailsReflection.Descriptor, EmptyReflection.Descriptor);
            json.JsonSettings.WriteInt64sAsStrings = true;
            json.JsonSettings.IgnoreDefaultValues = true;
        });
        return services;
    }

    /// <summary>Maps the API and the VMs' metadata servers.</summary>
    /// <param name="application">The application; call this before other endpoints are mapped.</param>
    /// <param name="hosts">Restricts REST to these hosts, such as <c>*:8082</c>; if empty, all hosts.</param>
    /// <returns>The group of endpoints, to which the caller can add metadata such as authorization.</returns>
    public static IEndpointConventionBuilder MapTpuEmulator(this WebApplication application, params string[] hosts)
    {
        ArgumentNullException.ThrowIfNull(application);
        application.Use(ErrorEnvelope.WrapAsync);
        var group = application.MapGroup(string.Empty);
        group.MapGrpcService<TpuApi>().RequireHost(hosts);
        group.MapGrpcService<OperationsApi>().RequireHost(hosts);
        group.MapGrpcService<LocationsApi>().RequireHost(hosts);
        FlexStartApi.Map(group, hosts);
        ProjectApi.Map(group, hosts);
        FaultApi.Map(group, hosts);
        MetadataApi.Map(group);
        return group;
    }

    /// <summary>Maps the JSON API of Cloud Storage to a port of its own, and no other endpoint to that port.</summary>
    /// <param name="application">The application; call this before other endpoints are mapped.</param>
    /// <param name="port">The port, on which the application listens for HTTP/1.1.</param>
    public static void MapStorageEmulator(this WebApplication application, int port)
    {
        ArgumentNullException.ThrowIfNull(application);
        application.MapWhen(
            context => context.Connection.LocalPort == port,
            branch => branch.Run(context =>
                context.RequestServices.GetRequiredService<BucketApi>().HandleAsync(context)));
    }
}

/// <inheritdoc />
internal sealed class TpuEmulator(Lazy<EmulatedCloud> cloud) : ITpuEmulator
{
    public string? ScenarioOf(string project) => cloud.Value.ScenarioJsonOf(project);

    public void Prepare(string project, string scenarioJson) => cloud.Value.Prepare(project, scenarioJson);

    public IReadOnlyList<string> Occupied() => cloud.Value.Occupied();
}

/// <summary>Plays the emulated cloud's events at their time.</summary>
/// <param name="cloud">The cloud, which is opened at the start and not before: parts that are started earlier may hold
/// the lock of its folder.</param>
/// <param name="logger">Tells of a disk that refuses the state.</param>
internal sealed partial class CloudClock(Lazy<EmulatedCloud> cloud, ILogger<CloudClock> logger) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(1);

    /// <exception cref="InvalidDataException">The state is damaged.</exception>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _ = cloud.Value;
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = FirstPause;
        var isTold = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var wait = cloud.Value.Pass();
                if (isTold)
                {
                    Log.GoesOn(logger);
                }

                (pause, isTold) = (FirstPause, false);
                await cloud.Value.WaitAsync(wait, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                // The application stops; the VMs continue.
            }
            catch (Exception exception)
            {
                // An error such as a full disk: the emulated cloud's events wait until there is room. It is logged
                // once, not at every try.
                if (!isTold)
                {
                    Log.Stands(logger, LongestPause.TotalSeconds, exception);
                    isTold = true;
                }

                await Task.Delay(pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4400, LogLevel.Error,
            "The emulated cloud stands still; it is tried again, at the latest after {Seconds} s each time.")]
        public static partial void Stands(ILogger logger, double seconds, Exception exception);

        [LoggerMessage(4401, LogLevel.Warning, "The emulated cloud goes on.")]
        public static partial void GoesOn(ILogger logger);
    }
}
