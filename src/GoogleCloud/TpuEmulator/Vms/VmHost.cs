using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Vms;

/// <summary>
/// Runs the worker of each READY node as a process in a session of its own, so that it survives this process and its
/// terminal, and ends only with its node.
/// </summary>
internal sealed partial class VmHost
{
    private const string SetSid = "/usr/bin/setsid";
    private const int SigTerm = 15;
    private static readonly TimeSpan KillWait = TimeSpan.FromSeconds(2);
    private readonly EmulatorOptions _options;
    private readonly VmUser? _user;

    public VmHost(EmulatorOptions options, ILogger logger)
    {
        _options = options;
        _user = VmUser.Find(options, out var reason);
        if (reason is not null)
        {
            Log.SameUser(logger, reason);
        }
    }

    /// <summary>Boots a node's VM: the process finds its metadata through GCE_METADATA_HOST, as on Compute
    /// Engine.</summary>
    public void Boot(NodeRecord record)
    {
        if (_options.WorkerCommand.Count == 0)
        {
            return;
        }

        var logs = Path.Combine(Path.GetFullPath(_options.StateDirectory), "vms");
        Directory.CreateDirectory(logs);
        var log = Path.Combine(logs, $"{NameOf(record)}.log");
        record.Disk = MakeDisk(record);

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
        foreach (var word in (_user?.Prefix ?? []).Concat(_options.WorkerCommand))
        {
            start.ArgumentList.Add(word);
        }

        // The worker gets only its own folder: a VM has its disk, and reaches everything else by address.
        start.Environment["WORKFLOWS_WORK_FOLDER"] = record.Disk;
        if (_user is not null)
        {
            start.Environment["HOME"] = record.Disk;
        }

        // Tells a person who finds the process in a list which emulator it belongs to; no program reads it.
        start.Environment["TPU_EMULATOR_STATE"] = Path.GetFullPath(_options.StateDirectory);
        if (_options.StorageHost is { } storage)
        {
            start.Environment["STORAGE_EMULATOR_HOST"] = storage;
        }

        start.Environment["GCE_METADATA_HOST"] = $"{_options.RestHost}/metadata/{record.MetadataKey}";
        using var process = Process.Start(start)
            ?? throw new InvalidOperationException($"Could not start the VM's command '{_options.WorkerCommand[0]}'.");
        record.WorkerPid = process.Id;
        record.WorkerStartedAt = new DateTimeOffset(process.StartTime);
    }

    /// <summary>Asks the VM's command to end (SIGTERM), as the shutdown of a VM does; where there are no signals it is
    /// not asked.</summary>
    public static void ShutDown(NodeRecord record)
    {
        if (!OperatingSystem.IsWindows() && IsRunning(record))
        {
            // An error means that it has ended meanwhile.
            _ = SendSignal(record.WorkerPid, SigTerm);
        }
    }

    /// <summary>Removes the VM without warning, with its disk unless that is kept for its next boot.</summary>
    public void Kill(NodeRecord record, bool keepDisk = false)
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
        if (keepDisk)
        {
            return;
        }

        var disk = record.Disk ?? OwnDisk(record);
        record.Disk = null;
        try
        {
            if (Directory.Exists(disk))
            {
                Directory.Delete(disk, recursive: true);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A dying process of the VM created a file meanwhile; the remaining files are never read.
        }
    }

    // A VM that boots again, after a power failure, keeps its disk.
    private string MakeDisk(NodeRecord record)
    {
        if (record.Disk is { } kept && Directory.Exists(kept))
        {
            return kept;
        }

        if (_user is not null)
        {
            return _user.MakeDisk();
        }

        Directory.CreateDirectory(OwnDisk(record));
        return OwnDisk(record);
    }

    private string OwnDisk(NodeRecord record) =>
        Path.Combine(Path.GetFullPath(_options.StateDirectory), "vms", $"{NameOf(record)}.disk");

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

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);

    private static partial class Log
    {
        [LoggerMessage(4402, LogLevel.Information,
            "Workers of emulated VMs run as root, not as a user without rights on the emulator's folder: {Reason}.")]
        public static partial void SameUser(ILogger logger, string reason);
    }
}
