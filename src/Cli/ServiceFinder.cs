using System.Net.Http.Json;
using System.Text.Json;
using Workflows.Service.Hosting;

namespace Workflows.Cli;

/// <summary>Finds the service that has a state folder.</summary>
internal static class ServiceFinder
{
    /// <summary>Finds the service of another process that has the folder open, by the ports written there.</summary>
    public static async Task<HttpClient?> FindAsync(
        string state, string? key, CancellationToken cancellation)
    {
        if (ServicePorts.Kept(state) is not { } ports)
        {
            return null;
        }

        var address = new Uri($"{(ports.IsTls ? "https" : "http")}://127.0.0.1:{ports.Http}");
        if (await HealthAsync(address, cancellation) is not { } health
            || health.StateId != ServicePorts.StateIdOf(state))
        {
            // No service answers, or another program's does: start our own.
            return null;
        }

        return ports.IsTls
            ? throw new CommandException(
                $"The service that has the folder '{state}' speaks TLS. Name it by the name in its certificate: "
                + $"--service https://NAME:{ports.Http}", ExitCodes.Failed)
            : CallerKey.Client(address, key);
    }

    /// <summary>Calls a service of this machine without the key, and so with whatever certificate it has.</summary>
    private static async Task<Health?> HealthAsync(Uri address, CancellationToken cancellation)
    {
        using var anyCertificate = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, _, _, _) => true,
        };
        using var http = new HttpClient(anyCertificate) { BaseAddress = address };
        try
        {
            return await http.GetFromJsonAsync<Health>(new Uri("/healthz", UriKind.Relative), cancellation);
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException)
        {
            return null;
        }
    }

    private sealed record Health(string Status, string StateId);
}
