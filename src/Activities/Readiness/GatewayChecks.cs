using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Workflows.Activities.Provisioning;

namespace Workflows.Activities.Readiness;

/// <summary>Checks whether TPU VMs reach the worker gateway over an encrypted connection.</summary>
public static class GatewayChecks
{
    private const string Check = "gateway";

    private const string Setting = "Workflows:GatewayAddress";

    private static readonly TimeSpan Soon = TimeSpan.FromDays(14), Patience = TimeSpan.FromSeconds(10);

    /// <summary>Checks the form of the address, without a connection.</summary>
    /// <param name="address">The address of the settings; null if none is set.</param>
    /// <returns>ok, or the problem.</returns>
    public static ReadinessLine OfAddress(Uri? address)
    {
        const string Fix = $"Set {Setting} to https://HOST:PORT, which leads to the port of Workflows:GatewayPort.";
        if (address is null)
        {
            return ReadinessLine.Fail(Check, $"{Setting} is not set: TPU VMs do not know where this service is.", Fix);
        }

        if (address.Scheme is not ("http" or "https"))
        {
            return ReadinessLine.Fail(Check, $"{Setting} is '{address}', which is no address of HTTP.", Fix);
        }

        if (IsLocal(address))
        {
            return ReadinessLine.Fail(Check, $"{Setting} is '{address}', which only this machine reaches.", Fix);
        }

        if (address.Scheme == "http")
        {
            return ReadinessLine.Fail(
                Check, $"{Setting} is '{address}': secrets of nodes would travel in plain text, and workers refuse it.",
                Fix);
        }

        return IsPrivate(address)
            ? ReadinessLine.Warn(
                Check, $"{Setting} is '{address}', which only VMs of the same network reach.",
                "Give runs that network in tpu.network, or use an address of the internet.")
            : ReadinessLine.Ok(Check, $"{Setting} is '{address}'.");
    }

    /// <summary>Connects to the address as a worker does.</summary>
    /// <param name="bootstrap">The address, and the certificate that workers expect.</param>
    /// <param name="stateId">The id that this service answers at <c>/healthz</c>.</param>
    /// <param name="clock">Shows whether the certificate is about to expire.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>ok, or the problem.</returns>
    internal static async Task<ReadinessLine> DialAsync(
        WorkerBootstrap bootstrap, string? stateId, TimeProvider clock, CancellationToken cancellation)
    {
        var line = OfAddress(bootstrap.GatewayAddress);
        return line.Level == ReadinessLevel.Fail
            ? line
            : await ConnectAsync(bootstrap, line, stateId, clock, cancellation);
    }

    /// <summary>Connects to an address whose form is right.</summary>
    internal static async Task<ReadinessLine> ConnectAsync(
        WorkerBootstrap bootstrap, ReadinessLine line, string? stateId, TimeProvider clock,
        CancellationToken cancellation)
    {
        X509Certificate2? seen = null;
        try
        {
            using var handler = new SocketsHttpHandler
            {
                ConnectTimeout = Patience,
                SslOptions = new SslClientAuthenticationOptions
                {
                    RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                    {
                        seen = certificate is null ? null : new X509Certificate2(certificate);
                        return bootstrap.GatewayCertificate is { } pin
                            ? certificate is not null && GatewayPin.Of(certificate) == pin
                            : errors == SslPolicyErrors.None;
                    },
                },
            };
            using var http = new HttpClient(handler) { Timeout = Patience * 2 };
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(bootstrap.GatewayAddress, "/healthz"))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            using var answer = await http.SendAsync(request, cancellation);
            var text = await answer.Content.ReadAsStringAsync(cancellation);
            return Judge(bootstrap, line, answer.StatusCode, text, stateId, seen, clock);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or SocketException
            || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return Unreachable(bootstrap, exception, seen);
        }
        finally
        {
            seen?.Dispose();
        }
    }

    private static ReadinessLine Judge(
        WorkerBootstrap bootstrap, ReadinessLine line, HttpStatusCode status, string text, string? stateId,
        X509Certificate2? seen, TimeProvider clock)
    {
        var address = bootstrap.GatewayAddress;
        if (status != HttpStatusCode.OK || (stateId is not null && StateIdOf(text) != stateId))
        {
            return ReadinessLine.Fail(
                Check, $"'{address}' answers ({(int)status}), but it is not this service.",
                "Let the proxy forward to the port of Workflows:GatewayPort, over HTTP/2.");
        }

        if (seen is not null && seen.NotAfter.ToUniversalTime() < clock.GetUtcNow() + Soon)
        {
            return ReadinessLine.Warn(
                Check, $"The certificate of '{address}' ends at {seen.NotAfter.ToUniversalTime():u}.",
                "Renew it before a run that is longer.");
        }

        return line with
        {
            Finding = $"'{address}' leads here, over TLS and HTTP/2"
                + (bootstrap.GatewayCertificate is null ? "." : ", with the certificate that workers expect."),
        };
    }

    private static ReadinessLine Unreachable(WorkerBootstrap bootstrap, Exception exception, X509Certificate2? seen)
    {
        var words = exception.InnerException?.Message ?? exception.Message;
        if (seen is null)
        {
            return ReadinessLine.Fail(
                Check, $"'{bootstrap.GatewayAddress}' cannot be reached: {words}",
                "Open its port in the firewall, and let it lead to the port of Workflows:GatewayPort, over HTTP/2.");
        }

        return bootstrap.GatewayCertificate is null
            ? ReadinessLine.Fail(
                Check, $"The certificate of '{bootstrap.GatewayAddress}' ({seen.Subject}) is not trusted: {words}",
                "Use one of a public authority, or name its file in Workflows:GatewayCertificate: workers then "
                + "expect that very one.")
            : ReadinessLine.Fail(
                Check, $"'{bootstrap.GatewayAddress}' does not show the certificate of Workflows:GatewayCertificate, "
                + $"or breaks off: {words}", "Name the file of the certificate that the proxy shows.");
    }

    private static string? StateIdOf(string text)
    {
        try
        {
            return JsonElement.Parse(text).TryGetProperty("stateId", out var id) ? id.ToString() : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static bool IsLocal(Uri address) => address.IsLoopback
        || (IPAddress.TryParse(address.DnsSafeHost, out var ip)
            && (IPAddress.IsLoopback(ip) || ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any)));

    private static bool IsPrivate(Uri address)
    {
        if (!IPAddress.TryParse(address.DnsSafeHost, out var ip))
        {
            return false;
        }

        var bytes = (ip.IsIPv4MappedToIPv6 ? ip.MapToIPv4() : ip).GetAddressBytes();
        return bytes is [10, ..] or [172, >= 16 and <= 31, ..] or [192, 168, ..] or [169, 254, ..]
            || ip.IsIPv6UniqueLocal || ip.IsIPv6LinkLocal;
    }
}
