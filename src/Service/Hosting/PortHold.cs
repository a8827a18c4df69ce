using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Workflows.Service.Hosting;

/// <summary>
/// Holds ports of 127.0.0.1 from their choice until the server listens on them: between the two, any other program
/// could be given one, if only for a connection that it opens.
/// </summary>
internal sealed class PortHold : IDisposable
{
    private readonly Dictionary<int, Socket> _held = [];

    /// <summary>Takes ports, all or none.</summary>
    /// <param name="ports">The ports; 0 for any free one.</param>
    /// <returns>The ports taken, in this order; null if one is not free.</returns>
    public int[]? Take(params ReadOnlySpan<int> ports)
    {
        var taken = new List<Socket>();
        try
        {
            foreach (var port in ports)
            {
                taken.Add(SocketTransportOptions.CreateDefaultBoundListenSocket(
                    new IPEndPoint(IPAddress.Loopback, port)));

                // Two programs may bind a port, and only one of them listen.
                taken[^1].Listen();
            }
        }
        catch (SocketException)
        {
            taken.ForEach(socket => socket.Dispose());
            return null;
        }

        foreach (var socket in taken)
        {
            _held.Add(PortOf(socket), socket);
        }

        return [.. taken.Select(PortOf)];
    }

    /// <summary>Hands the socket of an endpoint over to the server.</summary>
    /// <param name="endpoint">Where the server listens.</param>
    /// <returns>The one that is held, or a new one.</returns>
    public Socket Hand(EndPoint endpoint)
    {
        if (endpoint is IPEndPoint { Port: var port } && _held.Remove(port, out var socket))
        {
            if (endpoint.Equals(socket.LocalEndPoint))
            {
                return socket;
            }

            // Another address, such as all of them.
            socket.Dispose();
        }

        return SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
    }

    /// <summary>Gives back the ports that the server did not take.</summary>
    public void Dispose()
    {
        foreach (var socket in _held.Values)
        {
            socket.Dispose();
        }

        _held.Clear();
    }

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;
}
