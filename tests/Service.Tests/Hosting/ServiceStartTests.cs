using System.Net;
using System.Net.Sockets;
using Workflows.Service.Hosting;

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

        var (second, ports) = WorkflowsService.Build(
            [], new ServiceSettings { StateDirectory = first.Settings.StateDirectory, HttpPort = 0 }, isEmbedded: true);
        var failure = await Assert.ThrowsAsync<ServiceStartException>(() => second.StartOrExplainAsync(
            ports, first.Settings.StateDirectory, TestContext.Current.CancellationToken));

        Assert.Contains("another process", failure.Message, StringComparison.Ordinal);
        Assert.Equal(kept, ServicePorts.Kept(first.Settings.StateDirectory));
    }

    [Fact]
    public void Build_PortInUse_NamesThePort()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var folder = Directory.CreateTempSubdirectory().FullName;

        var failure = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            [], new ServiceSettings { StateDirectory = folder, HttpPort = port }));

        Assert.Contains($"Port {port} is in use", failure.Message, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Build_StateFolderThatIsAFile_NamesIt()
    {
        var file = Path.GetTempFileName();

        var failure = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            [], new ServiceSettings { StateDirectory = file, HttpPort = 0 }));

        Assert.Contains(file, failure.Message, StringComparison.Ordinal);
        File.Delete(file);
    }
}
