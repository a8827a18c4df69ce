using Google.Cloud.PubSub.V1;

namespace Workflows.Service.Messages;

/// <summary>A message that is held.</summary>
internal sealed class Held(string ackId, PubsubMessage message, DateTimeOffset since)
{
    /// <summary>Gets the id of the delivery.</summary>
    public string AckId { get; } = ackId;

    /// <summary>Gets the message.</summary>
    public PubsubMessage Message { get; } = message;

    /// <summary>Gets the time of the delivery.</summary>
    public DateTimeOffset Since { get; } = since;

    /// <summary>Gets the size of the message.</summary>
    public int Bytes { get; } = message.CalculateSize();

    /// <summary>Gets a text that is the same for messages that are handled one after the other: those of an ordering
    /// key, and deliveries of the same message.</summary>
    public string Chain { get; } = message.OrderingKey.Length > 0 ? $"k{message.OrderingKey}" : $"m{message.MessageId}";
}

/// <summary>Keeps the order of messages with an ordering key, also past one that must come again.</summary>
internal sealed class MessageChains(TimeProvider clock)
{
    /// <summary>Time after which a message that was to come again is not waited for any more: it may be in the
    /// dead-letter topic, or at another service.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    /// <summary>Most ordering keys that wait; chosen.</summary>
    private const int MostKeys = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Queue<Held>> _chains = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string MessageId, DateTimeOffset Until)> _postponed =
        new(StringComparer.Ordinal);

    /// <summary>Adds a message to its chain.</summary>
    /// <returns>true if the chain is new, so that somebody has to handle it.</returns>
    public bool Add(Held held)
    {
        lock (_lock)
        {
            if (_chains.TryGetValue(held.Chain, out var chain))
            {
                chain.Enqueue(held);
                return false;
            }

            _chains.Add(held.Chain, new Queue<Held>());
            return true;
        }
    }

    /// <summary>Returns the message after one that was handled; null at the end of the chain.</summary>
    public Held? Next(Held held)
    {
        lock (_lock)
        {
            if (_chains.GetValueOrDefault(held.Chain)?.TryDequeue(out var next) == true)
            {
                return next;
            }

            _chains.Remove(held.Chain);
            return null;
        }
    }

    /// <summary>Returns the seconds until a message is to come again, since one before it comes again; null for
    /// none.</summary>
    public int? WaitOf(Held held)
    {
        lock (_lock)
        {
            if (!_postponed.TryGetValue(held.Chain, out var first))
            {
                return null;
            }

            var left = first.Until - clock.GetUtcNow();
            if (first.MessageId != held.Message.MessageId && left + Grace > TimeSpan.Zero)
            {
                // Behind the first one, also where the broker has no order of its own.
                return Math.Clamp((int)Math.Ceiling(left.TotalSeconds) + 1, 1, 600);
            }

            _postponed.Remove(held.Chain);
            return null;
        }
    }

    /// <summary>Notes that a message comes again; the first one of its chain counts.</summary>
    public void Postpone(Held held, int seconds)
    {
        if (held.Message.OrderingKey.Length == 0)
        {
            return;
        }

        lock (_lock)
        {
            var now = clock.GetUtcNow();
            if (_postponed.Count >= MostKeys)
            {
                foreach (var key in _postponed.Where(each => each.Value.Until + Grace < now).Select(each => each.Key)
                    .ToList())
                {
                    _postponed.Remove(key);
                }
            }

            if (_postponed.Count < MostKeys)
            {
                _postponed.TryAdd(held.Chain, (held.Message.MessageId, now.AddSeconds(seconds)));
            }
        }
    }
}
