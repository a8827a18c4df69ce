using System.Collections.Concurrent;
using System.Text;
using Google.Cloud.PubSub.V1;
using Google.Protobuf;
using Grpc.Core;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Messages;

/// <summary>
/// Handles the messages of a subscription. No content of a message makes it throw: a message starts a run, goes to the
/// dead-letter topic with code and reason, or is redelivered with growing delay.
/// </summary>
internal sealed partial class RunMessages(
    ServiceSettings settings, RunStarter starter, ILogger<RunMessages> logger)
{
    private const int MostReason = 1000;

    /// <summary>Most waiting messages that are remembered; further ones are handled too, and logged each
    /// time.</summary>
    private const int MostRemembered = 10_000;

    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<string, int> _tries = new(StringComparer.Ordinal);

    /// <summary>Handles a message.</summary>
    /// <returns>null if it is done; otherwise the seconds until it is to be delivered again.</returns>
    /// <exception cref="OperationCanceledException">The service stops.</exception>
    public async Task<int?> HandleAsync(
        Publisher.PublisherClient publisher, string subscription, PubsubMessage message,
        CancellationToken cancellation)
    {
        if (!await TakeAsync(publisher, subscription, message, cancellation))
        {
            return WaitOf(message.MessageId);
        }

        _tries.TryRemove(message.MessageId, out _);
        return null;
    }

    /// <returns>true if the message is done; false if it must be redelivered.</returns>
    private async Task<bool> TakeAsync(
        Publisher.PublisherClient publisher, string subscription, PubsubMessage message,
        CancellationToken cancellation)
    {
        switch (await starter.StartAsync(
            () => RequestOf(message), $"{subscription}/{message.MessageId}", cancellation))
        {
            case RunStart.Done done:
                Log.Started(logger, message.MessageId, done.RunId, done.WasThere);
                return true;
            case RunStart.Refused refused:
                return await BuryAsync(
                    publisher, message, refused.Code, refused.Reason, refused.Fault, cancellation);
            case RunStart.Later later:
                if (IsFirst(message.MessageId))
                {
                    Log.NotStarted(
                        logger, message.MessageId, SafeText.Of(later.Reason, MostReason), later.Fault);
                }

                return false;
            case var other:
                throw new InvalidOperationException($"{other}");
        }
    }

    private static RunRequest RequestOf(PubsubMessage message)
    {
        // The id is the run's key: without one, two messages would be one run.
        return message.MessageId.Length > 0
            ? RunRequestReader.Parse(Decode(message.Data))
            : throw new RunRequestException([new FieldError(
                "messageId", "The message has no id.", "Send it through Pub/Sub, which gives it one.")]);
    }

    /// <summary>Moves a message that can never start a run to the dead-letter topic.</summary>
    /// <returns>true if it is in the dead-letter topic, or there is none.</returns>
    private async Task<bool> BuryAsync(
        Publisher.PublisherClient publisher, PubsubMessage message, string code, string reason, Exception? exception,
        CancellationToken cancellation)
    {
        var isFirst = IsFirst(message.MessageId);
        var shown = SafeText.Of(reason, MostReason);
        if (isFirst)
        {
            Log.Refused(logger, message.MessageId, code, shown, exception);
        }

        if (settings.PubSub.DeadLetterTopic is not { } topic)
        {
            return true;
        }

        var letter = message.Clone();
        letter.MessageId = "";
        letter.PublishTime = null;
        letter.Attributes["workflows-code"] = code;

        // An attribute has at most 1024 bytes, and Korean takes three bytes for each character.
        letter.Attributes["workflows-reason"] = SafeText.Of(shown, 300);
        letter.Attributes["workflows-message-id"] = message.MessageId;
        try
        {
            await publisher.PublishAsync(
                new PublishRequest { Topic = topic, Messages = { letter } }, deadline: Deadline(),
                cancellationToken: cancellation);
            return true;
        }
        catch (RpcException fault) when (!cancellation.IsCancellationRequested)
        {
            if (isFirst)
            {
                Log.NotBuried(logger, message.MessageId, topic, fault.Status.ToString());
            }

            return false;
        }
    }

    /// <summary>Returns whether a message is received for the first time since the service started.</summary>
    private bool IsFirst(string id) => !_tries.ContainsKey(id);

    /// <summary>Returns the seconds until a redelivery: more each time, up to Pub/Sub's limit.</summary>
    private int WaitOf(string id)
    {
        if (_tries.Count > MostRemembered)
        {
            _tries.Clear();
        }

        var tries = _tries.AddOrUpdate(id, 0, (_, before) => before + 1);
        return Math.Min(600, 10 << Math.Min(tries, 6));
    }

    private static DateTime Deadline() => (TimeProvider.System.GetUtcNow() + CallLimit).UtcDateTime;

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
        [LoggerMessage(4202, LogLevel.Information, "Message {MessageId} is run {RunId} (was there: {WasThere}).")]
        public static partial void Started(ILogger logger, string messageId, RunId runId, bool wasThere);

        [LoggerMessage(4203, LogLevel.Warning, "Message {MessageId} cannot start a run: {Code}: {Reason}")]
        public static partial void Refused(
            ILogger logger, string messageId, string code, string reason, Exception? exception);

        [LoggerMessage(4204, LogLevel.Warning,
            "Message {MessageId} could not be started now; it will come again: {Reason}")]
        public static partial void NotStarted(
            ILogger logger, string messageId, string reason, Exception? exception);

        [LoggerMessage(4205, LogLevel.Error,
            "Message {MessageId} cannot go to the dead-letter topic {Topic}: {Status} Create the topic, or let the "
            + "service publish to it; until then the message comes again, and others are not held up.")]
        public static partial void NotBuried(ILogger logger, string messageId, string topic, string status);
    }
}
