using System.Text.Json;
using System.Text.RegularExpressions;
using Workflows.Activities.Reporting;
using Workflows.ModelFiles;
using Workflows.Service.Database;

namespace Workflows.Service.Access;

/// <summary>
/// Stores API keys, without their secrets, in the state folder or the database of several services. <b>Invariant:</b>
/// a change is stored whole or not at all, and of two concurrent ones both are.
/// </summary>
public sealed partial class KeyFile
{
    /// <summary>Most keys of a service.</summary>
    internal const int MostKeys = 10_000;

    private static readonly JsonSerializerOptions Written = new(RunLedger.Json) { WriteIndented = true };

    private readonly IKeyContent _content;
    private readonly TimeProvider _clock;

    /// <summary>Opens the keys in a state folder.</summary>
    /// <param name="stateDirectory">The state folder of the service.</param>
    /// <param name="clock">Gives the times of keys.</param>
    public KeyFile(string stateDirectory, TimeProvider clock)
        : this(new KeyFolder(stateDirectory), clock)
    {
    }

    internal KeyFile(IKeyContent content, TimeProvider clock) => (_content, _clock) = (content, clock);

    /// <summary>Gets a value that is another one after each change.</summary>
    /// <exception cref="KeyFileException">The keys cannot be read.</exception>
    internal (long, long) Stamp => Guard(() => _content.Stamp);

    /// <summary>Opens the keys that all services of a database share, for a command.</summary>
    /// <param name="connection">The connection string, as in the setting <c>Workflows:Database</c>.</param>
    /// <param name="clock">Gives the times of keys.</param>
    /// <returns>The keys.</returns>
    /// <exception cref="Hosting.ServiceStartException">The database cannot be used.</exception>
    public static KeyFile OfDatabase(string connection, TimeProvider clock) => new(
        new SharedKeys(StoreChoice.Open(
            connection, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance)), clock);

    /// <summary>Lists the keys by their names.</summary>
    /// <exception cref="KeyFileException">The file cannot be read.</exception>
    public IReadOnlyList<AccessKey> All() =>
        [.. Read().OrderBy(key => key.Name, StringComparer.Ordinal)];

    /// <summary>Makes a key.</summary>
    /// <param name="name">1 to 64 letters, digits and <c>. _ @ -</c>, of no other key that has not expired.</param>
    /// <param name="role">Its rights.</param>
    /// <param name="lifetime">The time for which it is valid; null for ever.</param>
    /// <param name="cancellation">Cancels the wait for another process.</param>
    /// <returns>The key, and its text, which is stored nowhere.</returns>
    /// <exception cref="KeyFileException">The name cannot be used, or the file cannot be read or written.</exception>
    public async Task<(AccessKey Key, string Text)> MakeAsync(
        string name, AccessRole role, TimeSpan? lifetime, CancellationToken cancellation)
    {
        if (!Name().IsMatch(name))
        {
            throw new KeyFileException(
                $"'{Shown(name)}' cannot be the name of a key: use 1 to 64 letters, digits and . _ @ -, beginning with "
                + "a letter or digit.");
        }

        var (key, text) = AccessKey.Make(name, role, _clock.GetUtcNow(), lifetime);
        await ChangeAsync(
            keys =>
            {
                // An expired key gives its name free: its holder gets the next one under the same name.
                var kept = keys.Where(each => each.Name != name || !each.HasExpired(key.CreatedAt)).ToList();
                if (kept.Any(each => each.Name == name))
                {
                    throw new KeyFileException(
                        $"There is a key '{name}' already. Choose another name, or revoke it first: workflows keys "
                        + $"revoke {name}");
                }

                return kept.Count < MostKeys
                    ? [.. kept, key]
                    : throw new KeyFileException($"There are {MostKeys} keys already. Revoke some.");
            },
            cancellation);
        return (key, text);
    }

    /// <summary>Revokes a key. Running services refuse it from then on, and end its sessions.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="cancellation">Cancels the wait for another process.</param>
    /// <returns>false if there is no such key.</returns>
    /// <exception cref="KeyFileException">The file cannot be read or written.</exception>
    public async Task<bool> RevokeAsync(string name, CancellationToken cancellation)
    {
        if (!Read().Any(key => key.Name == name))
        {
            return false;
        }

        var isFound = false;
        await ChangeAsync(
            keys =>
            {
                var kept = keys.Where(key => key.Name != name).ToList();
                isFound = kept.Count < keys.Count;
                return kept;
            },
            cancellation);
        return isFound;
    }

    /// <summary>Reads the keys.</summary>
    /// <returns>No keys if there are none yet.</returns>
    /// <exception cref="KeyFileException">They cannot be read.</exception>
    internal IReadOnlyList<AccessKey> Read() => Guard(() => Of(_content.Read()));

    private T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is JsonException or ModelFileException or IOException
            or UnauthorizedAccessException)
        {
            throw new KeyFileException(
                $"The keys in '{_content.Place}' cannot be read, so no key is valid: {exception.Message} "
                + _content.Fix, exception);
        }
    }

    private static IReadOnlyList<AccessKey> Of(byte[]? content)
    {
        if (content is null)
        {
            return [];
        }

        var keys = JsonSerializer.Deserialize<Content>(content, RunLedger.Json)?.Keys
            ?? throw new JsonException("it has no keys");
        return keys.All(IsWhole) ? keys : throw new JsonException("a key is incomplete");
    }

    private async Task ChangeAsync(
        Func<IReadOnlyList<AccessKey>, IReadOnlyList<AccessKey>> change, CancellationToken cancellation)
    {
        try
        {
            await _content.ChangeAsync(
                content => JsonSerializer.SerializeToUtf8Bytes(
                    new Content(change(Guard(() => Of(content)))), Written),
                cancellation);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new KeyFileException(
                $"The keys in '{_content.Place}' cannot be written: {exception.Message}", exception);
        }
    }

    private static bool IsWhole(AccessKey? key) => key is { Id: not null, Name: not null, Hash: not null }
        && Hash().IsMatch(key.Hash) && Enum.IsDefined(key.Role);

    private static string Shown(string name) => Runs.SafeText.Of(name, 100);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();

    [GeneratedRegex(@"^[0-9a-f]{64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Hash();

    private sealed record Content(IReadOnlyList<AccessKey> Keys);
}

/// <summary>The exception for keys that cannot be read, made or revoked. The message names the cause and the
/// fix.</summary>
public sealed class KeyFileException(string message, Exception? inner = null) : Exception(message, inner);
