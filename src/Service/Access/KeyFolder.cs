using Workflows.ModelFiles;

namespace Workflows.Service.Access;

/// <summary>
/// The list of keys in the state folder: <c>access/keys.json</c>, which its owner alone may read. <b>Invariant:</b> a
/// change is in the file whole or not at all, and of two concurrent ones both are.
/// </summary>
/// <param name="stateDirectory">The state folder of the service.</param>
internal sealed class KeyFolder(string stateDirectory) : IKeyContent
{
    private const long MaxBytes = 16L << 20;
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Most time for another process to write its change.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10), Pause = TimeSpan.FromMilliseconds(10);

    private readonly string _folder = Of(stateDirectory);

    public string Place => Path.Combine(_folder, "keys.json");

    public string Fix => "Mend the file and its permissions, or delete it and make new keys.";

    public (long, long) Stamp
    {
        get
        {
            var info = new FileInfo(Place);
            return info.Exists ? (info.LastWriteTimeUtc.Ticks, info.Length) : (0, 0);
        }
    }

    /// <summary>Returns the folder of keys and sessions in a state folder.</summary>
    public static string Of(string stateDirectory) => Path.Combine(Path.GetFullPath(stateDirectory), "access");

    /// <summary>Makes the folder, which only its owner may open.</summary>
    public static void Make(string folder)
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

    public byte[]? Read()
    {
        if (!File.Exists(Place))
        {
            // A folder that this account may not open is no proof that there are no keys.
            _ = Directory.Exists(_folder) ? Directory.GetFileSystemEntries(_folder) : [];
            return null;
        }

        return RegularFile.ReadAll(Place, MaxBytes);
    }

    public async Task ChangeAsync(Func<byte[]?, byte[]> change, CancellationToken cancellation)
    {
        Make(_folder);
        await using var held = await LockAsync(cancellation);
        var content = change(Read());
        var (path, aside) = (Place, $"{Place}.new");
        File.Delete(aside);
        await using (var file = new FileStream(aside, OptionsOf(FileMode.CreateNew)))
        {
            await file.WriteAsync(content, CancellationToken.None);
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
}
