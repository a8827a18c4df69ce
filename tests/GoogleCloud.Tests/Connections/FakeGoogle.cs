using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Workflows.GoogleCloud.Tests.Connections;

/// <summary>
/// A server that answers every request with gRPC's NOT_FOUND and keeps its headers: with TLS as Google's front end, or
/// in plain text as an emulator.
/// </summary>
internal sealed class FakeGoogle : IAsyncDisposable
{
    private readonly WebApplication _application;

    private readonly X509Certificate2 _certificate;

    private FakeGoogle(WebApplication application, X509Certificate2 certificate) =>
        (_application, _certificate) = (application, certificate);

    /// <summary>Gets the headers of each request, names in lower case.</summary>
    public ConcurrentQueue<Dictionary<string, string>> Requests { get; } = [];

    public Uri Address => new(_application.Services.GetRequiredService<IServer>()
        .Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    /// <summary>Trusts this server's certificate, which nobody has signed, and no other.</summary>
    public SocketsHttpHandler Trusting() => new()
    {
        SslOptions =
        {
            RemoteCertificateValidationCallback = (_, given, _, _) =>
                given?.GetCertHashString() == _certificate.GetCertHashString(),
        },
    };

    public static async Task<FakeGoogle> StartAsync(bool isSecure)
    {
        var certificate = Certificate();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
        {
            endpoint.Protocols = HttpProtocols.Http2;
            if (isSecure)
            {
                endpoint.UseHttps(certificate);
            }
        }));
        var fake = new FakeGoogle(builder.Build(), certificate);
        fake._application.Run(fake.AnswerAsync);
        await fake._application.StartAsync(TestContext.Current.CancellationToken);
        return fake;
    }

    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync(CancellationToken.None);
        await _application.DisposeAsync();
        _certificate.Dispose();
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private Task AnswerAsync(HttpContext context)
    {
        Requests.Enqueue(context.Request.Headers.ToDictionary(
            header => header.Key.ToLowerInvariant(), header => header.Value.ToString()));
        context.Response.ContentType = "application/grpc";
        context.Response.AppendTrailer("grpc-status", "5");
        return Task.CompletedTask;
    }
}
