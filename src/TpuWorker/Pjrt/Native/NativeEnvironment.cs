using System.Runtime.InteropServices;

namespace Workflows.TpuWorker.Pjrt.Native;

/// <summary>The environment that native libraries read.</summary>
internal static partial class NativeEnvironment
{
    /// <summary>Sets a variable for this program and for native libraries.</summary>
    /// <remarks>
    /// Outside Windows, the runtime keeps a copy of its own: <c>getenv</c> does not see variables that are set there.
    /// </remarks>
    /// <exception cref="ArgumentException">The name is not valid for a variable.</exception>
    public static void Set(string name, string value)
    {
        Environment.SetEnvironmentVariable(name, value);
        if (!OperatingSystem.IsWindows() && SetVariable(name, value, 1) != 0)
        {
            throw new ArgumentException($"'{name}' is no name of an environment variable.", nameof(name));
        }
    }

    /// <summary>Reads a variable as native libraries do.</summary>
    /// <returns>Its value, or null.</returns>
    public static string? Get(string name) => OperatingSystem.IsWindows()
        ? Environment.GetEnvironmentVariable(name)
        : Marshal.PtrToStringUTF8(GetVariable(name));

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int SetVariable(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint GetVariable(string name);
}
