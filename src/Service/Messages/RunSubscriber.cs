using System.Text;
using Google.Cloud.PubSub.V1;
using Google.Protobuf;
using Grpc.Core;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Messages;

/// <summary>
/// Starts a run for each message of a subscription. The message's id is the run's key, so that a redelivery starts
/// nothing twice. It is acknowledged once the start is durable, not at the end of the run. A message that is no valid
/// request goes to the dead-letter topic with the reason.
/// </summary>
internal sealed partial class RunSubscriber(
    ServiceSettings settings, RunService runs, ILogger<RunSubscriber> logger) : BackgroundService
{
    private const int MessagesAtOnce = 10;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.PubSub.Subscription is not { } subscription)
        {
            return;
        }

        var pause = TimeSpan.FromSeconds(1);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                using var connection = await ConnectAsync(subscription, stoppingToken);
                Log.Listening(logger, subscription);
                while (true)
                {
                    await ReceiveAsync(connection, subscription, stoppingToken);
                    pause = TimeSpan.FromSeconds(1);
                }
            }
            catch (Exception exception) when (exception is RpcException or InvalidOperationException
                && !stoppingToken.IsCancellationRequested)
            {
                Log.Broken(logger, subscription, pause.TotalSeconds, exception);
                await Task.Delay(pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = TimeSpan.FromSeconds(Math.Min(60, pause.TotalSeconds * 2));
            }
            catch (Exception exception) when (exception is RpcException or OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<PubSubConnection> ConnectAsync(string subscription, CancellationToken cancellation)
    {
        var emulator = settings.PubSub.EmulatorHost ?? Environment.GetEnvironmentVariable("PUBSUB_EMULATOR_HOST");
        return emulator is { Length: > 0 }
            ? PubSubConnection.ToEmulator(emulator)
            : await PubSubConnection.ConnectAsync(ProjectOf(subscription), cancellation);
    }

    /// <summary>The project in projects/PROJECT/subscriptions/NAME.</summary>
    private static string? ProjectOf(string subscription) =>
        subscription.Split('/') is ["projects", var project, ..] ? project : null;

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
            // No message for a while: a pull waits for the first one.
            return;
        }

        foreach (var received in answer.ReceivedMessages)
        {
            if (await StartAsync(connection, subscription, received, cancellation))
            {
                await connection.Subscriber.AcknowledgeAsync(
                    new AcknowledgeRequest { Subscription = subscription, AckIds = { received.AckId } },
                    cancellationToken: cancellation);
            }
        }
    }

    /// <summary>Starts one run, or puts the message away.</summary>
    /// <returns>Whether the message is done with.</returns>
    private async Task<bool> StartAsync(
        PubSubConnection connection, string subscription, ReceivedMessage received, CancellationToken cancellation)
    {
        var message = received.Message;
        try
        {
            var request = RunRequestReader.Parse(Decode(message.Data));
            var (id, wasThere) = await runs.StartAsync(
                request, $"{subscription}/{message.MessageId}", cancellation);
            Log.Started(logger, message.MessageId, id, wasThere);
            return true;
        }
        catch (RunRequestException exception)
        {
            Log.Refused(logger, message.MessageId, exception.Message);
            if (settings.PubSub.DeadLetterTopic is { } topic)
            {
                var letter = message.Clone();
                letter.MessageId = "";
                letter.PublishTime = null;
                letter.Attributes["workflows-code"] = "REQUEST_INVALID";
                letter.Attributes["workflows-reason"] = exception.Message[..Math.Min(1000, exception.Message.Length)];
                letter.Attributes["workflows-message-id"] = message.MessageId;
                await connection.Publisher.PublishAsync(
                    new PublishRequest { Topic = topic, Messages = { letter } }, cancellationToken: cancellation);
            }

            return true;
        }
        catch (RpcException exception) when (!cancellation.IsCancellationRequested)
        {
            // The engine did not take it: not acknowledged, the message comes again.
            Log.NotStarted(logger, message.MessageId, exception);
            return false;
        }
    }

    private static string Decode(ByteString data)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(data.Span);
        }
        catch (DecoderFallbackException)
        {
            throw new RunRequestException([new FieldError("$", "The message is not UTF-8.", "Send a JSON object.")]);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4200, LogLevel.Information, "Starting runs from {Subscription}.")]
        public static partial void Listening(ILogger logger, string subscription);

        [LoggerMessage(4201, LogLevel.Warning, "{Subscription} is out of reach; trying again in {Seconds} s.")]
        public static partial void Broken(ILogger logger, string subscription, double seconds, Exception exception);

        [LoggerMessage(4202, LogLevel.Information, "Message {MessageId} is run {RunId} (was there: {WasThere}).")]
        public static partial void Started(ILogger logger, string messageId, RunId runId, bool wasThere);

        [LoggerMessage(4203, LogLevel.Warning, "Message {MessageId} cannot start a run: {Reason}")]
        public static partial void Refused(ILogger logger, string messageId, string reason);

        [LoggerMessage(4204, LogLevel.Warning, "Message {MessageId} could not be started now; it will come again.")]
        public static partial void NotStarted(ILogger logger, string messageId, Exception exception);
    }
}
