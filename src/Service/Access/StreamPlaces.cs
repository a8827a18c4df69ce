using System.Collections.Concurrent;
using System.Security.Claims;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Access;

/// <summary>The open streams and waits of all callers, and of each key: one key cannot take the places of
/// all.</summary>
internal sealed class StreamPlaces(ServiceSettings settings)
{
    /// <summary>Most streams and waits at once; each costs a look at a run a second.</summary>
    public const int Most = 1000;

    /// <summary>Seconds after which a place may be free again; chosen, since streams last as long as runs.</summary>
    private const string RetryAfter = "10";

    private readonly ConcurrentDictionary<string, int> _open = new(StringComparer.Ordinal);
    private int _all;

    /// <summary>Takes a place for a stream or a wait until its answer has ended.</summary>
    /// <returns>The refusal; null if it may begin.</returns>
    public IResult? Refuse(HttpContext context)
    {
        if (Take(context.User) is not { } place)
        {
            context.Response.Headers.RetryAfter = RetryAfter;
            return Problems.Of(
                StatusCodes.Status429TooManyRequests, "STREAMS_OF_KEY_FULL",
                "This key has as many event streams and waits open as one may; close some, or ask without a stream or "
                + "a timeout.");
        }

        // Also where the client has left before the first event is asked for.
        context.Response.RegisterForDispose(place);
        return Volatile.Read(ref _all) > Most
            ? Problems.Of(
                StatusCodes.Status503ServiceUnavailable, "STREAMS_FULL",
                $"{Most} event streams and waits are open; close some, or ask without a stream or a timeout.")
            : null;
    }

    /// <summary>Takes a place, which the caller disposes when the stream has ended.</summary>
    /// <returns>null if the caller's key has as many as it may.</returns>
    public IDisposable? Take(ClaimsPrincipal caller)
    {
        // Without authentication all callers are one, and share the places of all.
        var most = settings.Access.Authentication ? settings.Access.StreamsPerKey : int.MaxValue;
        var key = caller.FindFirstValue(AccessPolicies.KeyId) ?? "";
        Interlocked.Increment(ref _all);
        if (_open.AddOrUpdate(key, 1, (_, count) => count + 1) > most)
        {
            Leave(key);
            return null;
        }

        return new Place(this, key);
    }

    private void Leave(string key)
    {
        Interlocked.Decrement(ref _all);
        if (_open.AddOrUpdate(key, 0, (_, count) => count - 1) == 0)
        {
            // Only if no other request has taken a place meanwhile.
            _open.TryRemove(KeyValuePair.Create(key, 0));
        }
    }

    private sealed class Place(StreamPlaces places, string key) : IDisposable
    {
        private int _isLeft;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isLeft, 1) == 0)
            {
                places.Leave(key);
            }
        }
    }
}
