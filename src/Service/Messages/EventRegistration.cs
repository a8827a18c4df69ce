using Dapr.Client;
using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.Service.Hosting;

namespace Workflows.Service.Messages;

/// <summary>Adds the parts that tell others about runs, and those of a Dapr sidecar; none without settings.</summary>
internal static class EventRegistration
{
    /// <summary>Adds the parts.</summary>
    /// <param name="services">The services.</param>
    /// <param name="settings">The settings.</param>
    public static void AddEvents(this IServiceCollection services, ServiceSettings settings)
    {
        if (settings.PubSub.EventsTopic is not null)
        {
            services.AddSingleton<PubSubEvents>();
            services.AddSingleton<IRunAnnouncer>(provider => provider.GetRequiredService<PubSubEvents>());
            services.AddSingleton<IEventTarget>(provider => provider.GetRequiredService<PubSubEvents>());
        }

        if (settings.Dapr.PubSubName is { } component)
        {
            services.AddDaprClient(dapr =>
            {
                if (settings.Dapr.GrpcEndpoint is { } endpoint)
                {
                    dapr.UseGrpcEndpoint(endpoint.ToString());
                }

                dapr.UseJsonSerializationOptions(RunLedger.Json);
            });
            var (ends, lifecycle) = (settings.Dapr.Topic, settings.Dapr.LifecycleTopic);
            services.AddSingleton(provider => new DaprEnds(
                provider.GetRequiredService<DaprClient>(), component, ends, hasLifecycle: ends == lifecycle));
            services.AddSingleton<IRunAnnouncer>(provider => provider.GetRequiredService<DaprEnds>());
            services.AddSingleton<IEventTarget>(provider => provider.GetRequiredService<DaprEnds>());
            services.AddSingleton<DaprSubscription>();
            if (lifecycle is not null && lifecycle != ends)
            {
                services.AddSingleton<IEventTarget>(provider => new DaprEvents(
                    provider.GetRequiredService<DaprClient>(), component, lifecycle, hasLifecycle: true));
            }
        }

        if (settings.HuggingFaceToken is not null)
        {
            services.AddSingleton<Func<Uri?, ArtifactStores>>(
                _ => emulator => DaprSecrets.StoresOf(settings, emulator));
        }

        services.AddHostedService<LifecyclePublisher>();
    }
}
