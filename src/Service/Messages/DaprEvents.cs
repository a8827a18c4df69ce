using CloudNative.CloudEvents;
using Dapr.Client;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Messages;

/// <summary>
/// Publishes runs through a Dapr sidecar, from the ledger and at least once: their ends, their lifecycle, or both where
/// they have one topic. The id of an end is the run's, so that a subscriber can recognise repetitions; the end of a
/// resumed run has the number of its part after the id.
/// </summary>
/// <param name="dapr">The sidecar.</param>
/// <param name="pubSubName">The component.</param>
/// <param name="topic">The topic.</param>
/// <param name="hasLifecycle">true if it gets the lifecycle of runs.</param>
internal class DaprEvents(DaprClient dapr, string pubSubName, string topic, bool hasLifecycle) : IEventTarget
{
    /// <summary>A sidecar that hangs must not hold the lock of its runs.</summary>
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(30);

    /// <summary>Gets the topic's name, which ledgers and cursors keep.</summary>
    public string Name { get; } = $"dapr:{pubSubName}/{topic}";

    // An end that is announced for another topic is none of this one.
    public bool Takes(string kind) => hasLifecycle || kind == LedgerKinds.Announced;

    /// <summary>Publishes an event; the sidecar makes the CloudEvent from its data and these attributes.</summary>
    public async Task PublishAsync(CloudEvent happening, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(CallLimit);
        await dapr.PublishEventAsync(
            pubSubName, topic, happening.Data!,
            new Dictionary<string, string>
            {
                ["cloudevent.id"] = happening.Id!,
                ["cloudevent.type"] = happening.Type!,
                ["cloudevent.source"] = $"{happening.Source}",
                ["cloudevent.subject"] = happening.Subject!,
                ["cloudevent.time"] = $"{happening.Time:O}",
            },
            limit.Token);
    }
}

/// <summary>The topic of a Dapr component that gets the ends of runs.</summary>
/// <param name="dapr">The sidecar.</param>
/// <param name="pubSubName">The component.</param>
/// <param name="topic">The topic.</param>
/// <param name="hasLifecycle">true if it gets the lifecycle of runs, too.</param>
internal sealed class DaprEnds(DaprClient dapr, string pubSubName, string topic, bool hasLifecycle)
    : DaprEvents(dapr, pubSubName, topic, hasLifecycle), IRunAnnouncer
{
    /// <summary>Gets true: a sidecar that is away for longer than a few tries would miss the end otherwise.</summary>
    public bool IsPublishedFromLedger => true;

    public Task AnnounceAsync(RunEnd end, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Ends are published from the ledger.");
}
