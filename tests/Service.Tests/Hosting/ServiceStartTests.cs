using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Data;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>What a person can mend is said in a sentence, not in a stack trace.</summary>
public sealed class ServiceStartTests
{
    [Fact]
    public async Task Start_FolderOfARunningService_SaysSoAndLeavesItsPortsAlone()
    {
        await using var first = new RunningService();
        await first.InitializeAsync();
        var kept = ServicePorts.Kept(first.Settings.StateDirectory);
        first.Services.GetRequiredService<ITpuEmulator>().Prepare("demo-proj", """{"createSeconds": 7}""");
        var cloud = Path.Combine(first.Settings.StateDirectory, "emulator", "cloud.jsonl");
        var before = await File.ReadAllTextAsync(cloud, TestContext.Current.CancellationToken);
        Assert.Contains("demo-proj", before, StringComparison.Ordinal);

        var (second, ports) = WorkflowsService.Build(
            [], new ServiceSettings { StateDirectory = first.Settings.StateDirectory, HttpPort = 0 }, isEmbedded: true);
        var failure = await Assert.ThrowsAsync<ServiceStartException>(() => second.StartOrExplainAsync(
            ports, first.Settings.StateDirectory, TestContext.Current.CancellationToken));

        Assert.Contains("another process", failure.Message, StringComparison.Ordinal);
        Assert.Equal(kept, ServicePorts.Kept(first.Settings.StateDirectory));
        Assert.Equal(before, await File.ReadAllTextAsync(cloud, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Build_PortInUse_NamesThePort()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        using var folder = new TemporaryFolder();

        var failure = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            [], new ServiceSettings { StateDirectory = folder.Path, HttpPort = port }));

        Assert.Contains($"Port {port} is in use", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_APortTakenSinceItWasChosen_SaysThatOthersWouldDo()
    {
        using var folder = new TemporaryFolder();
        var free = Free();
        var (service, ports) = WorkflowsService.Build(
            [],
            new ServiceSettings
            {
                StateDirectory = folder.Path,
                HttpPort = free[0],
                GrpcPort = free[1],
                EmulatorRestPort = free[2],
                EmulatorStoragePort = free[3],
            },
            isEmbedded: true);
        using var taken = new TcpListener(IPAddress.Loopback, ports.Http);
        taken.Start();

        var failure = await Assert.ThrowsAsync<ServiceStartException>(() => service.StartOrExplainAsync(
            ports, folder.Path, TestContext.Current.CancellationToken));

        Assert.True(failure.IsPortTaken, failure.Message);
        Assert.False(failure.IsInUse);
        Assert.Contains($"{ports.Http}", failure.Message, StringComparison.Ordinal);

        static int[] Free()
        {
            using var hold = new PortHold();
            return hold.Take(0, 0, 0, 0)!;
        }
    }

    [Fact]
    public void Build_StateFolderThatIsAFile_NamesIt()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("state", "");

        var failure = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            [], new ServiceSettings { StateDirectory = file, HttpPort = 0 }));

        Assert.Contains(file, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PriceCatalog", "/dev/zero", "not a regular file")]
    [InlineData("PriceCatalog", "missing.json", "there is no such file")]
    [InlineData("PriceCatalog", ".", "it is a folder")]
    [InlineData("StartupScript", "/dev/zero", "not a regular file")]
    [InlineData("StartupScript", "missing.sh", "there is no such file")]
    [InlineData("GatewayCertificate", "/dev/zero", "not a regular file")]
    [InlineData("GatewayCertificate", ".", "it is a folder")]
    public void Build_ASettingThatNamesNoUsableFile_NamesTheSetting(string setting, string path, string problem)
    {
        using var folder = new TemporaryFolder();
        var file = path.StartsWith("/dev/", StringComparison.Ordinal) ? path : Path.Combine(folder.Path, path);
        var settings = new ServiceSettings { StateDirectory = folder.Path, HttpPort = 0 };
        typeof(ServiceSettings).GetProperty(setting)!.SetValue(settings, file);

        var failure = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build([], settings));

        Assert.Contains($"Workflows:{setting} '{file}' cannot be used: ", failure.Message, StringComparison.Ordinal);
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("InputGibibytes", "0")]
    [InlineData("InputGibibytes", "-1")]
    [InlineData("InputGibibytes", "1e-12")]
    [InlineData("InputGibibytes", "1048577")]
    [InlineData("InputGibibytes", "1e400")]
    [InlineData("InputGibibytes", "NaN")]
    [InlineData("InputGibibytes", "four")]
    [InlineData("InputMinutes", "0")]
    [InlineData("InputMinutes", "NaN")]
    [InlineData("InputPlaces", "0")]
    [InlineData("InputPlaces", "1.5")]
    public void Build_ALimitOutsideItsRange_NamesTheSetting(string setting, string value)
    {
        using var folder = new TemporaryFolder();

        var failure = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            [$"--Workflows:{setting}", value, "--Workflows:StateDirectory", folder.Path]));

        Assert.Contains($"Workflows:{setting}", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, 4L << 30)]
    [InlineData(0.5, 1L << 29)]
    [InlineData(1048576, 1L << 50)]
    public async Task Build_ALimitOfBytes_IsThatOfTheWorkOnFiles(double gibibytes, long bytes)
    {
        using var folder = new TemporaryFolder();
        var (service, _) = WorkflowsService.Build([], new ServiceSettings
        {
            StateDirectory = folder.Path,
            HttpPort = 0,
            InputGibibytes = gibibytes,
        });

        Assert.Equal(bytes, service.Services.GetRequiredService<InputWork>().Bytes);
        await service.DisposeAsync();
    }

    [Fact]
    public void Build_ASettingOfAnotherKind_NamesTheSetting()
    {
        using var folder = new TemporaryFolder();

        var failure = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            ["--Workflows:InputPlaces", "many", "--Workflows:StateDirectory", folder.Path]));

        Assert.Contains("InputPlaces", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Build_ConnectionStringWithAFault_NamesSettingAndKey()
    {
        using var folder = new TemporaryFolder();

        var failure = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build([], new ServiceSettings
        {
            StateDirectory = folder.Path,
            HttpPort = 0,
            DurableTaskConnectionString = "TaskHub=x;Authentication=None",
        }));

        Assert.Contains("Workflows:DurableTaskConnectionString", failure.Message, StringComparison.Ordinal);
        Assert.Contains("'Endpoint'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithAConnectionString_RunsOnThatEngineAndHasNoneOfItsOwn()
    {
        await using var engine = new RunningService();
        await engine.InitializeAsync();
        await using var service = new RunningService();
        var port = ServicePorts.Kept(engine.Settings.StateDirectory)!.Grpc;
        service.Settings.DurableTaskConnectionString =
            $"Endpoint=http://127.0.0.1:{port};TaskHub=other;Authentication=None";
        await service.InitializeAsync();

        using var accepted = await service.Http.PostAsJsonAsync(
            "/runs", service.Request(), TestContext.Current.CancellationToken);

        Assert.True(accepted.IsSuccessStatusCode, $"{accepted.StatusCode}");
        Assert.False(Directory.Exists(Path.Combine(service.Settings.StateDirectory, "engine")));

        var (second, ports) = WorkflowsService.Build(
            [],
            new ServiceSettings
            {
                StateDirectory = service.Settings.StateDirectory,
                HttpPort = 0,
                DurableTaskConnectionString = service.Settings.DurableTaskConnectionString,
            },
            isEmbedded: true);
        var failure = await Assert.ThrowsAsync<ServiceStartException>(() => second.StartOrExplainAsync(
            ports, service.Settings.StateDirectory, TestContext.Current.CancellationToken));
        Assert.Contains("another process", failure.Message, StringComparison.Ordinal);
    }
}
