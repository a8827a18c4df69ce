using System.Net;
using System.Net.Sockets;
using Workflows.Service.Hosting;

namespace Workflows.Service.Tests.Hosting;

public sealed class ServicePortsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Decide_FreePorts_AreKeptForTheNextStart()
    {
        var first = Decide();
        first.Keep(_folder);

        Assert.Equal(first, Decide());
        Assert.Equal(
            4, new[] { first.Http, first.Grpc, first.EmulatorRest, first.EmulatorStorage }.Distinct().Count());
    }

    [Fact]
    public void Decide_KeptPortThatIsTaken_ChoosesOthers()
    {
        var first = Decide();
        first.Keep(_folder);
        using var taken = new TcpListener(IPAddress.Loopback, first.Grpc);
        taken.Start();

        Assert.NotEqual(first.Grpc, Decide().Grpc);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"Http\": 8")]
    public void Kept_FileThatACrashTore_IsAsIfThereWereNone(string text)
    {
        File.WriteAllText(Path.Combine(_folder, "ports.json"), text);

        Assert.Null(ServicePorts.Kept(_folder));
        Assert.True(Decide().Http > 0);
    }

    [Fact]
    public void Decide_ANamedPort_IsTaken()
    {
        var port = Decide().Http;

        var ports = ServicePorts.Decide(
            new ServiceSettings
            {
                StateDirectory = _folder,
                GrpcPort = Decide().Grpc,
                EmulatorRestPort = Decide().EmulatorRest,
                EmulatorStoragePort = Decide().EmulatorStorage,
            },
            port);

        Assert.Equal(port, ports.Http);
    }

    private ServicePorts Decide() =>
        ServicePorts.Decide(new ServiceSettings { StateDirectory = _folder, HttpPort = 0 }, null);
}
