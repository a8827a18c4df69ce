using Workflows.Activities.Artifacts;

namespace Workflows.Activities.Readiness;

/// <summary>Checks whether this machine has room for the service's work.</summary>
public static class MachineChecks
{
    /// <summary>Bytes for the histories and reports of many runs, and for corpora while they are read.</summary>
    private const long LeastDisk = 2L << 30;

    /// <summary>Bytes for a tokenizer, a corpus of a million pairs and three parts of a model at the same
    /// time.</summary>
    private const long LeastMemory = 2L << 30;

    /// <summary>Checks the free space on the disk of the state folder.</summary>
    /// <param name="stateDirectory">The folder.</param>
    /// <returns>The line.</returns>
    public static ReadinessLine Disk(string stateDirectory)
    {
        try
        {
            var probe = Path.Combine(stateDirectory, $".doctor-{Guid.NewGuid():n}");
            File.WriteAllBytes(probe, [1]);
            File.Delete(probe);
            var free = new DriveInfo(Path.GetFullPath(stateDirectory)).AvailableFreeSpace;
            return free >= LeastDisk
                ? ReadinessLine.Ok("disk", $"{TransferBoard.SizeOf(free)} are free in the state folder.")
                : ReadinessLine.Warn(
                    "disk", $"Only {TransferBoard.SizeOf(free)} are free in the state folder.",
                    "Make room, or set Workflows:StateDirectory to a larger disk.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException
            or ArgumentException)
        {
            return ReadinessLine.Fail(
                "disk", $"The state folder cannot be written: {exception.Message}",
                "Let this user write it, or set Workflows:StateDirectory.");
        }
    }

    /// <summary>Checks the memory that this process may use.</summary>
    /// <returns>The line.</returns>
    public static ReadinessLine Memory() => OfMemory(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    internal static ReadinessLine OfMemory(long bytes) => bytes >= LeastMemory
        ? ReadinessLine.Ok("memory", $"{TransferBoard.SizeOf(bytes)} of memory.")
        : ReadinessLine.Warn(
            "memory", $"Only {TransferBoard.SizeOf(bytes)} of memory.",
            $"Give the service {TransferBoard.SizeOf(LeastMemory)} or more.");
}
