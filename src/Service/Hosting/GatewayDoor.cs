using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Readiness;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Hosting;

/// <summary>
/// Opens the worker gateway to other machines: on a port of its own, which does not reach the API, the engine or the
/// emulator, and with the certificate by which workers recognise the gateway.
/// </summary>
internal static partial class GatewayDoor
{
    private static readonly string Gateway = $"/{WorkerGateway.Descriptor.FullName}";

    /// <summary>Reads the certificate's pin.</summary>
    /// <exception cref="ServiceStartException">The files or the settings are not valid.</exception>
    public static string? PinOf(ServiceSettings settings)
    {
        if (settings.GatewayKey is not null && (settings.GatewayCertificate is null || settings.GatewayPort is null))
        {
            throw new ServiceStartException(
                "Workflows:GatewayKey needs Workflows:GatewayCertificate, whose key it is, and Workflows:GatewayPort.");
        }

        if (settings.GatewayCertificate is not { } path)
        {
            return null;
        }

        return SettingsFile.Read(nameof(settings.GatewayCertificate), path, "a PEM file", bytes =>
        {
            using var certificate = X509CertificateLoader.LoadCertificate(bytes);
            return GatewayPin.Of(certificate);
        });
    }

    /// <summary>Reads the gateways of the other services.</summary>
    /// <exception cref="ServiceStartException">One is no address.</exception>
    public static IReadOnlyList<Uri> OthersOf(ServiceSettings settings) =>
    [
        .. (settings.OtherGateways ?? "")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(text => Uri.TryCreate(text, UriKind.Absolute, out var address)
                && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback))
                ? address
                : throw new ServiceStartException(
                    $"'{Runs.SafeText.Of(text, 200)}' in the setting 'Workflows:OtherGateways' is no address with "
                    + "https: name the gateways of the other services, with commas between them.")),
    ];

    /// <summary>Opens the port.</summary>
    /// <exception cref="ServiceStartException">The key does not belong to the certificate.</exception>
    public static void Open(KestrelServerOptions kestrel, ServiceSettings settings)
    {
        if (settings.GatewayPort is not { } port)
        {
            return;
        }

        if (settings.GatewayKey is not { } key)
        {
            // A proxy that passes on the streams unchanged names the scheme https, although this port has no TLS.
            kestrel.AllowAlternateSchemes = true;
            kestrel.Listen(
                System.Net.IPAddress.Loopback, port, endpoint => endpoint.Protocols = HttpProtocols.Http2);
            return;
        }

        var tls = TlsFiles.Load(nameof(settings.GatewayKey), settings.GatewayCertificate!, key);
        kestrel.ListenAnyIP(port, endpoint =>
        {
            endpoint.Protocols = HttpProtocols.Http2;
            endpoint.UseHttps(tls);
        });
    }

    /// <summary>Lets only the gateway and the health address through that port.</summary>
    public static void Guard(WebApplication application, ServiceSettings settings)
    {
        if (settings.GatewayPort is not { } port)
        {
            return;
        }

        application.Use(async (context, next) =>
        {
            if (context.Connection.LocalPort == port
                && !context.Request.Path.StartsWithSegments(Gateway, StringComparison.Ordinal)
                && !context.Request.Path.StartsWithSegments("/healthz", StringComparison.Ordinal))
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }

            await next(context);
        });
    }

    /// <summary>Logs at the start the settings that would stop a run that pays later.</summary>
    public static void Tell(WebApplication application, ServiceSettings settings)
    {
        var logger = application.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(GatewayDoor));
        var line = GatewayChecks.OfAddress(settings.GatewayAddress);
        if (settings.GatewayAddress is null
            && settings.Artifacts?.StartsWith("gs://", StringComparison.Ordinal) != true)
        {
            // The service serves rehearsals only.
            return;
        }

        if (line.Level != ReadinessLevel.Ok)
        {
            Log.Unreachable(logger, line.Finding, line.Fix ?? "");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4310, LogLevel.Warning, "Runs that pay will be refused, or fail: {Finding} {Fix}")]
        public static partial void Unreachable(ILogger logger, string finding, string fix);
    }
}
