using Google.Cloud.PubSub.V1;
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
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(1);

    private volatile bool _isReached = true;
    private bool _isListening, _isTold;

    /// <summary>Gets a value indicating whether the broker answered the last time, or has not been asked yet.</summary>
    public bool IsReached => _isReached;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.PubSub.Subscription is not { } subscription)
        {
            return;
        }

        if (await ConnectAsync(subscription, stoppingToken) is not { } connection)
        {
            return;
        }

        using (connection)
        using (var stream = new MessageStream(
            connection.Subscriber, subscription,
            (message, stop) => messages.HandleAsync(connection.Publisher, subscription, message, stop),
            new StreamLimits(), TimeProvider.System, logger))
        {
            var renewing = stream.RenewAsync(stoppingToken);
            await ReceiveAsync(stream, subscription, stoppingToken);
            await renewing;
            await stream.LetGoAsync();
        }
    }

    /// <summary>Connects, once there are credentials.</summary>
    private async Task<PubSubConnection?> ConnectAsync(string subscription, CancellationToken cancellation)
    {
        for (var pause = FirstPause; !cancellation.IsCancellationRequested; pause = Longer(pause))
        {
            try
            {
                return await PubSubLink.ConnectAsync(settings.PubSub, subscription, cancellation);
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                Miss(subscription, exception);
                await PauseAsync(pause, cancellation);
            }
            catch (Exception)
            {
                break;
            }
        }

        return null;
    }

    /// <summary>Opens a stream again and again. A broker ends one now and then, so the end of one that was good is no
    /// outage.</summary>
    private async Task ReceiveAsync(MessageStream stream, string subscription, CancellationToken cancellation)
    {
        for (var pause = FirstPause; !cancellation.IsCancellationRequested;)
        {
            var isGood = false;
            Exception? fault = null;
            try
            {
                await stream.ReceiveAsync(
                    () =>
                    {
                        isGood = true;
                        Reach(subscription);
                    },
                    cancellation);
            }
            catch (Exception) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                fault = exception;
            }

            if (isGood)
            {
                pause = FirstPause;
            }
            else
            {
                Miss(subscription, fault);
            }

            await PauseAsync(pause, cancellation);
            pause = Longer(pause);
        }
    }

    private void Reach(string subscription)
    {
        _isReached = true;
        if (!_isListening)
        {
            (_isListening, _isTold) = (true, false);
            Log.Listening(logger, subscription);
        }
    }

    private void Miss(string subscription, Exception? exception)
    {
        (_isReached, _isListening) = (false, false);

        // Logged once each time that the broker becomes unreachable, not once a minute.
        if (!_isTold)
        {
            _isTold = true;
            Log.Broken(logger, subscription, exception);
        }
    }

    private static async Task PauseAsync(TimeSpan pause, CancellationToken cancellation) =>
        await Task.Delay(pause, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;

    private static partial class Log
    {
        [LoggerMessage(4200, LogLevel.Information, "Starting runs from {Subscription}.")]
        public static partial void Listening(ILogger logger, string subscription);

        [LoggerMessage(4201, LogLevel.Warning,
            "{Subscription} is out of reach; trying again, with pauses of a minute at most.")]
        public static partial void Broken(ILogger logger, string subscription, Exception? exception);
    }
}
