using System.Runtime.InteropServices;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>
/// Writes a directory whole or not at all: its content is made beside it under another name, brought to the disk file
/// by file, and renamed into place. A crash leaves nothing or the whole new directory; where one is replaced, the old
/// one stands aside under its name with ".replaced" until the new one is in place.
/// </summary>
internal static partial class WholeDirectory
{
    private const string WritingSuffix = ".writing";
    private const string ReplacedSuffix = ".replaced";

    public static void Write(string path, Action<string> fill)
    {
        var target = Path.GetFullPath(path);
        var parent = Path.GetDirectoryName(target)!;
        var (writing, replaced) = (target + WritingSuffix, target + ReplacedSuffix);
        Directory.CreateDirectory(parent);
        Remove(writing);
        Directory.CreateDirectory(writing);
        try
        {
            fill(writing);
            foreach (var file in Directory.EnumerateFiles(writing))
            {
                Flush(file);
            }

            Flush(writing);
            Remove(replaced);
            if (Directory.Exists(target))
            {
                Directory.Move(target, replaced);
            }

            Directory.Move(writing, target);
        }
        catch
        {
            Remove(writing);
            throw;
        }

        Flush(parent);
        Remove(replaced);
    }

    private static void Remove(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>
    /// Brings a file, or the entries of a directory, to the disk. Windows has no such call for directories.
    /// </summary>
    private static void Flush(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var descriptor = OpenForReading(path, 0);
        if (descriptor < 0)
        {
            throw new IOException($"Cannot open '{path}' to flush it: errno {Marshal.GetLastPInvokeError()}.");
        }

        var result = Synchronize(descriptor);
        var error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        if (result != 0)
        {
            throw new IOException($"Cannot flush '{path}': errno {error}.");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenForReading(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Synchronize(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}
