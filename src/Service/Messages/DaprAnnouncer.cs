using Dapr.Client;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Messages;

/// <summary>
/// Publishes the end of each run at least once through a Dapr sidecar, as a CloudEvent whose id is the run's, so that a
/// subscriber can recognise repetitions. The end of a resumed run has the number of its part after the id.
/// </summary>
internal sealed class DaprAnnouncer(DaprClient dapr, string pubSubName, string topic) : IRunAnnouncer
{
    public string Name { get; } = $"dapr:{pubSubName}/{topic}";

    public Task AnnounceAsync(RunEnd end, CancellationToken cancellationToken) => dapr.PublishEventAsync(
        pubSubName, topic, end,
        new Dictionary<string, string>
        {
            ["cloudevent.id"] = end.Part is { } part ? $"{end.RunId}#{part}" : end.RunId.Value,
            ["cloudevent.type"] = $"workflows.run.{WireName.Of(end.Outcome.Status)}",
        },
        cancellationToken);
}
