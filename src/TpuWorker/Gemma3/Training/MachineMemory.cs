using System.Globalization;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>Reads the memory that this process may use.</summary>
internal static class MachineMemory
{
    private const long KibiBytes = 1024;

    /// <summary>
    /// Returns the smaller of the container's limit (control groups, version 2 or 1) and the machine's available memory
    /// plus this process's own; without either, the .NET runtime's limit.
    /// </summary>
    public static long LimitBytes()
    {
        long?[] limits =
        [
            Number("/sys/fs/cgroup/memory.max"),
            Number("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
            Field("/proc/meminfo", "MemAvailable:") + Field("/proc/self/status", "VmRSS:"),
        ];
        return limits.Min() ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
    }

    /// <summary>Reads a file that holds one number; null if it is absent or contains "max".</summary>
    internal static long? Number(string path) =>
        File.Exists(path)
        && long.TryParse(File.ReadAllText(path), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>Reads a line such as "MemAvailable:  1234 kB", in bytes; null if there is none.</summary>
    internal static long? Field(string path, string name)
    {
        var line = File.Exists(path)
            ? File.ReadLines(path).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))
            : null;
        var words = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words?.Length > 1 && long.TryParse(words[1], CultureInfo.InvariantCulture, out var kibi)
            ? kibi * KibiBytes
            : null;
    }
}
