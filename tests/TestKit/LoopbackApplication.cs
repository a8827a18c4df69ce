using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Workflows.TestKit;

/// <summary>
/// A builder of a web application on ports that are bound before it is built, so that it knows them and no other
/// program can take one in between.
/// </summary>
public static class LoopbackApplication
{
    /// <summary>Creates a builder that listens on one free port of 127.0.0.1 for each protocol.</summary>
    /// <param name="logLevel">The least serious level that is logged.</param>
    /// <param name="protocols">The protocol of each port.</param>
    /// <returns>The builder, and the ports in the order of the protocols.</returns>
    public static (WebApplicationBuilder Builder, int[] Ports) CreateBuilder(
        LogLevel logLevel, params HttpProtocols[] protocols)
    {
        var sockets = Array.ConvertAll(protocols, _ => Bind());
        var ports = Array.ConvertAll(sockets, socket => ((IPEndPoint)socket.LocalEndPoint!).Port);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(logLevel);
        builder.WebHost.UseSockets(
            options => options.CreateBoundListenSocket =
                endpoint => sockets[Array.IndexOf(ports, ((IPEndPoint)endpoint).Port)]);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            foreach (var (port, protocol) in ports.Zip(protocols))
            {
                kestrel.Listen(IPAddress.Loopback, port, endpoint => endpoint.Protocols = protocol);
            }
        });
        return (builder, ports);
    }

    private static Socket Bind()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }
}
