using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Workflows.TpuWorker.Pjrt.Native;

/// <summary>Reserves standard output for this program's own messages.</summary>
internal static partial class StandardOutput
{
    private const int Output = 1, Error = 2;

    /// <summary>
    /// Redirects standard output: native code that prints to it, as plugins do, prints to standard error from now on.
    /// </summary>
    /// <returns>A stream to the original standard output.</returns>
    public static Stream Take()
    {
        if (OperatingSystem.IsWindows())
        {
            return Console.OpenStandardOutput();
        }

        var copy = Duplicate(Output);
        if (copy < 0 || DuplicateTo(Error, Output) < 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "Standard output cannot be taken.");
        }

        return new FileStream(new SafeFileHandle(copy, ownsHandle: true), FileAccess.Write, bufferSize: 0);
    }

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int DuplicateTo(int descriptor, int target);
}
