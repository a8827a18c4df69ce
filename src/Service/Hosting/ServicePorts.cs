using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Workflows.Service.Hosting;

/// <summary>The ports of one service.</summary>
/// <param name="Http">HTTP API.</param>
/// <param name="Grpc">gRPC: workers, sidecar, emulator.</param>
/// <param name="EmulatorRest">REST side of the emulator.</param>
public sealed record ServicePorts(int Http, int Grpc, int EmulatorRest)
{
    /// <summary>Decides the ports; free ones are chosen when the HTTP port is 0, and kept for the next start, because
    /// workers on running VMs know the address.</summary>
    /// <param name="settings">The service's settings.</param>
    /// <param name="urls">What <c>--urls</c> or <c>ASPNETCORE_URLS</c> says, or null.</param>
    /// <returns>The ports.</returns>
    internal static ServicePorts Decide(ServiceSettings settings, string? urls)
    {
        Directory.CreateDirectory(settings.StateDirectory);
        var http = settings.HttpPort ?? (urls is null ? 8080 : new Uri(urls.Split(';')[0].Replace("*", "localhost",
            StringComparison.Ordinal).Replace("+", "localhost", StringComparison.Ordinal)).Port);
        if (http != 0)
        {
            var given = new ServicePorts(http, settings.GrpcPort ?? http + 1, settings.EmulatorRestPort ?? http + 2);
            foreach (var port in new[] { given.Http, given.Grpc, given.EmulatorRest }.Where(port => !IsFree(port)))
            {
                throw new ServiceStartException(
                    $"Port {port} is in use. The service needs three: {given.Http} for HTTP, {given.Grpc} for gRPC and "
                    + $"{given.EmulatorRest} for the emulator; choose others with --urls http://127.0.0.1:PORT.");
            }

            return given;
        }

        var path = PathOf(settings.StateDirectory);
        var kept = Read(path);
        return kept is not null && IsFree(kept.Http) && IsFree(kept.Grpc) && IsFree(kept.EmulatorRest)
            ? kept
            : new ServicePorts(0, 0, 0).ChooseFree();
    }

    /// <summary>Reads the ports that a service with this state folder used last.</summary>
    /// <param name="stateDirectory">The folder.</param>
    /// <returns>null when there was none.</returns>
    public static ServicePorts? Kept(string stateDirectory) => Read(PathOf(stateDirectory));

    /// <summary>Names a state folder without telling its path: who knows the folder can compare.</summary>
    /// <param name="stateDirectory">The folder.</param>
    /// <returns>A hash of the absolute path.</returns>
    public static string StateIdOf(string stateDirectory) => Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(stateDirectory))))[..32];

    /// <summary>Writes the ports down, once the service has them and the state folder.</summary>
    /// <param name="stateDirectory">The folder.</param>
    internal void Keep(string stateDirectory) =>
        File.WriteAllText(PathOf(stateDirectory), JsonSerializer.Serialize(this));

    private static string PathOf(string stateDirectory) => Path.Combine(stateDirectory, "ports.json");

    private static ServicePorts? Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<ServicePorts>(File.ReadAllText(path)) : null;
        }
        catch (JsonException)
        {
            // Torn by a crash; new ports do, and a worker that knew the old ones is replaced.
            return null;
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var probe = new TcpListener(IPAddress.Loopback, port);
            probe.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private ServicePorts ChooseFree()
    {
        using TcpListener a = new(IPAddress.Loopback, Http), b = new(IPAddress.Loopback, Grpc),
            c = new(IPAddress.Loopback, EmulatorRest);
        a.Start();
        b.Start();
        c.Start();
        return new ServicePorts(PortOf(a), PortOf(b), PortOf(c));

        static int PortOf(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
