using System.Threading.Channels;
using CloudNative.CloudEvents;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;

namespace Workflows.Service.Messages;

/// <summary>A topic that receives the lifecycle of runs.</summary>
internal interface IEventTarget
{
    /// <summary>Names the topic.</summary>
    public string Name { get; }

    /// <summary>Publishes an event.</summary>
    /// <param name="happening">The event.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A task that completes when the broker has it.</returns>
    public Task PublishAsync(CloudEvent happening, CancellationToken cancellation);
}

/// <summary>
/// Publishes the lifecycle of runs, each topic by itself and in the order of the facts. A broker that is away costs
/// nothing but time: events wait, and are published when it is back. Those that still wait some seconds after the
/// service was told to end, or of which there are too many, are lost; the end of a run is announced by an activity, and
/// never is.
/// </summary>
internal sealed partial class LifecyclePublisher(
    RunLedger ledger, IEnumerable<IEventTarget> targets, NodeSecrets secrets, TimeProvider clock,
    ILogger<LifecyclePublisher> logger) : BackgroundService
{
    /// <summary>Most events that wait for a topic: the oldest are dropped.</summary>
    private const int MostWaiting = 10_000;

    /// <summary>Most time for the events that wait when the service ends.</summary>
    internal static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(1);

    private readonly List<(IEventTarget Target, Channel<CloudEvent> Waiting)> _topics =
        [.. targets.Select(target => (target, Channel.CreateBounded<CloudEvent>(
            new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest })))];

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (_topics.Count > 0)
        {
            ledger.Written += Take;
        }

        return base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        ledger.Written -= Take;
        _topics.ForEach(topic => topic.Waiting.Writer.TryComplete());
        if (ExecuteTask is { } publishing)
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(publishing, Task.Delay(LastPatience, clock, end.Token));
            await end.CancelAsync();
        }

        await base.StopAsync(cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(_topics.Select(topic => PublishAsync(topic.Target, topic.Waiting.Reader, stoppingToken)));

    private void Take(WrittenFact fact)
    {
        try
        {
            if (RunEvent.Of(fact, secrets, clock.GetUtcNow()) is { } happening)
            {
                _topics.ForEach(topic => topic.Waiting.Writer.TryWrite(happening));
            }
        }
        catch (ArgumentException exception)
        {
            // CloudEvents has no such id. The activity that wrote the fact has no part in it.
            Log.NoEvent(logger, fact.Kind, fact.RunId.Value, exception);
        }
    }

    private async Task PublishAsync(
        IEventTarget target, ChannelReader<CloudEvent> waiting, CancellationToken cancellation)
    {
        await foreach (var happening in waiting.ReadAllAsync(cancellation))
        {
            var pause = FirstPause;
            while (!await TryAsync(target, happening, isFirst: pause == FirstPause, cancellation))
            {
                await Task.Delay(pause, clock, cancellation);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private async Task<bool> TryAsync(
        IEventTarget target, CloudEvent happening, bool isFirst, CancellationToken cancellation)
    {
        try
        {
            await target.PublishAsync(happening, cancellation);
            return true;
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            // Once for each event that has to wait, not for each try.
            if (isFirst)
            {
                Log.Waiting(logger, happening.Id!, target.Name, exception.Message);
            }

            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4215, LogLevel.Error, "A fact '{Kind}' of {RunId} cannot be an event.")]
        public static partial void NoEvent(ILogger logger, string kind, string runId, Exception exception);

        [LoggerMessage(4210, LogLevel.Warning,
            "The event {EventId} cannot be published to {Topic}, and is tried again: {Reason}")]
        public static partial void Waiting(ILogger logger, string eventId, string topic, string reason);
    }
}
