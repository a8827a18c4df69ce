using System.Text.Json;
using System.Text.RegularExpressions;
using Workflows.Activities.Reporting;
using Workflows.ModelFiles;

namespace Workflows.Service.Access;

/// <summary>
/// Stores API keys in the state folder, without their secrets: <c>access/keys.json</c>, which its owner alone may read.
/// <b>Invariant:</b> a change is in the file whole or not at all, and of two concurrent ones both are.
/// </summary>
/// <param name="stateDirectory">The state folder of the service.</param>
/// <param name="clock">Gives the times of keys.</param>
public sealed partial class KeyFile(string stateDirectory, TimeProvider clock)
{
    /// <summary>Most keys of a service.</summary>
    internal const int MostKeys = 10_000;

    private const long MaxBytes = 16L << 20;
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Most time for another process to write its change.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10), Pause = TimeSpan.FromMilliseconds(10);

    private static readonly JsonSerializerOptions Written = new(RunLedger.Json) { WriteIndented = true };

    private readonly string _folder = FolderOf(stateDirectory);

    /// <summary>Gets the path of the file.</summary>
    internal string FilePath => Path.Combine(_folder, "keys.json");

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

        var (key, text) = AccessKey.Make(name, role, clock.GetUtcNow(), lifetime);
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

    /// <summary>Returns the folder of keys and sessions in a state folder.</summary>
    internal static string FolderOf(string stateDirectory) =>
        Path.Combine(Path.GetFullPath(stateDirectory), "access");

    /// <summary>Makes the folder, which only its owner may open.</summary>
    internal static void MakeFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, OwnFile | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Reads the file.</summary>
    /// <returns>No keys if there is no file.</returns>
    /// <exception cref="KeyFileException">The file cannot be read.</exception>
    internal IReadOnlyList<AccessKey> Read()
    {
        try
        {
            if (!File.Exists(FilePath))
            {
                // A folder that this account may not open is no proof that there are no keys.
                _ = Directory.Exists(_folder) ? Directory.GetFileSystemEntries(_folder) : [];
                return [];
            }

            var content = RegularFile.ReadAll(FilePath, MaxBytes);
            var keys = JsonSerializer.Deserialize<Content>(content, RunLedger.Json)?.Keys
                ?? throw new JsonException("it has no keys");
            return keys.All(IsWhole) ? keys : throw new JsonException("a key is incomplete");
        }
        catch (Exception exception) when (exception is JsonException or ModelFileException or IOException
            or UnauthorizedAccessException)
        {
            throw new KeyFileException(
                $"The keys in '{FilePath}' cannot be read, so no key is valid: {exception.Message} Mend the file and "
                + "its permissions, or delete it and make new keys.", exception);
        }
    }

    private async Task ChangeAsync(
        Func<IReadOnlyList<AccessKey>, IReadOnlyList<AccessKey>> change, CancellationToken cancellation)
    {
        try
        {
            MakeFolder(_folder);
            await using var held = await LockAsync(cancellation);
            var keys = change(Read());
            var (path, aside) = (FilePath, $"{FilePath}.new");
            File.Delete(aside);
            await using (var file = new FileStream(aside, OptionsOf(FileMode.CreateNew)))
            {
                await file.WriteAsync(
                    JsonSerializer.SerializeToUtf8Bytes(new Content(keys), Written), CancellationToken.None);
                file.Flush(flushToDisk: true);
            }

            // Services recognise a change by the file's time, of which the system has few in a second.
            var (before, now) = (File.GetLastWriteTimeUtc(path), File.GetLastWriteTimeUtc(aside));
            if (now <= before)
            {
                File.SetLastWriteTimeUtc(aside, before.AddMilliseconds(1));
            }

            File.Move(aside, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new KeyFileException($"The keys in '{FilePath}' cannot be written: {exception.Message}", exception);
        }
    }

    /// <summary>Waits until no other process changes the file; the system frees the lock of one that died.</summary>
    private async Task<FileStream> LockAsync(CancellationToken cancellation)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(Path.Combine(_folder, "keys.lock"), OptionsOf(FileMode.OpenOrCreate));
            }
            catch (IOException) when (TimeProvider.System.GetElapsedTime(began) < Patience)
            {
                await Task.Delay(Pause, cancellation);
            }
        }
    }

    private static FileStreamOptions OptionsOf(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnFile;
        }

        return options;
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
