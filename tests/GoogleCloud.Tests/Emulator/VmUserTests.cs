using System.Runtime.Versioning;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>
/// The worker of an emulated VM as another user of the operating system: a script that tells who it is and where its
/// disk is, through a pipe that its reader waits for.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class VmUserTests : IDisposable
{
    private const string Zone = "us-west4-a";
    private const uint Nobody = 65534;
    private const string Scenario = """{"zones": {"us-west4-a": {"createSeconds": 0}}}""";
    private readonly TemporaryFolder _folder = new("tpu-vm-user-");

    private string Script => _folder["worker.sh"];

    private string Said => _folder["said"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Worker_OfAnotherUser_HasADiskOfItsOwn_WhichItsNodeTakesAlong()
    {
        await PrepareAsync(UnixFileMode.OtherRead);
        var state = _folder["state"];
        var first = await StartAsync(state);
        await first.CreateAsync(Zone, "n1");
        await first.GetAsync(Zone, "n1");
        var said = await SaidAsync();
        await first.StopAsync();
        var disk = said[1];
        var mode = File.GetUnixFileMode(disk);
        var isWritten = File.Exists(Path.Combine(disk, "proof"));

        // Another emulator over the same state, as after a restart, still knows where the disk is.
        await using var second = await StartAsync(state);
        await second.DeleteAsync(Zone, "n1");

        Assert.Equal([$"{Nobody}", disk, disk, "refused"], said);
        Assert.False(disk.StartsWith(state, StringComparison.Ordinal), $"The disk is in the emulator's folder: {disk}");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, mode);
        Assert.True(isWritten, "The worker could not write to its disk.");
        Assert.False(Directory.Exists(disk), $"The disk is still there: {disk}");
    }

    [Fact]
    public async Task Worker_WhoseProgramTheUserCannotRead_RunsAsTheEmulatorsUser()
    {
        await PrepareAsync(UnixFileMode.None);
        var state = _folder["state"];
        await using var host = await StartAsync(state);
        await host.CreateAsync(Zone, "n1");
        await host.GetAsync(Zone, "n1");
        var said = await SaidAsync();
        await host.DeleteAsync(Zone, "n1");

        Assert.Equal("0", said[0]);
        Assert.StartsWith(state, said[1], StringComparison.Ordinal);
        Assert.False(Directory.Exists(said[1]));
    }

    private Task<EmulatorHost> StartAsync(string state) => EmulatorHost.StartAsync(
        Scenario, state: state, isRealTime: true, worker: ["/bin/sh", Script], workerUser: Nobody);

    /// <summary>Writes the script, and lets all users enter its folder, but not the emulator's below it.</summary>
    private async Task PrepareAsync(UnixFileMode others)
    {
        Skipped.Unless(
            OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess,
            "Only root can start a worker as another user. Run the tests as root to include this one.");
        Command.Require("setpriv", "It is part of util-linux.");
        const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        File.SetUnixFileMode(_folder.Path, Own | UnixFileMode.OtherExecute);
        Directory.CreateDirectory(_folder["state"], Own);
        _folder.Write(
            "worker.sh",
            "touch \"$WORKFLOWS_WORK_FOLDER/proof\"\n"
            + "{ id -u; echo \"$WORKFLOWS_WORK_FOLDER\"; echo \"$HOME\"; "
            + $"ls '{_folder["state"]}' >/dev/null 2>&1 && echo allowed || echo refused; }} >'{Said}'\n"
            + "exec sleep 300\n");
        File.SetUnixFileMode(Script, Own | others);
        Assert.Equal(0, (await Command.RunAsync("mkfifo", ["--mode=622", Said])).ExitCode);
    }

    private Task<string[]> SaidAsync() =>
        Task.Run(() => File.ReadAllLines(Said)).WaitAsync(TimeSpan.FromMinutes(2), EmulatorHost.Cancellation);
}
