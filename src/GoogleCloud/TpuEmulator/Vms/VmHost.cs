using System.ComponentModel;
using System.Diagnostics;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Vms;

/// <summary>
/// Runs the worker of each READY node as a process in a session of its own, so that it survives this process and its
/// terminal, and ends only with its node.
/// </summary>
internal sealed class VmHost(EmulatorOptions options)
{
    private const string SetSid = "/usr/bin/setsid";
    private static readonly TimeSpan KillWait = TimeSpan.FromSeconds(2);

    /// <summary>Boots a node's VM: the process finds its metadata through GCE_METADATA_HOST, as on Compute
    /// Engine.</summary>
    public void Boot(NodeRecord record)
    {
        if (options.WorkerCommand.Count == 0)
        {
            return;
        }

        var logs = Path.Combine(Path.GetFullPath(options.StateDirectory), "vms");
        Directory.CreateDirectory(logs);
        var log = Path.Combine(logs, $"{NameOf(record)}.log");
        var disk = DiskOf(record);
        Directory.CreateDirectory(disk);

        // The shell only opens the log file and then becomes the worker; a pipe would break when this process dies.
        var start = new ProcessStartInfo(File.Exists(SetSid) ? SetSid : "/bin/sh") { UseShellExecute = false };
        if (File.Exists(SetSid))
        {
            start.ArgumentList.Add("/bin/sh");
        }

        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("log=$1; shift; exec \"$@\" </dev/null >>\"$log\" 2>&1");
        start.ArgumentList.Add("vm");
        start.ArgumentList.Add(log);
        foreach (var word in options.WorkerCommand)
        {
            start.ArgumentList.Add(word);
        }

        // The worker gets only its own folder: a VM has its disk, and reaches everything else by address.
        start.Environment["WORKFLOWS_WORK_FOLDER"] = disk;
        if (options.StorageHost is { } storage)
        {
            start.Environment["STORAGE_EMULATOR_HOST"] = storage;
        }

        start.Environment["GCE_METADATA_HOST"] = $"{options.RestHost}/metadata/{record.MetadataKey}";
        using var process = Process.Start(start)
            ?? throw new InvalidOperationException($"Could not start the VM's command '{options.WorkerCommand[0]}'.");
        record.WorkerPid = process.Id;
        record.WorkerStartedAt = new DateTimeOffset(process.StartTime);
    }

    /// <summary>Removes the VM without warning, with its disk.</summary>
    public void Kill(NodeRecord record)
    {
        if (record.WorkerPid != 0 && Find(record) is { } process)
        {
            using (process)
            {
                try
                {
                    process.Kill(entireProcessTree: true);
                    process.WaitForExit(KillWait);
                }
                catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
                {
                    // It ended by itself between the two calls.
                }
            }
        }

        record.WorkerPid = 0;
        try
        {
            if (Directory.Exists(DiskOf(record)))
            {
                Directory.Delete(DiskOf(record), recursive: true);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A dying process of the VM created a file meanwhile; the remaining files are never read.
        }
    }

    private string DiskOf(NodeRecord record) =>
        Path.Combine(Path.GetFullPath(options.StateDirectory), "vms", $"{NameOf(record)}.disk");

    private static string NameOf(NodeRecord record) =>
        record.Node.Name[(record.Node.Name.LastIndexOf('/') + 1)..];

    /// <summary>
    /// Returns whether the VM still runs; a process id that was reused by another process does not count.
    /// </summary>
    public static bool IsRunning(NodeRecord record)
    {
        using var process = record.WorkerPid == 0 ? null : Find(record);
        return process is not null;
    }

    private static Process? Find(NodeRecord record)
    {
        try
        {
            var process = Process.GetProcessById(record.WorkerPid);
            if (!process.HasExited
                && (new DateTimeOffset(process.StartTime) - record.WorkerStartedAt).Duration()
                    < TimeSpan.FromSeconds(2))
            {
                return process;
            }

            process.Dispose();
            return null;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or Win32Exception)
        {
            return null;
        }
    }
}
