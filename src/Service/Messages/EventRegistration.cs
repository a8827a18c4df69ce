using Dapr.Client;
using Workflows.Activities.Provisioning;
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
            services.AddSingleton<IRunAnnouncer>(provider => new DaprAnnouncer(
                provider.GetRequiredService<DaprClient>(), component, settings.Dapr.Topic,
                provider.GetRequiredService<NodeSecrets>(), provider.GetRequiredService<TimeProvider>()));
            services.AddSingleton<DaprSubscription>();
            if (settings.Dapr.LifecycleTopic is { } topic)
            {
                services.AddSingleton<IEventTarget>(provider => new DaprEvents(
                    provider.GetRequiredService<DaprClient>(), component, topic));
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
