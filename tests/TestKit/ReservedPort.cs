using System.Net;
using System.Net.Sockets;

namespace Workflows.TestKit;

/// <summary>
/// A loopback port for a program that must be given its number, or that is started again on the one it had. Programs
/// that can bind port 0 and say what they got, or take a bound socket, do not need it.
/// </summary>
/// <remarks>
/// Until disposal no other test process gets the port: each holds a lock file of its own. Nor can an outgoing
/// connection take it in a moment when the program does not listen: the port is below the range that systems give to
/// those.
/// </remarks>
public sealed class ReservedPort : IDisposable
{
    private const int First = 12_000, End = 32_000;

    private static int _next = Random.Shared.Next(End - First);

    private readonly FileStream[] _locks;

    private ReservedPort(int number, FileStream[] locks) => (Number, _locks) = (number, locks);

    /// <summary>Gets the port's number; of several, the first.</summary>
    public int Number { get; }

    /// <summary>Reserves one port, or several in a row.</summary>
    /// <param name="count">How many.</param>
    /// <returns>The ports, which nobody listens on.</returns>
    public static ReservedPort Take(int count = 1)
    {
        while (true)
        {
            var number = First + Math.Abs(Interlocked.Add(ref _next, count) % (End - First - count));
            if (TryLock(number, count) is { } locks)
            {
                return new ReservedPort(number, locks);
            }
        }
    }

    /// <inheritdoc />
    public void Dispose() => Array.ForEach(_locks, each => each.Dispose());

    private static FileStream[]? TryLock(int number, int count)
    {
        var locks = new List<FileStream>();
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "workflows-test-ports")).FullName;
        try
        {
            for (var port = number; port < number + count; port++)
            {
                locks.Add(new FileStream(Path.Combine(folder, $"{port}"), new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                }));
                using var probe = new TcpListener(IPAddress.Loopback, port);
                probe.Start();
            }

            return [.. locks];
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            // Another process holds the lock, or a program listens on the port: the next one may be free.
            locks.ForEach(each => each.Dispose());
            return null;
        }
    }
}
