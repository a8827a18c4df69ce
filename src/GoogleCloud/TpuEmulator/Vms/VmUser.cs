using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Workflows.GoogleCloud.TpuEmulator.Vms;

/// <summary>
/// The operating system's user of the VMs' workers. A worker of another user than the service cannot enter the
/// service's folder, so a rehearsal shows whether it gets all that it needs by address, as on a real VM.
/// </summary>
internal sealed class VmUser
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly string _id;
    private readonly string _program;

    private VmUser(uint id, string program)
    {
        _id = id.ToString(CultureInfo.InvariantCulture);
        _program = program;
    }

    /// <summary>Gets the words before a command that this user shall run, without any right of root.</summary>
    public IReadOnlyList<string> Prefix =>
        [_program, $"--reuid={_id}", $"--regid={_id}", "--clear-groups", "--bounding-set=-all", "--"];

    /// <summary>Finds the user of the options.</summary>
    /// <param name="options">The emulator's options.</param>
    /// <param name="reason">On return, the reason why workers are root like this process although another user is
    /// asked for; otherwise null.</param>
    /// <returns>null if workers are this process's user, as always where it is not root, or not on Linux.</returns>
    public static VmUser? Find(EmulatorOptions options, out string? reason)
    {
        reason = null;
        if (options.WorkerUser is not { } id || options.WorkerCommand.Count == 0
            || !OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
        {
            return null;
        }

        var program = SearchPath("setpriv");
        if (program is null)
        {
            reason = "setpriv is not on the PATH; it is part of util-linux";
            return null;
        }

        var user = new VmUser(id, program);
        foreach (var file in options.WorkerCommand.Where(Path.IsPathFullyQualified))
        {
            if (!user.May("test", "-r", file))
            {
                reason = $"user {user._id} cannot read '{file}'";
                return null;
            }
        }

        return user;
    }

    /// <summary>Makes a folder that only this user and root can enter.</summary>
    /// <returns>Its path, in the folder of temporary files: the service's own cannot be entered.</returns>
    /// <exception cref="IOException">It could not be made.</exception>
    public string MakeDisk()
    {
        var disk = Directory.CreateTempSubdirectory("workflows-vm-").FullName;
        if (!Run("chown", $"{_id}:{_id}", disk))
        {
            Directory.Delete(disk);
            throw new IOException($"'{disk}' could not be given to user {_id}.");
        }

        return disk;
    }

    private bool May(params string[] command) => Run(Prefix[0], [.. Prefix.Skip(1), .. command]);

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            })!;
            if (process.WaitForExit(Patience))
            {
                return process.ExitCode == 0;
            }

            process.Kill();
            return false;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    private static string? SearchPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);
}
