using Google.Cloud.PubSub.V1;
using Grpc.Core;

namespace Workflows.Service.Messages;

/// <summary>Handles a message.</summary>
/// <param name="message">The message.</param>
/// <param name="cancellation">Cancelled when the service stops.</param>
/// <returns>null if it is done; otherwise the seconds until it is to be delivered again.</returns>
internal delegate Task<int?> MessageHandler(PubsubMessage message, CancellationToken cancellation);

/// <summary>The bounds of a <see cref="MessageStream"/>; chosen.</summary>
internal sealed record StreamLimits
{
    /// <summary>Gets the most messages that are held: being handled, or waiting for it.</summary>
    public int Messages { get; init; } = 100;

    /// <summary>Gets the most bytes of the messages that are held; the last answer may go beyond.</summary>
    public long Bytes { get; init; } = 64 << 20;

    /// <summary>Gets the most messages that are handled at once.</summary>
    public int AtOnce { get; init; } = 8;

    /// <summary>Gets the lease of a message, which is renewed as long as it is held: 10 to 600 seconds.</summary>
    public int LeaseSeconds { get; init; } = 60;
}

/// <summary>
/// Receives messages by streaming pull. Their leases are renewed until they are handled. Messages of one ordering key
/// are handled in the order of their arrival, others side by side. One that must wait makes the later ones of its key
/// wait too. Bounds on messages and bytes hold at the broker and here, since the broker counts what it delivered only.
/// </summary>
/// <param name="client">The broker.</param>
/// <param name="subscription">The subscription.</param>
/// <param name="handle">Handles a message.</param>
/// <param name="limits">The bounds.</param>
/// <param name="clock">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class MessageStream(
    Subscriber.SubscriberClient client, string subscription, MessageHandler handle, StreamLimits limits,
    TimeProvider clock, ILogger logger) : IDisposable
{
    /// <summary>Time after which a stream that was not refused is taken for a good one: no answer says so.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(5);

    /// <summary>Time between two signs of life, as Google's own clients send them.</summary>
    private static readonly TimeSpan Sign = TimeSpan.FromSeconds(25);

    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(30), StopLimit = TimeSpan.FromSeconds(2);

    /// <summary>Most time for which a lease is renewed: the message of a handler that hangs goes elsewhere.</summary>
    private static readonly TimeSpan LongestLease = TimeSpan.FromHours(1);

    /// <summary>Seconds until the message of a handler that failed comes again.</summary>
    private const int LongWait = 600;

    /// <summary>Most ids in a call, which has 512 KiB at most.</summary>
    private const int IdsOfACall = 1000;

    private readonly Lock _lock = new();
    private readonly HashSet<Held> _held = [];
    private readonly MessageChains _chains = new(clock);
    private readonly SemaphoreSlim _hands = new(limits.AtOnce);
    private readonly HashSet<Task> _handling = [];
    private readonly string _clientId = Guid.NewGuid().ToString();
    private TaskCompletionSource _freed = New(), _full = New();
    private long _bytes;
    private int _postponed;

    /// <summary>Gets the number of messages that are held.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _held.Count;
            }
        }
    }

    public void Dispose() => _hands.Dispose();

    /// <summary>Receives until the stream ends, which a broker does now and then, too.</summary>
    /// <param name="reached">Called each time that the broker is seen to deliver.</param>
    /// <param name="cancellation">Cancelled when the service stops.</param>
    /// <exception cref="RpcException">The broker is away, or refuses.</exception>
    /// <exception cref="TimeoutException">There is no connection.</exception>
    public async Task ReceiveAsync(Action reached, CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var call = client.StreamingPull(cancellationToken: end.Token);
        Task full;
        lock (_lock)
        {
            (_postponed, _full) = (0, New());
            full = _full.Task;
        }

        // Returns once there is a connection, which a refusal follows at once.
        await call.RequestStream.WriteAsync(
            new StreamingPullRequest
            {
                Subscription = subscription,
                StreamAckDeadlineSeconds = limits.LeaseSeconds,
                ClientId = _clientId,
                MaxOutstandingMessages = limits.Messages,
                MaxOutstandingBytes = limits.Bytes,
            },
            CancellationToken.None).WaitAsync(CallLimit, clock, cancellation);
        var signs = SignAsync(call.RequestStream, end.Token);
        try
        {
            var next = call.ResponseStream.MoveNext(end.Token);
            if (await Task.WhenAny(next, Task.Delay(Settled, clock, end.Token)) != next)
            {
                reached();
            }

            while (await Task.WhenAny(next, full) == next && await next)
            {
                reached();
                foreach (var received in call.ResponseStream.Current.ReceivedMessages)
                {
                    Take(received, cancellation);
                }

                await RoomAsync(cancellation);
                next = call.ResponseStream.MoveNext(end.Token);
            }
        }
        finally
        {
            await end.CancelAsync();
            await signs;
        }
    }

    /// <summary>Renews the leases of what is held, until the end.</summary>
    /// <param name="cancellation">Cancelled when the service stops.</param>
    public async Task RenewAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromSeconds(limits.LeaseSeconds / 3.0), clock, cancellation)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!cancellation.IsCancellationRequested)
            {
                var oldest = clock.GetUtcNow() - LongestLease;
                await LeaseAsync(held => held.Since > oldest, limits.LeaseSeconds, CallLimit, cancellation);
            }
        }
    }

    /// <summary>Waits for the handlers that were cancelled, and gives back what is held.</summary>
    public async Task LetGoAsync()
    {
        List<Task> handling;
        lock (_lock)
        {
            handling = [.. _handling];
        }

        await Task.WhenAny(Task.WhenAll(handling), Task.Delay(StopLimit, clock));
        await LeaseAsync(_ => true, 0, StopLimit, CancellationToken.None);
    }

    private void Take(ReceivedMessage received, CancellationToken cancellation)
    {
        var held = new Held(received.AckId, received.Message ?? new PubsubMessage(), clock.GetUtcNow());
        lock (_lock)
        {
            _held.Add(held);
            _bytes += held.Bytes;
            if (_chains.Add(held))
            {
                var handling = Task.Run(() => HandleChainAsync(held, cancellation), CancellationToken.None);
                _handling.Add(handling);
                handling.ContinueWith(
                    Done, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
    }

    private void Done(Task handling)
    {
        lock (_lock)
        {
            _handling.Remove(handling);
        }
    }

    private async Task HandleChainAsync(Held first, CancellationToken cancellation)
    {
        for (var held = first; held is not null; held = _chains.Next(held))
        {
            try
            {
                await _hands.WaitAsync(cancellation);
                try
                {
                    await HandleAsync(held, cancellation);
                }
                finally
                {
                    _hands.Release();
                }
            }
            catch (Exception) when (cancellation.IsCancellationRequested)
            {
                // It stays among those that are let go.
                return;
            }
        }
    }

    private async Task HandleAsync(Held held, CancellationToken cancellation)
    {
        int? wait;
        try
        {
            wait = _chains.WaitOf(held) ?? await handle(held.Message, cancellation);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            // A defect of the handler holds up neither the others nor, for ever, this message.
            Log.NotHandled(logger, held.Message.MessageId, exception);
            wait = LongWait;
        }

        if (wait is { } seconds)
        {
            _chains.Postpone(held, seconds);
        }

        await AnswerAsync(held, wait, cancellation);
    }

    private async Task AnswerAsync(Held held, int? wait, CancellationToken cancellation)
    {
        try
        {
            // First, so that no renewal of the lease overtakes the answer.
            Free(held, isPostponed: wait is not null);
            if (wait is { } seconds)
            {
                await client.ModifyAckDeadlineAsync(
                    new ModifyAckDeadlineRequest
                    {
                        Subscription = subscription,
                        AckIds = { held.AckId },
                        AckDeadlineSeconds = seconds,
                    },
                    deadline: In(CallLimit), cancellationToken: cancellation);
            }
            else
            {
                await client.AcknowledgeAsync(
                    new AcknowledgeRequest { Subscription = subscription, AckIds = { held.AckId } },
                    deadline: In(CallLimit), cancellationToken: cancellation);
            }
        }
        catch (RpcException exception) when (!cancellation.IsCancellationRequested)
        {
            // The broker redelivers the message, which its id makes harmless.
            Log.NotAnswered(logger, held.Message.MessageId, exception.Status.ToString());
        }
        catch (RpcException)
        {
            // The service stops: the lease runs out.
        }
    }

    private void Free(Held held, bool isPostponed)
    {
        lock (_lock)
        {
            _held.Remove(held);
            _bytes -= held.Bytes;
            _postponed += isPostponed ? 1 : 0;
            if (_postponed > limits.Messages / 2)
            {
                // The broker counts them until they come again, and would deliver no others meanwhile. A new stream
                // begins to count anew.
                _full.TrySetResult();
            }

            _freed.TrySetResult();
            _freed = New();
        }
    }

    /// <summary>Waits until another answer of the broker may be read.</summary>
    private async Task RoomAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Task freed;
            lock (_lock)
            {
                if (_held.Count < limits.Messages && _bytes < limits.Bytes)
                {
                    return;
                }

                freed = _freed.Task;
            }

            await freed.WaitAsync(cancellation);
        }
    }

    private async Task LeaseAsync(
        Func<Held, bool> which, int seconds, TimeSpan limit, CancellationToken cancellation)
    {
        List<string> ids;
        lock (_lock)
        {
            ids = [.. _held.Where(which).Select(held => held.AckId)];
        }

        try
        {
            foreach (var some in ids.Chunk(IdsOfACall))
            {
                await client.ModifyAckDeadlineAsync(
                    new ModifyAckDeadlineRequest
                    {
                        Subscription = subscription,
                        AckIds = { some },
                        AckDeadlineSeconds = seconds,
                    },
                    deadline: In(limit), cancellationToken: cancellation);
            }
        }
        catch (RpcException exception)
        {
            // The leases run out, and the messages come again, which their ids make harmless.
            Log.NotRenewed(logger, ids.Count, exception.Status.ToString());
        }
    }

    private async Task SignAsync(IClientStreamWriter<StreamingPullRequest> requests, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Sign, clock, cancellation);
                await requests.WriteAsync(new StreamingPullRequest(), CancellationToken.None);
            }
        }
        catch (Exception exception) when (
            exception is OperationCanceledException or RpcException or InvalidOperationException)
        {
            // The stream has ended, and reading says why.
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static DateTime In(TimeSpan limit) => (TimeProvider.System.GetUtcNow() + limit).UtcDateTime;

    private static partial class Log
    {
        [LoggerMessage(4206, LogLevel.Warning, "The broker got no acknowledgement of message {MessageId}: {Status}")]
        public static partial void NotAnswered(ILogger logger, string messageId, string status);

        [LoggerMessage(4208, LogLevel.Error, "Message {MessageId} could not be handled; it will come again.")]
        public static partial void NotHandled(ILogger logger, string messageId, Exception exception);

        [LoggerMessage(4207, LogLevel.Debug, "The leases of {Count} messages were not changed: {Status}")]
        public static partial void NotRenewed(ILogger logger, int count, string status);
    }
}
