using Google.Cloud.PubSub.V1;
using Grpc.Core;
using Workflows.Service.Hosting;

namespace Workflows.Service.Messages;

/// <summary>
/// Starts a run for each message of a subscription. The message's id is the run's key, so a redelivery starts nothing
/// twice. A message is acknowledged once the start is durable, not at the end of the run. No fault of the broker ends
/// the subscription: it continues after a pause.
/// </summary>
internal sealed partial class RunSubscriber(
    ServiceSettings settings, RunMessages messages, ILogger<RunSubscriber> logger) : BackgroundService
{
    private const int MessagesAtOnce = 10;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(1);

    /// <summary>Pause after an empty answer; Pub/Sub itself keeps a pull open until there is a message.</summary>
    private static readonly TimeSpan EmptyPause = TimeSpan.FromSeconds(1);

    private volatile bool _isReached = true;

    /// <summary>Gets a value indicating whether the broker answered the last time, or has not been asked yet.</summary>
    public bool IsReached => _isReached;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.PubSub.Subscription is not { } subscription)
        {
            return;
        }

        var pause = FirstPause;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                using var connection = await PubSubLink.ConnectAsync(
                    settings.PubSub, subscription, stoppingToken);
                if (pause == FirstPause)
                {
                    Log.Listening(logger, subscription);
                }

                while (true)
                {
                    await ReceiveAsync(connection, subscription, stoppingToken);
                    _isReached = true;
                    if (pause != FirstPause)
                    {
                        Log.Listening(logger, subscription);
                        pause = FirstPause;
                    }
                }
            }
            catch (Exception) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                _isReached = false;

                // Logged once each time that the broker becomes unreachable, not once a minute.
                if (pause == FirstPause)
                {
                    Log.Broken(logger, subscription, exception);
                }

                await Task.Delay(pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private async Task ReceiveAsync(
        PubSubConnection connection, string subscription, CancellationToken cancellation)
    {
        PullResponse answer;
        try
        {
            answer = await connection.Subscriber.PullAsync(
                new PullRequest { Subscription = subscription, MaxMessages = MessagesAtOnce },
                deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(90),
                cancellationToken: cancellation);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.DeadlineExceeded)
        {
            // No message arrived for a while; the next pull waits for one.
            return;
        }

        if (answer.ReceivedMessages.Count == 0)
        {
            await Task.Delay(EmptyPause, cancellation);
        }

        foreach (var received in answer.ReceivedMessages)
        {
            await messages.HandleAsync(
                connection.Publisher, connection.Subscriber, subscription, received, cancellation);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4200, LogLevel.Information, "Starting runs from {Subscription}.")]
        public static partial void Listening(ILogger logger, string subscription);

        [LoggerMessage(4201, LogLevel.Warning,
            "{Subscription} is out of reach; trying again, with pauses of a minute at most.")]
        public static partial void Broken(ILogger logger, string subscription, Exception exception);
    }
}
