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
/// <param name="EmulatorStorage">Buckets of the emulator; 0 in files of older services.</param>
/// <param name="IsTls">true if the HTTP API speaks TLS.</param>
public sealed record ServicePorts(int Http, int Grpc, int EmulatorRest, int EmulatorStorage = 0, bool IsTls = false)
{
    private int[] All => [Http, Grpc, EmulatorRest, EmulatorStorage];

    /// <summary>Decides the ports. If the HTTP port is 0, free ones are chosen and kept for the next start, because
    /// workers on running VMs have the address; they are held until the service listens.</summary>
    /// <param name="settings">The service's settings.</param>
    /// <param name="named">The port that an address names; null for none.</param>
    /// <param name="hold">Holds chosen ports.</param>
    /// <returns>The ports.</returns>
    internal static ServicePorts Decide(ServiceSettings settings, int? named, PortHold hold) =>
        Choose(settings, named, hold) with { IsTls = settings.Access.Certificate is not null };

    private static ServicePorts Choose(ServiceSettings settings, int? named, PortHold hold)
    {
        Directory.CreateDirectory(settings.StateDirectory);
        var http = settings.HttpPort ?? named ?? 8080;
        if (http != 0)
        {
            var given = new ServicePorts(
                http, settings.GrpcPort ?? http + 1, settings.EmulatorRestPort ?? http + 2,
                settings.EmulatorStoragePort ?? http + 3);
            foreach (var port in given.All.Where(port => !IsFree(port)))
            {
                throw new ServiceStartException(
                    $"Port {port} is in use. The service needs four: {given.Http} for HTTP, {given.Grpc} for gRPC, "
                    + $"{given.EmulatorRest} and {given.EmulatorStorage} for the emulator; choose others with --urls "
                    + "http://127.0.0.1:PORT.");
            }

            return given;
        }

        // A file of an older service has 0 for storage: any port.
        var kept = Read(PathOf(settings.StateDirectory))?.All ?? [0, 0, 0, 0];
        return (hold.Take(kept) ?? hold.Take(0, 0, 0, 0)) is [var first, var second, var third, var fourth]
            ? new ServicePorts(first, second, third, fourth)
            : throw new ServiceStartException("No port of 127.0.0.1 is free.");
    }

    /// <summary>Reads the ports that the last service with this state folder used.</summary>
    /// <param name="stateDirectory">The folder.</param>
    /// <returns>null if there was none.</returns>
    public static ServicePorts? Kept(string stateDirectory) => Read(PathOf(stateDirectory));

    /// <summary>Computes an id of a state folder that does not reveal its path, but can be compared.</summary>
    /// <param name="stateDirectory">The folder.</param>
    /// <returns>A hash of the absolute path.</returns>
    public static string StateIdOf(string stateDirectory) => Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(stateDirectory))))[..32];

    /// <summary>Saves the ports, once the service has them and the state folder.</summary>
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
            // A crash left the file incomplete; new ports are chosen, and a worker with the old ones is replaced.
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
}
