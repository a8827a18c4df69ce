using System.Diagnostics;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Data.Sqlite;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Crash;

/// <summary>The program and files that it cannot use: an exit code, the file's name and what to do.</summary>
public sealed class BadFileTests : IAsyncDisposable
{
    private const int BadFile = 3;

    private readonly string _folder = Directory.CreateTempSubdirectory("bad-").FullName;
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromMinutes(3));
    private readonly SidecarProcess _sidecar;

    public BadFileTests() => _sidecar = new SidecarProcess(_folder, Ports.Free());

    private string File => Path.Combine(_folder, "taskhub.db");

    public async ValueTask DisposeAsync()
    {
        await _sidecar.DisposeAsync();
        _deadline.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("PRAGMA user_version = 99; CREATE TABLE instances (a); PRAGMA application_id = 1464226888",
        "Use the newer program")]
    [InlineData("CREATE TABLE theirs (a)", "Use another folder")]
    public async Task Start_FileOfAnotherProgramOrFormat_SaysSo(string sql, string fix)
    {
        Execute(sql);
        byte[] before = System.IO.File.ReadAllBytes(File);

        (int exitCode, string errors) = await _sidecar.RunToEndAsync(_deadline.Token);

        Assert.Equal(BadFile, exitCode);
        Assert.Contains(File, errors, StringComparison.Ordinal);
        Assert.Contains(fix, errors, StringComparison.Ordinal);
        Assert.Equal(before, System.IO.File.ReadAllBytes(File));
    }

    [Fact]
    public async Task Start_CorruptFile_SaysSoAndLeavesItAsItIs()
    {
        byte[] garbage = [.. Enumerable.Range(0, 8192).Select(value => (byte)(value * 31))];
        System.IO.File.WriteAllBytes(File, garbage);

        (int exitCode, string errors) = await _sidecar.RunToEndAsync(_deadline.Token);

        Assert.Equal(BadFile, exitCode);
        Assert.Contains(File, errors, StringComparison.Ordinal);
        Assert.Contains("Restore the file", errors, StringComparison.Ordinal);
        Assert.Equal(garbage, System.IO.File.ReadAllBytes(File));
    }

    [Fact]
    public async Task Start_FileOfARunningProcess_SaysSo()
    {
        await _sidecar.StartAsync(_deadline.Token);
        await using var second = new SidecarProcess(_folder, Ports.Free());

        (int exitCode, string errors) = await second.RunToEndAsync(_deadline.Token);

        Assert.Equal(BadFile, exitCode);
        Assert.Contains("another process has it open", errors, StringComparison.Ordinal);
        Assert.True(_sidecar.IsRunning);
    }

    [Fact]
    public async Task Start_FolderThatCannotBeWritten_SaysSo()
    {
        await using var sidecar = new SidecarProcess("/proc/no-such-folder", Ports.Free());

        (int exitCode, string errors) = await sidecar.RunToEndAsync(_deadline.Token);

        Assert.Equal(BadFile, exitCode);
        Assert.Contains("/proc/no-such-folder/taskhub.db", errors, StringComparison.Ordinal);
        Assert.Contains("permissions", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commit_DiskIsFull_EndsTheProgramAndKeepsWhatWasAcknowledged()
    {
        // No file may grow beyond 4 MB; the signal of that limit is ignored, so that a write fails as on a full disk.
        int port = Ports.Free();
        using Process limited = Process.Start(new ProcessStartInfo("bash")
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            // The runtime's own mappings would break the limit.
            Environment = { ["DOTNET_EnableWriteXorExecute"] = "0" },
            ArgumentList =
            {
                "-c",
                "trap '' XFSZ; ulimit -f 4096; exec dotnet \"$0\" --urls \"$1\" --data \"$2\" "
                    + "--Logging:LogLevel:Default None",
                Path.Combine(AppContext.BaseDirectory, "Workflows.DurableTask.Sidecar.dll"),
                $"http://127.0.0.1:{port}",
                _folder,
            },
        })!;
        Task<string> errors = limited.StandardError.ReadToEndAsync(_deadline.Token);

        List<string> acknowledged = await FillAsync(port);
        await limited.WaitForExitAsync(_deadline.Token);

        Assert.Equal(BadFile, limited.ExitCode);
        Assert.Contains(File, await errors, StringComparison.Ordinal);
        Assert.NotEmpty(acknowledged);
        await _sidecar.StartAsync(_deadline.Token);
        using GrpcChannel channel = GrpcChannel.ForAddress(_sidecar.Address);
        var again = new TaskHubSidecarService.TaskHubSidecarServiceClient(channel);
        foreach (string id in acknowledged)
        {
            Assert.True((await again.GetInstanceAsync(new() { InstanceId = id }, cancellationToken: _deadline.Token))
                .Exists);
        }
    }

    private async Task<List<string>> FillAsync(int port)
    {
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
        var service = new TaskHubSidecarService.TaskHubSidecarServiceClient(channel);
        var call = new CallOptions(cancellationToken: _deadline.Token).WithWaitForReady();
        var acknowledged = new List<string>();
        await service.HelloAsync(new(), call);
        while (true)
        {
            string id = $"big-{acknowledged.Count}";
            try
            {
                await service.StartInstanceAsync(
                    new() { InstanceId = id, Name = "test", Input = new string('x', 100_000) },
                    cancellationToken: _deadline.Token);
                acknowledged.Add(id);
            }
            catch (RpcException error) when (error.StatusCode is StatusCode.Unavailable or StatusCode.Cancelled
                && !_deadline.IsCancellationRequested)
            {
                return acknowledged;
            }
        }
    }

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Texts of this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
