using CloudNative.CloudEvents;
using Dapr.Client;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Messages;

/// <summary>
/// Publishes the end of each run at least once through a Dapr sidecar, as a CloudEvent whose id is the run's, so that a
/// subscriber can recognise repetitions. The end of a resumed run has the number of its part after the id.
/// </summary>
internal sealed class DaprAnnouncer(
    DaprClient dapr, string pubSubName, string topic, NodeSecrets secrets, TimeProvider clock) : IRunAnnouncer
{
    public string Name { get; } = $"dapr:{pubSubName}/{topic}";

    public Task AnnounceAsync(RunEnd end, CancellationToken cancellationToken) => DaprEvents.PublishAsync(
        dapr, pubSubName, topic, RunEvent.Of(end, secrets, clock.GetUtcNow()), cancellationToken);
}

/// <summary>Publishes the lifecycle of runs through a Dapr sidecar.</summary>
internal sealed class DaprEvents(DaprClient dapr, string pubSubName, string topic) : IEventTarget
{
    public string Name { get; } = $"dapr:{pubSubName}/{topic}";

    public Task PublishAsync(CloudEvent happening, CancellationToken cancellation) =>
        PublishAsync(dapr, pubSubName, topic, happening, cancellation);

    /// <summary>Publishes an event; the sidecar makes the CloudEvent from its data and these attributes.</summary>
    public static Task PublishAsync(
        DaprClient dapr, string pubSubName, string topic, CloudEvent happening, CancellationToken cancellation) =>
        dapr.PublishEventAsync(
            pubSubName, topic, happening.Data!,
            new Dictionary<string, string>
            {
                ["cloudevent.id"] = happening.Id!,
                ["cloudevent.type"] = happening.Type!,
                ["cloudevent.source"] = $"{happening.Source}",
                ["cloudevent.subject"] = happening.Subject!,
                ["cloudevent.time"] = $"{happening.Time:O}",
            },
            cancellation);
}
