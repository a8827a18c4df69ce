using System.Runtime.Versioning;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Tests.Hosting;
using Service = Microsoft.DurableTask.Protobuf.TaskHubSidecarService.TaskHubSidecarServiceClient;

namespace Workflows.DurableTask.Tests.Crash;

/// <summary>Disks, folders and files that fail in the ways that they fail to people: a clear error, and nothing that
/// was acknowledged is lost.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class DiskTests : IAsyncDisposable
{
    private const int BadFile = 3;
    private const int InputLength = 10;
    private const UnixFileMode Everybody = (UnixFileMode)0b111_111_111;
    private const UnixFileMode ReadOnly = (UnixFileMode)0b100_100_100;
    private const UnixFileMode ReadOnlyFolder = (UnixFileMode)0b101_101_101;

    private readonly string _folder = Directory.CreateTempSubdirectory("disk-").FullName;
    private readonly string _other = Directory.CreateTempSubdirectory("disk-other-").FullName;
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromMinutes(5));

    private string File => Path.Combine(_folder, "taskhub.db");

    private CancellationToken Soon => _deadline.Token;

    public ValueTask DisposeAsync()
    {
        _deadline.Dispose();
        // A test that failed may have left them read-only; that they cannot be deleted must not hide why.
        SetModes(Everybody, Everybody);
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_other, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Start_FolderThatThisUserMayNotWrite_SaysSo()
    {
        System.IO.File.SetUnixFileMode(_folder, ReadOnlyFolder);
        await using SidecarProcess sidecar = Program(WithoutRights());

        (int exitCode, string errors) = await sidecar.RunToEndAsync(Soon);

        System.IO.File.SetUnixFileMode(_folder, Everybody);
        AssertSays(exitCode, errors, "permissions");
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task Start_FileThatThisUserMayNotWrite_SaysSoAtOnceAndLeavesIt()
    {
        IReadOnlyList<string> wrapper = WithoutRights();
        List<string> acknowledged = await FillAsync([], 3);
        System.IO.File.SetUnixFileMode(_folder, Everybody);
        System.IO.File.Delete(File + ".lock");
        System.IO.File.SetUnixFileMode(File, ReadOnly);
        byte[] before = await System.IO.File.ReadAllBytesAsync(File, Soon);
        await using (SidecarProcess sidecar = Program(wrapper))
        {
            (int exitCode, string errors) = await sidecar.RunToEndAsync(Soon);

            AssertSays(exitCode, errors, "permissions");
        }

        Assert.Equal(before, await System.IO.File.ReadAllBytesAsync(File, Soon));
        System.IO.File.SetUnixFileMode(File, Everybody);
        foreach (string left in Directory.GetFiles(_folder))
        {
            System.IO.File.SetUnixFileMode(left, Everybody);
        }

        await AssertThereAsync(acknowledged, wrapper);
    }

    [Fact]
    public async Task Permissions_TakenAwayWhileItRuns_MatterFromTheNextStartOn()
    {
        IReadOnlyList<string> wrapper = WithoutRights();
        System.IO.File.SetUnixFileMode(_folder, Everybody);
        var acknowledged = new List<string>();
        await using (SidecarProcess sidecar = Program(wrapper))
        {
            await sidecar.StartAsync(Soon);
            using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
            await StartInstancesAsync(channel, acknowledged, 3);
            SetModes(ReadOnlyFolder, ReadOnly);

            // What is open stays open, so the system lets it go on.
            await StartInstancesAsync(channel, acknowledged, 3);
            await sidecar.KillAsync();
            (int exitCode, string errors) = await sidecar.RunToEndAsync(Soon);

            AssertSays(exitCode, errors, "permissions");
        }

        SetModes(Everybody, Everybody);
        await AssertThereAsync(acknowledged, wrapper);
    }

    [Fact]
    public async Task File_MovedAwayWhileItRuns_EndsTheProgramAndCanBePutBack()
    {
        var acknowledged = new List<string>();
        await using (SidecarProcess sidecar = Program([]))
        {
            await sidecar.StartAsync(Soon);
            using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
            await StartInstancesAsync(channel, acknowledged, 5);
            Move(_folder, _other);

            RpcException refusal = await Assert.ThrowsAsync<RpcException>(
                () => StartInstancesAsync(channel, [], 1));
            (int exitCode, string errors) = await sidecar.EndAsync(Soon);

            Assert.Equal(StatusCode.Unavailable, refusal.StatusCode);
            AssertSays(exitCode, errors, "moved, deleted or replaced");
        }

        Directory.GetFiles(_folder, "taskhub.db*").ToList().ForEach(System.IO.File.Delete);
        Move(_other, _folder);
        await AssertThereAsync(acknowledged, []);
    }

    [Theory]
    [InlineData("taskhub.db")]
    [InlineData("taskhub.db-wal")]
    public async Task File_DeletedWhileItRuns_AcknowledgesNothingMore(string name)
    {
        await using SidecarProcess sidecar = Program([]);
        await sidecar.StartAsync(Soon);
        using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
        await StartInstancesAsync(channel, [], 2);
        System.IO.File.Delete(Path.Combine(_folder, name));

        await Assert.ThrowsAsync<RpcException>(() => StartInstancesAsync(channel, [], 1));
        (int exitCode, string errors) = await sidecar.EndAsync(Soon);

        AssertSays(exitCode, errors, "moved, deleted or replaced");
    }

    [Fact]
    public async Task File_ReplacedWhileItRuns_AcknowledgesNothingMoreAndSparesTheOther()
    {
        List<string> acknowledged = await FillAsync([], 3);
        string copy = Path.Combine(_other, "copy.db");
        System.IO.File.Copy(File, copy);
        await using (SidecarProcess sidecar = Program([]))
        {
            await sidecar.StartAsync(Soon);
            using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
            await StartInstancesAsync(channel, [], 1);
            System.IO.File.Move(copy, File, overwrite: true);

            await Assert.ThrowsAsync<RpcException>(() => StartInstancesAsync(channel, [], 1));
            (int exitCode, string errors) = await sidecar.EndAsync(Soon);

            AssertSays(exitCode, errors, "moved, deleted or replaced");
        }

        // The backup is whole; the log beside it is of the other file.
        Directory.GetFiles(_folder, "taskhub.db-*").ToList().ForEach(System.IO.File.Delete);
        await AssertThereAsync(acknowledged, []);
    }

    [Fact]
    public async Task Log_ReplacedByACopyWhileItRuns_AcknowledgesNothingMore()
    {
        await using SidecarProcess sidecar = Program([]);
        await sidecar.StartAsync(Soon);
        using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
        await StartInstancesAsync(channel, [], 2);
        string copy = Path.Combine(_other, "copy");
        System.IO.File.Copy(File + "-wal", copy);
        System.IO.File.Move(copy, File + "-wal", overwrite: true);

        await Assert.ThrowsAsync<RpcException>(() => StartInstancesAsync(channel, [], 1));
        (int exitCode, string errors) = await sidecar.EndAsync(Soon);

        AssertSays(exitCode, errors, "moved, deleted or replaced");
    }

    [Fact]
    public async Task Disk_ReallyFull_EndsTheProgramAndKeepsWhatWasAcknowledged()
    {
        SkipUnless(CanMount(), "a small disk needs 'unshare' with user and mount name spaces");
        // A disk of its own, of 3 MB; it goes with the program, so what is on it is taken off first.
        await using SidecarProcess sidecar = Program(
        [
            "unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
            "mount -t tmpfs -o size=3m small \"$0\" && { \"$@\"; code=$?; cp \"$0\"/* " + _other + "; exit $code; }",
            _folder,
        ]);
        await sidecar.StartAsync(Soon);
        using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
        var acknowledged = new List<string>();

        RpcException full = await Assert.ThrowsAsync<RpcException>(
            () => StartInstancesAsync(channel, acknowledged, 10_000, inputLength: 50_000));
        (int exitCode, string errors) = await sidecar.EndAsync(Soon);

        Assert.Contains(full.StatusCode, new[] { StatusCode.Unavailable, StatusCode.Cancelled });
        AssertSays(exitCode, errors, "Free space");
        Assert.NotEmpty(acknowledged);
        Move(_other, _folder);
        await AssertThereAsync(acknowledged, []);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Pages_DamagedInTheMiddle_AreAnErrorAndNeverAnAnswer(int half)
    {
        const int PageBytes = 4096;
        List<string> ended = await FillAsync([], 400, end: true);
        byte[] file = await System.IO.File.ReadAllBytesAsync(File, Soon);
        int pages = file.Length / PageBytes;
        var random = new Random(half);
        for (int page = 8 + half; page < pages; page += 2)
        {
            random.NextBytes(file.AsSpan(page * PageBytes, PageBytes));
        }

        await System.IO.File.WriteAllBytesAsync(File, file, Soon);
        await using SidecarProcess sidecar = Program([]);
        sidecar.Launch();
        int errors = await AskForAllAsync(sidecar, ended);
        (int exitCode, string text) = await sidecar.EndAsync(Soon);

        Assert.True(errors > 0, "It ended before it was asked for anything.");
        AssertSays(exitCode, text, "Restore the file");
    }

    /// <summary>Asks until the program ends: what it answers is right, and the number of errors is given.</summary>
    private async Task<int> AskForAllAsync(SidecarProcess sidecar, List<string> ids)
    {
        using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
        var service = new Service(channel);
        int errors = 0;
        // A call that comes too late for the program fails whatever became of the damage.
        foreach (string id in ids.TakeWhile(_ => sidecar.IsRunning))
        {
            try
            {
                GetInstanceResponse answer = await service.GetInstanceAsync(
                    new() { InstanceId = id, GetInputsAndOutputs = true },
                    new CallOptions(deadline: DateTime.UtcNow.AddSeconds(60)).WithWaitForReady());
                Assert.Equal(OrchestrationStatus.Terminated, answer.OrchestrationState?.OrchestrationStatus);
                Assert.Equal(new string('x', InputLength), answer.OrchestrationState!.Input);
                using AsyncServerStreamingCall<HistoryChunk> history = service.StreamInstanceHistory(
                    new() { InstanceId = id }, cancellationToken: Soon);
                Assert.True(await history.ResponseStream.MoveNext(Soon));
            }
            catch (RpcException)
            {
                errors++;
            }
        }

        return errors;
    }

    private SidecarProcess Program(IReadOnlyList<string> wrapper) =>
        new(_folder, Ports.Free()) { Wrapper = wrapper };

    private void AssertSays(int exitCode, string errors, string fix)
    {
        Assert.True(exitCode == BadFile, $"It ended with {exitCode}: {errors}");
        Assert.Contains(File, errors, StringComparison.Ordinal);
        Assert.Contains(fix, errors, StringComparison.Ordinal);
    }

    /// <summary>Starts orchestrations in a new process and stops it.</summary>
    private async Task<List<string>> FillAsync(IReadOnlyList<string> wrapper, int count, bool end = false)
    {
        var acknowledged = new List<string>();
        await using SidecarProcess sidecar = Program(wrapper);
        await sidecar.StartAsync(Soon);
        using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
        await StartInstancesAsync(channel, acknowledged, count);
        if (end)
        {
            await new Service(channel).SkipGracefulOrchestrationTerminationsAsync(
                new() { InstanceBatch = new() { InstanceIds = { acknowledged } } }, cancellationToken: Soon);
        }

        // Killed, not stopped: what counts is what was acknowledged. The next start takes the log into the file.
        await sidecar.KillAsync();
        await sidecar.StartAsync(Soon);
        await sidecar.StopAsync(Soon);
        return acknowledged;
    }

    private async Task StartInstancesAsync(
        GrpcChannel channel, List<string> acknowledged, int count, int inputLength = InputLength)
    {
        var service = new Service(channel);
        for (int item = 0; item < count; item++)
        {
            string id = $"i-{Guid.NewGuid():N}";
            await service.StartInstanceAsync(
                new() { InstanceId = id, Name = "test", Input = new string('x', inputLength) },
                cancellationToken: Soon);
            acknowledged.Add(id);
        }
    }

    private async Task AssertThereAsync(List<string> ids, IReadOnlyList<string> wrapper)
    {
        await using SidecarProcess sidecar = Program(wrapper);
        await sidecar.StartAsync(Soon);
        using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
        foreach (string id in ids)
        {
            Assert.True((await new Service(channel).GetInstanceAsync(
                new() { InstanceId = id }, cancellationToken: Soon)).Exists);
        }
    }

    private void SetModes(UnixFileMode folder, UnixFileMode files)
    {
        foreach (string file in Directory.GetFiles(_folder))
        {
            System.IO.File.SetUnixFileMode(file, files);
        }

        System.IO.File.SetUnixFileMode(_folder, folder);
    }

    private static void Move(string from, string to)
    {
        foreach (string file in Directory.GetFiles(from, "taskhub.db*")
            .Where(name => !name.EndsWith(".lock", StringComparison.Ordinal)))
        {
            System.IO.File.Move(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    /// <summary>A command that runs another as a user whom permissions bind; nothing in front when this user is
    /// one.</summary>
    private static IReadOnlyList<string> WithoutRights()
    {
        if (Environment.UserName != "root" && !Environment.IsPrivilegedProcess)
        {
            return [];
        }

        SkipUnless(System.IO.File.Exists("/usr/bin/setpriv"), "permissions do not bind root, and 'setpriv' is missing");
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    }

    private static bool CanMount()
    {
        if (!System.IO.File.Exists("/usr/bin/unshare"))
        {
            return false;
        }

        using var probe = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("unshare", "--user --map-root-user --mount true")
            {
                RedirectStandardError = true,
            })!;
        probe.WaitForExit();
        return probe.ExitCode == 0;
    }

    private static void SkipUnless(bool condition, string reason)
    {
        if (!condition)
        {
            Assert.Skip($"Not tried: {reason}.");
        }
    }
}
