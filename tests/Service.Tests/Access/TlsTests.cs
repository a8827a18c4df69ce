using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Workflows.Service.Access;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Access;

/// <summary>The API with a certificate of its own.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("tls-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Api_WithACertificate_SpeaksTlsAloneAndSetsASecureCookie()
    {
        WriteCertificate();
        await using var service = new KeyedService();
        (service.Service.Settings.Access.Certificate, service.Service.Settings.Access.CertificateKey) =
            (_folder["cert.pem"], _folder["key.pem"]);
        await service.InitializeAsync();
        var ports = ServicePorts.Kept(service.Service.Settings.StateDirectory)!;
        Assert.True(ports.IsTls);

        using var http = new HttpClient(new HttpClientHandler
        {
            AllowAutoRedirect = false,
            ServerCertificateCustomValidationCallback = (_, shown, _, _) => shown?.Subject == "CN=workflows.example",
        })
        {
            BaseAddress = new Uri($"https://127.0.0.1:{ports.Http}"),
        };
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/runs")
            {
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {service.Keys[AccessRole.Reader]}");
            using var answer = await http.SendAsync(request, Cancellation);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        using var form = new FormUrlEncodedContent([KeyValuePair.Create("key", service.Keys[AccessRole.Reader])]);
        using var signedIn = await http.PostAsync("/session", form, Cancellation);
        Assert.Contains(
            "; secure;", Assert.Single(signedIn.Headers.GetValues("Set-Cookie")), StringComparison.OrdinalIgnoreCase);
        await Assert.ThrowsAsync<HttpRequestException>(() => service.SendAsync("GET", "/healthz", AccessRole.Reader));
    }

    [Theory]
    [InlineData("cert.pem", null, "are needed together")]
    [InlineData(null, "key.pem", "are needed together")]
    [InlineData("none.pem", "key.pem", "Access:Certificate")]
    [InlineData("cert.pem", "none.pem", "Access:CertificateKey")]
    [InlineData("key.pem", "cert.pem", "Access:CertificateKey")]
    public void Build_WithFilesThatDoNotFit_NamesTheSetting(string? certificate, string? key, string words)
    {
        WriteCertificate();
        var settings = new ServiceSettings { StateDirectory = _folder["state"], HttpPort = 0 };
        settings.Access.Certificate = certificate is null ? null : _folder[certificate];
        settings.Access.CertificateKey = key is null ? null : _folder[key];

        var fault = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build([], settings, isEmbedded: true));

        Assert.Contains(words, fault.Message, StringComparison.Ordinal);
    }

    private void WriteCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(
            "CN=workflows.example", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        _folder.Write("cert.pem", made.ExportCertificatePem());
        _folder.Write("key.pem", key.ExportPkcs8PrivateKeyPem());
    }
}
