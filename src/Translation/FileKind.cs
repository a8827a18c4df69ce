using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Workflows.Translation;

/// <summary>
/// Tells regular files from others. A pipe would make a reader wait forever and a device has no end, so readers of
/// files that users name check them before they open them.
/// </summary>
public static partial class FileKind
{
    // Linux's struct statx, whose layout is the same on every architecture: 256 bytes, the mode at byte 28.
    private const int StatBytes = 256, ModeOffset = 28;
    private const int CurrentDirectory = -100;
    private const uint TypeMask = 1;
    private const int FileTypeBits = 0xF000, RegularFileType = 0x8000;

    /// <summary>Returns whether a path leads to a regular file; links are followed.</summary>
    /// <param name="path">The path.</param>
    /// <returns>
    /// false for a pipe, socket or device (recognised on Linux only). true also if the path cannot be inspected: it
    /// cannot be opened either, and opening it reports the reason.
    /// </returns>
    public static bool IsRegular(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return !OperatingSystem.IsLinux() || IsRegularOnLinux(path);
    }

    /// <summary>
    /// Returns whether a path names an open file of this process: standard input, or the pipe that a shell makes for
    /// <c>&lt;(command)</c>. Another program writes to its other end, so a reader does not wait forever.
    /// </summary>
    /// <param name="path">The path.</param>
    /// <returns>false for every other path.</returns>
    public static bool IsOfShell(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return path == "/dev/stdin" || path.StartsWith("/dev/fd/", StringComparison.Ordinal)
            || path.StartsWith("/proc/self/fd/", StringComparison.Ordinal);
    }

    [SupportedOSPlatform("linux")]
    private static bool IsRegularOnLinux(string path)
    {
        Span<byte> stat = stackalloc byte[StatBytes];
        return Statx(CurrentDirectory, path, 0, TypeMask, stat) != 0
            || (MemoryMarshal.Read<ushort>(stat[ModeOffset..]) & FileTypeBits) == RegularFileType;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Statx(int directory, string path, int flags, uint mask, Span<byte> stat);
}
