using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication.Cookies;
using Workflows.Activities.Storage;
using Workflows.Service.Database;
using Workflows.Service.Hosting;

namespace Workflows.Service.Access;

/// <summary>
/// Sessions of the dashboard: a sealed cookie that names a key, or the holder of an identity token. <b>Invariant:</b> a
/// session ends with its key or token, at its own time, or when its holder signs out, whichever comes first.
/// </summary>
internal sealed class Sessions(
    KeyRing keys, TimeProvider clock, IStateStore? state = null, ServiceSettings? settings = null)
{
    /// <summary>The scheme's name.</summary>
    public const string Scheme = "Session";

    /// <summary>The claim with the time at which a caller's access ends, in seconds since 1970.</summary>
    public const string Until = "workflows/until";

    private const string Id = "workflows/session";
    private const int IdBytes = 16;

    // A line for each: the session's id, a space, and its end in seconds since 1970.
    private const string EndedFile = "access/ended";

    private readonly ConcurrentDictionary<string, DateTimeOffset> _ended =
        new(state is { IsShared: false } ? ReadEnded(state.Read(EndedFile)) : [], StringComparer.Ordinal);

    /// <summary>Makes the holder of a new session.</summary>
    /// <param name="key">The key that was pasted.</param>
    /// <param name="lifetime">The most time of the session.</param>
    public ClaimsPrincipal Begin(AccessKey key, TimeSpan lifetime)
    {
        var end = clock.GetUtcNow() + lifetime;
        return Begin(
            AccessPolicies.IdentityOf(Scheme, key.Id, key.Name, key.Role),
            key.ExpiresAt < end ? key.ExpiresAt.Value : end);
    }

    /// <summary>Makes the holder of a new session.</summary>
    /// <param name="holder">The holder of the identity token that was pasted.</param>
    /// <param name="lifetime">The most time of the session.</param>
    public ClaimsPrincipal Begin(ClaimsPrincipal holder, TimeSpan lifetime)
    {
        var end = clock.GetUtcNow() + lifetime;
        var identity = AccessPolicies.IdentityOf(
            Scheme, holder.FindFirstValue(AccessPolicies.KeyId)!, AccessPolicies.NameOf(holder),
            AccessPolicies.HighestOf(holder));
        identity.AddClaim(holder.FindFirst(IdentityTokens.Entry)!);
        return Begin(identity, EndOf(holder) is { } own && own < end ? own : end);
    }

    private static ClaimsPrincipal Begin(ClaimsIdentity identity, DateTimeOffset end)
    {
        identity.AddClaim(new Claim(Id, RandomNumberGenerator.GetHexString(2 * IdBytes, lowercase: true)));
        identity.AddClaim(new Claim(Until, end.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)));
        return new ClaimsPrincipal(identity);
    }

    /// <summary>Ends a session, also for copies of its cookie.</summary>
    public void End(ClaimsPrincipal caller)
    {
        if (caller.FindFirstValue(Id) is { } id && EndOf(caller) is { } end)
        {
            _ended[id] = end;
            if (state is { IsShared: true })
            {
                state.Write(EndedName(id), []);
            }

            foreach (var (old, at) in _ended)
            {
                if (at < clock.GetUtcNow())
                {
                    _ended.TryRemove(old, out _);
                }
            }

            if (state is { IsShared: false })
            {
                // A copied cookie stays void after a restart, too.
                state.Change(EndedFile, _ => Encoding.ASCII.GetBytes(string.Concat(_ended.Select(each =>
                    string.Create(
                        CultureInfo.InvariantCulture, $"{each.Key} {each.Value.ToUnixTimeSeconds()}\n")))));
            }
        }
    }

    private static IEnumerable<KeyValuePair<string, DateTimeOffset>> ReadEnded(byte[]? content)
    {
        foreach (var line in Encoding.ASCII.GetString(content ?? []).Split('\n'))
        {
            if (line.Split(' ') is [var id, var end]
                && long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds())
            {
                yield return KeyValuePair.Create(id, DateTimeOffset.FromUnixTimeSeconds(seconds));
            }
        }
    }

    private static string EndedName(string id) => $"access/ended/{id}";

    /// <summary>Returns whether the holder has signed out, here or at another service.</summary>
    private bool HasEnded(string id) =>
        _ended.ContainsKey(id) || (state is { IsShared: true } && state.Read(EndedName(id)) is not null);

    /// <summary>Returns the end of a caller's session; null if it has none.</summary>
    public static DateTimeOffset? EndOf(ClaimsPrincipal caller) =>
        long.TryParse(caller.FindFirstValue(Until), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;

    /// <summary>Returns whether a caller who was let in may still be: his key is valid, his session has not ended.
    /// </summary>
    /// <exception cref="KeyFileException">The keys cannot be read.</exception>
    public bool Holds(ClaimsPrincipal caller) => caller.Identity?.AuthenticationType switch
    {
        Scheme => EndOf(caller) > clock.GetUtcNow() && !HasEnded(caller.FindFirstValue(Id) ?? "")
            && HasKey(caller),
        KeyHandler.Name => HasKey(caller),
        IdentityTokens.Scheme => EndOf(caller) > clock.GetUtcNow(),
        _ => true,
    };

    /// <summary>Passes events on for as long as the caller may see them; at the first one later they end.</summary>
    /// <param name="caller">The caller.</param>
    /// <param name="events">The events.</param>
    /// <param name="cancellation">Cancelled when the client has gone; the events see it, too.</param>
    public async IAsyncEnumerable<T> WhileAsync<T>(
        ClaimsPrincipal caller, IAsyncEnumerable<T> events,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (var each in events.WithCancellation(cancellation))
        {
            if (!Holds(caller))
            {
                yield break;
            }

            yield return each;
        }
    }

    /// <summary>Checks the cookie of a request.</summary>
    public static Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var sessions = context.HttpContext.RequestServices.GetRequiredService<Sessions>();
        try
        {
            if (context.Principal is not { } caller || !sessions.Holds(caller))
            {
                context.RejectPrincipal();
            }
        }
        catch (KeyFileException exception) when (exception.InnerException is not DatabaseException)
        {
            // Closed, as for a key: the answer to a key tells the reason.
            context.RejectPrincipal();
        }

        return Task.CompletedTask;
    }

    private bool HasKey(ClaimsPrincipal caller) =>
        caller.HasClaim(claim => claim.Type == IdentityTokens.Entry)
            ? settings is not null && IdentityTokens.HasRole(caller, settings.Access.Oidc)
            : caller.FindFirstValue(AccessPolicies.KeyId) is { } id && keys.FindValid(id) is not null;
}
