using System.Net;
using System.Net.Sockets;

namespace Workflows.DurableTask.Tests.Hosting;

/// <summary>Ports for programs that are to listen on a given one, or again on the one they had.</summary>
internal static class Ports
{
    // Below those that the system gives to outgoing connections: between a look and the program's start, or while it
    // is started again, one of the many connections of the tests beside it might take the port.
    private const int First = 12_000;
    private const int Last = 32_000;

    private static int _next = Random.Shared.Next(First, Last);

    /// <summary>One that nobody has and that this process has not given away.</summary>
    public static int Free()
    {
        while (true)
        {
            int port = First + (Interlocked.Increment(ref _next) % (Last - First));
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody has it.
            }
        }
    }
}
