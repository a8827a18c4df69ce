using System.Globalization;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>How much memory this process may use.</summary>
internal static class MachineMemory
{
    private const long KibiBytes = 1024;

    /// <summary>
    /// The smaller of the container's limit (control groups, version 2 or 1) and what the machine has left besides what
    /// this process holds already; without either, what the .NET runtime goes by.
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

    /// <summary>A file that holds one number; null where it is absent or says "max".</summary>
    internal static long? Number(string path) =>
        File.Exists(path)
        && long.TryParse(File.ReadAllText(path), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>A line such as "MemAvailable:  1234 kB", in bytes; null where there is none.</summary>
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
