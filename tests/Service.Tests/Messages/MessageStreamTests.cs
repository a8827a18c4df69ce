using System.Collections.Concurrent;
using System.Globalization;
using Google.Cloud.PubSub.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Service.Messages;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Messages;

/// <summary>Leases, bounds and order of a streaming pull, with Google's emulator where the broker matters.</summary>
public sealed class MessageStreamTests
{
    private const string Topic = "projects/test-project/topics/runs";
    private const string Subscription = "projects/test-project/subscriptions/runs";
    private const string Witness = "projects/test-project/subscriptions/witness";

    private readonly ConcurrentQueue<string> _handled = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A second subscription with the same deadline shows when the broker redelivers what nobody renews.
    /// </summary>
    [Fact]
    public async Task Handler_SlowerThanTheLease_GetsNoRedelivery()
    {
        await using var emulator = await PubSubEmulator.StartOrSkipAsync(Cancellation);
        using var pubSub = await PrepareAsync(emulator, isOrdered: false);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var receiving = Receive(
            pubSub.Subscriber, new StreamLimits { LeaseSeconds = 10 },
            async (message, stop) =>
            {
                _handled.Enqueue(message.Data.ToStringUtf8());
                await gate.Task.WaitAsync(stop);
                return null;
            });

        await PublishAsync(pubSub, ("slow", ""));
        for (var delivery = 0; delivery < 3; delivery++)
        {
            await PullAsync(pubSub, Witness);
        }

        gate.SetResult();
        await Eventually.TrueAsync(() => receiving.Stream.Count == 0);

        Assert.Equal(["slow"], _handled);
    }

    [Fact]
    public async Task Messages_ManyAtOnce_AreHeldToTheBoundsAndAllHandled()
    {
        await using var emulator = await PubSubEmulator.StartOrSkipAsync(Cancellation);
        using var pubSub = await PrepareAsync(emulator, isOrdered: false);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (now, most) = (0, 0);
        var held = new ConcurrentQueue<int>();
        Receiving? receiving = null;
        await using var ends = receiving = Receive(
            pubSub.Subscriber, new StreamLimits { Messages = 20, AtOnce = 4 },
            async (message, stop) =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref now));
                await gate.Task.WaitAsync(stop);
                held.Enqueue(receiving!.Stream.Count);
                _handled.Enqueue(message.Data.ToStringUtf8());
                Interlocked.Decrement(ref now);
                return null;
            });

        var names = Enumerable.Range(0, 200).Select(each => $"{each}").ToList();
        await PublishAsync(pubSub, [.. names.Select(each => (each, ""))]);
        await Eventually.TrueAsync(() => receiving.Stream.Count >= 20 && most == 4);
        gate.SetResult();
        await Eventually.TrueAsync(() => _handled.Count >= 200 && receiving.Stream.Count == 0);

        Assert.Equal(names.Order(StringComparer.Ordinal), _handled.Order(StringComparer.Ordinal));
        Assert.Equal(4, most);

        // The emulator ignores the bounds of the request and sends 100 messages at once: one answer goes beyond the 20.
        Assert.InRange(held.Max(), 20, 19 + 100);
    }

    [Fact]
    public async Task Messages_WithOrderingKeys_AreHandledInOrderAlsoBehindOneThatComesAgain()
    {
        await using var emulator = await PubSubEmulator.StartOrSkipAsync(Cancellation);
        using var pubSub = await PrepareAsync(emulator, isOrdered: true);
        var isFirst = true;
        await using var receiving = Receive(
            pubSub.Subscriber, new StreamLimits { LeaseSeconds = 10 },
            (message, _) =>
            {
                var name = message.Data.ToStringUtf8();
                if (name == "a5" && isFirst)
                {
                    isFirst = false;
                    return Task.FromResult<int?>(2);
                }

                _handled.Enqueue(name);
                return Task.FromResult<int?>(null);
            });

        var sent = Enumerable.Range(0, 20)
            .SelectMany(each => new[] { "a", "b", "c" }.Select(key => ($"{key}{each}", key))).ToArray();
        await PublishAsync(pubSub, sent);
        await Eventually.TrueAsync(() => _handled.Distinct().Count() == 60);

        Assert.False(isFirst);
        foreach (var key in new[] { "a", "b", "c" })
        {
            // A broker that keeps order may deliver again what comes behind a message that comes again.
            Assert.Equal(
                Enumerable.Range(0, 20),
                _handled.Where(each => each.StartsWith(key, StringComparison.Ordinal)).Distinct()
                    .Select(each => int.Parse(each[1..], CultureInfo.InvariantCulture)));
        }
    }

    [Fact]
    public async Task Messages_OfOneKey_WaitForEachOtherAndNotForAnotherKey()
    {
        await using var broker = await FakePubSub.StartAsync();
        using var pubSub = PubSubConnection.ToEmulator(broker.Host);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var receiving = Receive(pubSub.Subscriber, new StreamLimits(), async (message, stop) =>
        {
            _handled.Enqueue(message.MessageId);
            if (message.MessageId == "a1")
            {
                await gate.Task.WaitAsync(stop);
            }

            return message.MessageId == "a2" ? 30 : null;
        });

        foreach (var (id, key) in new[] { ("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b") })
        {
            broker.Send(ByteString.Empty, id, key);
        }

        await Eventually.TrueAsync(() => _handled.Contains("b1") && receiving.Stream.Count == 3);
        Assert.Equal(["a1", "b1"], _handled.Order(StringComparer.Ordinal));
        gate.SetResult();
        await Eventually.TrueAsync(() => broker.Delayed.Count == 2);

        // The third one waits for the second one, which was not done, without being handled.
        Assert.Equal(["a1", "a2", "b1"], _handled.Order(StringComparer.Ordinal));
        Assert.Equal([("m2", 30), ("m3", 31)], broker.Delayed);
        broker.Send(ByteString.Empty, "a2", "a");
        await Eventually.TrueAsync(() => broker.Delayed.Count == 3);
        Assert.Equal("a2", _handled.Last());
    }

    [Fact]
    public async Task Stop_WithMessagesThatAreHeld_GivesThemBackAtOnce()
    {
        await using var broker = await FakePubSub.StartAsync();
        using var pubSub = PubSubConnection.ToEmulator(broker.Host);
        var receiving = Receive(pubSub.Subscriber, new StreamLimits { AtOnce = 1 }, async (message, stop) =>
        {
            await Task.Delay(Timeout.Infinite, stop);
            return null;
        });
        await using (receiving)
        {
            broker.Send(ByteString.Empty);
            broker.Send(ByteString.Empty);
            await Eventually.TrueAsync(() => receiving.Stream.Count == 2);
        }

        Assert.Equal([("m1", 0), ("m2", 0)], broker.Delayed.Order());
        Assert.Empty(broker.Acknowledged);
    }

    /// <summary>The broker counts what waits for another delivery, and would send nothing else.</summary>
    [Fact]
    public async Task Messages_ThatWait_MakeRoomForOthersByANewStream()
    {
        await using var broker = await FakePubSub.StartAsync();
        using var pubSub = PubSubConnection.ToEmulator(broker.Host);
        await using var receiving = Receive(
            pubSub.Subscriber, new StreamLimits { Messages = 4 }, (_, _) => Task.FromResult<int?>(600));
        for (var count = 0; count < 3; count++)
        {
            broker.Send(ByteString.Empty);
        }

        await Eventually.TrueAsync(() => broker.Streams == 2);

        Assert.Equal((4, 60), (broker.Request!.MaxOutstandingMessages, broker.Request.StreamAckDeadlineSeconds));
        Assert.Equal(3, broker.Delayed.Count(each => each.Seconds == 600));
    }

    [Fact]
    public async Task Handler_ThatFails_HoldsUpNoOtherMessage()
    {
        await using var broker = await FakePubSub.StartAsync();
        using var pubSub = PubSubConnection.ToEmulator(broker.Host);
        await using var receiving = Receive(pubSub.Subscriber, new StreamLimits { AtOnce = 1 }, (message, _) =>
            message.MessageId == "bad"
                ? throw new InvalidOperationException("A defect.") : Task.FromResult<int?>(null));

        var bad = broker.Send(ByteString.Empty, "bad", "key");
        var good = broker.Send(ByteString.Empty, "good");
        await Eventually.TrueAsync(() => broker.Acknowledged.Contains(good) && !broker.Delayed.IsEmpty);

        Assert.Equal([(bad, 600)], broker.Delayed);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var old = most; value > old; old = most)
        {
            Interlocked.CompareExchange(ref most, value, old);
        }
    }

    private static Receiving Receive(
        Subscriber.SubscriberClient client, StreamLimits limits, MessageHandler handle) => new(new MessageStream(
            client, Subscription, handle, limits, TimeProvider.System, NullLogger.Instance));

    private static async Task<PubSubConnection> PrepareAsync(PubSubEmulator emulator, bool isOrdered)
    {
        var pubSub = PubSubConnection.ToEmulator(emulator.Host);
        await pubSub.Publisher.CreateTopicAsync(new Topic { Name = Topic });
        foreach (var name in new[] { Subscription, Witness })
        {
            await pubSub.Subscriber.CreateSubscriptionAsync(new Subscription
            {
                Name = name,
                Topic = Topic,
                AckDeadlineSeconds = 10,
                EnableMessageOrdering = isOrdered,
            });
        }

        return pubSub;
    }

    private static async Task PublishAsync(PubSubConnection pubSub, params (string Text, string Key)[] messages) =>
        await pubSub.Publisher.PublishAsync(new PublishRequest
        {
            Topic = Topic,
            Messages =
            {
                messages.Select(each => new PubsubMessage
                {
                    Data = ByteString.CopyFromUtf8(each.Text),
                    OrderingKey = each.Key,
                }),
            },
        });

    /// <summary>Waits for a delivery that nobody acknowledges.</summary>
    private static Task PullAsync(PubSubConnection pubSub, string subscription) =>
        Eventually.TrueAsync(async () => (await pubSub.Subscriber.PullAsync(
            new PullRequest { Subscription = subscription, MaxMessages = 1 },
            deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(2))).ReceivedMessages.Count > 0);

    /// <summary>A stream that is opened again and again, as the service does.</summary>
    private sealed class Receiving : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _receiving, _renewing;

        public Receiving(MessageStream stream)
        {
            Stream = stream;
            _receiving = Task.Run(ReceiveAsync);
            _renewing = stream.RenewAsync(_stop.Token);
        }

        public MessageStream Stream { get; }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _receiving;
            await _renewing;
            await Stream.LetGoAsync();
            Stream.Dispose();
            _stop.Dispose();
        }

        private async Task ReceiveAsync()
        {
            while (!_stop.IsCancellationRequested)
            {
                try
                {
                    await Stream.ReceiveAsync(() => { }, _stop.Token);
                }
                catch (Exception exception) when (
                    exception is RpcException or OperationCanceledException && _stop.IsCancellationRequested)
                {
                    return;
                }
            }
        }
    }
}
