using System.Net;
using System.Net.Sockets;
using Workflows.Service.Hosting;

namespace Workflows.Service.Tests.Hosting;

public sealed class ServicePortsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Decide_FreePorts_AreHeldUntilTheServerListens()
    {
        using var hold = new PortHold();
        var ports = ServicePorts.Decide(Settings(), null, hold);

        Assert.All(
            new[] { ports.Http, ports.Grpc, ports.EmulatorRest, ports.EmulatorStorage },
            port => Assert.Throws<SocketException>(() => Listen(port).Dispose()));
        using var handed = hold.Hand(new IPEndPoint(IPAddress.Loopback, ports.Http));
        hold.Dispose();

        Assert.Throws<SocketException>(() => Listen(ports.Http).Dispose());
        Listen(ports.Grpc).Dispose();
    }

    [Fact]
    public void Hand_AnotherAddressOfAHeldPort_IsAnewSocket()
    {
        using var hold = new PortHold();
        var ports = ServicePorts.Decide(Settings(), null, hold);

        using var everywhere = hold.Hand(new IPEndPoint(IPAddress.Any, ports.Http));

        Assert.Equal(new IPEndPoint(IPAddress.Any, ports.Http), everywhere.LocalEndPoint);
        everywhere.Listen();
    }

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
        using var hold = new PortHold();

        var ports = ServicePorts.Decide(
            new ServiceSettings
            {
                StateDirectory = _folder,
                GrpcPort = Decide().Grpc,
                EmulatorRestPort = Decide().EmulatorRest,
                EmulatorStoragePort = Decide().EmulatorStorage,
            },
            port, hold);

        Assert.Equal(port, ports.Http);
    }

    private ServicePorts Decide()
    {
        using var hold = new PortHold();
        return ServicePorts.Decide(Settings(), null, hold);
    }

    private ServiceSettings Settings() => new() { StateDirectory = _folder, HttpPort = 0 };

    private static TcpListener Listen(int port)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        return listener;
    }
}
