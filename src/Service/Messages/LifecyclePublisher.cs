using CloudNative.CloudEvents;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Service.Database;

namespace Workflows.Service.Messages;

/// <summary>A topic that receives the lifecycle of runs.</summary>
internal interface IEventTarget
{
    /// <summary>Names the topic.</summary>
    public string Name { get; }

    /// <summary>Returns whether the topic gets facts of a kind that are events.</summary>
    /// <param name="kind">One of <see cref="LedgerKinds"/>.</param>
    public bool Takes(string kind) => RunEvent.IsOne(kind);

    /// <summary>Publishes an event.</summary>
    /// <param name="happening">The event.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A task that completes when the broker has it.</returns>
    public Task PublishAsync(CloudEvent happening, CancellationToken cancellation);
}

/// <summary>
/// Publishes the lifecycle of runs, each topic by itself and each run in the order of its facts, at least once. The
/// ledger has the events, and a cursor in the store says which of them a broker has, so a broker that is away and a
/// service that is killed cost nothing but time.
/// </summary>
internal sealed class LifecyclePublisher(
    RunLedger ledger, IEnumerable<IEventTarget> targets, NodeSecrets secrets, TimeProvider clock,
    ILogger<LifecyclePublisher> logger, OtherServices? others = null) : BackgroundService
{
    /// <summary>Most time for the events that wait when the service ends; the next start has the others.</summary>
    internal static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(5);

    private readonly List<TopicPublisher> _topics =
        [.. targets.Select(target => new TopicPublisher(ledger, target, secrets, clock, logger))];

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (_topics.Count > 0)
        {
            ledger.Written += Take;
            others?.Ended += Look;
        }

        return base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        Leave();
        _topics.ForEach(topic => topic.Complete());
        if (ExecuteTask is { } publishing)
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(publishing, Task.Delay(LastPatience, clock, end.Token));
            await end.CancelAsync();
        }

        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        Leave();
        base.Dispose();
        _topics.ForEach(topic => topic.Dispose());
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(_topics.Select(topic => Task.Run(() => topic.RunAsync(stoppingToken), stoppingToken)));

    private void Leave()
    {
        ledger.Written -= Take;
        others?.Ended -= Look;
    }

    /// <summary>Looks for the events of a service that has ended.</summary>
    private void Look() => _topics.ForEach(topic => topic.LookNow());

    private void Take(WrittenFact fact)
    {
        foreach (var topic in _topics.Where(topic => topic.Takes(fact.Kind)))
        {
            topic.Note(fact.RunId);
        }
    }
}
