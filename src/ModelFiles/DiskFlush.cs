using System.Runtime.InteropServices;

namespace Workflows.ModelFiles;

/// <summary>Flushes files and the entries of folders to the disk, so that a rename survives a power failure.</summary>
public static partial class DiskFlush
{
    /// <summary>Flushes a file, or the entries of a folder. Windows has no such call for folders.</summary>
    /// <param name="path">The file or folder.</param>
    /// <exception cref="IOException">The path does not exist, or the system refused.</exception>
    public static void Flush(string path)
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
