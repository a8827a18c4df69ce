using System.Diagnostics;

namespace Workflows.TestKit;

/// <summary>The workers' processes on this machine, told apart by their environment; Linux alone.</summary>
public static class WorkerProcesses
{
    /// <summary>Returns the workers whose environment has a text, such as a test's folder or a port.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The processes, for the caller to dispose of.</returns>
    public static IReadOnlyList<Process> With(string text)
    {
        var found = new List<Process>();
        if (!Directory.Exists("/proc"))
        {
            return found;
        }

        foreach (var path in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(path), out var id) && Says(path, "cmdline", "TpuWorker.Host")
                && Says(path, "environ", text))
            {
                try
                {
                    found.Add(Process.GetProcessById(id));
                }
                catch (ArgumentException)
                {
                    // It has ended meanwhile.
                }
            }
        }

        return found;
    }

    /// <summary>Ends the workers that a service of a test left behind, as a cloud's VMs go on without it.</summary>
    /// <param name="text">A text of their environment.</param>
    public static void End(string text)
    {
        foreach (var worker in With(text))
        {
            using (worker)
            {
                worker.Kill(entireProcessTree: true);
                worker.WaitForExit();
            }
        }
    }

    private static bool Says(string process, string file, string text)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, file)).Contains(text, StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or is somebody else's.
            return false;
        }
    }
}
