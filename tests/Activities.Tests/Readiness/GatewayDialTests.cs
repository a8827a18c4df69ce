using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Readiness;

namespace Workflows.Activities.Tests.Readiness;

/// <summary>What the doctor finds when it dials the gateway as a worker does.</summary>
public sealed class GatewayDialTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("right pin", ReadinessLevel.Ok, "leads here")]
    [InlineData("other pin", ReadinessLevel.Fail, "does not show the certificate")]
    [InlineData("no pin", ReadinessLevel.Fail, "is not trusted")]
    [InlineData("other service", ReadinessLevel.Fail, "it is not this service")]
    [InlineData("not found", ReadinessLevel.Fail, "it is not this service")]
    [InlineData("HTTP/1.1", ReadinessLevel.Fail, "")]
    [InlineData("about to end", ReadinessLevel.Warn, "ends at")]
    [InlineData("nobody there", ReadinessLevel.Fail, "cannot be reached")]
    public async Task Connect_OfEachKind_SaysWhatIsWrong(string kind, ReadinessLevel level, string words)
    {
        using var certificate = Certificate(days: kind == "about to end" ? 3 : 90);
        var application = await StartAsync(kind, certificate);
        var address = new Uri(application.Urls.First());
        if (kind == "nobody there")
        {
            await application.DisposeAsync();
        }

        await using var running = application;
        var pin = kind switch
        {
            "no pin" => null,
            "other pin" => new string('0', 64),
            _ => GatewayPin.Of(certificate),
        };
        var line = await GatewayChecks.ConnectAsync(
            new WorkerBootstrap(address, "", "", pin), GatewayChecks.OfAddress(new Uri("https://gateway.example")),
            kind == "other service" ? "another" : "this", TimeProvider.System, Cancellation);

        Assert.True(line.Level == level, $"{line}");
        Assert.Contains(words, line.Finding, StringComparison.Ordinal);
        Assert.Equal(level == ReadinessLevel.Ok, line.Fix is null);
    }

    private static async Task<WebApplication> StartAsync(string kind, X509Certificate2 certificate)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
        {
            endpoint.Protocols = kind == "HTTP/1.1" ? HttpProtocols.Http1 : HttpProtocols.Http2;
            endpoint.UseHttps(certificate);
        }));
        var application = builder.Build();
        application.Run(context =>
        {
            if (kind == "not found")
            {
                context.Response.StatusCode = 404;
                return Task.CompletedTask;
            }

            return context.Response.WriteAsJsonAsync(new { status = "ok", stateId = "this" });
        });
        await application.StartAsync(Cancellation);
        return application;
    }

    private static X509Certificate2 Certificate(int days)
    {
        using var key = RSA.Create(2048);
        var now = TimeProvider.System.GetUtcNow();
        using var made = new CertificateRequest(
            "CN=gateway.example", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(now.AddDays(-1), now.AddDays(days));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
