using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>The gateway behind TLS: its own, or a proxy's.</summary>
public sealed class GatewayDoorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("gateway-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 2);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _ports.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task ARun_WhoseGatewayEndsTlsItself_Succeeds()
    {
        using var certificate = WriteCertificate();
        await using var service = new RunningService();
        service.Settings.GatewayPort = _ports.Number;
        service.Settings.GatewayAddress = new Uri($"https://127.0.0.1:{_ports.Number}");
        (service.Settings.GatewayCertificate, service.Settings.GatewayKey) = (_folder["cert.pem"], _folder["key.pem"]);
        await service.InitializeAsync();

        var report = await service.ReportAsync(await service.StartAsync(service.Request(steps: 2)));

        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");

        // Behind that port are the gateway and the health address alone.
        using var http = Client();
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(http, "/healthz")).StatusCode);
        foreach (var path in new[] { "/runs", "/v2/projects/p/locations/z/nodes", "/TaskHubSidecarService/Hello", "/" })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(http, path)).StatusCode);
        }
    }

    [Fact]
    public async Task ARun_BehindAProxyThatEndsTls_Succeeds()
    {
        using var certificate = WriteCertificate();
        using var proxy = new TlsProxy(_ports.Number + 1, _ports.Number, certificate);
        await using var service = new RunningService();
        service.Settings.GatewayPort = _ports.Number;
        service.Settings.GatewayAddress = new Uri($"https://127.0.0.1:{_ports.Number + 1}");
        service.Settings.GatewayCertificate = _folder["cert.pem"];
        await service.InitializeAsync();

        var report = await service.ReportAsync(await service.StartAsync(service.Request(steps: 2)));

        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");
        Assert.True(proxy.Connections > 0);
    }

    [Theory]
    [InlineData("http://10.1.2.3:8081", "plain text")]
    [InlineData("https://localhost:8081", "only this machine reaches")]
    [InlineData("https://192.168.0.9:8081", "only VMs of the same network")]
    [InlineData(null, "is not set")]
    public async Task Start_WithAnAddressThatVmsCannotUse_SaysSoAtOnce(string? address, string words)
    {
        await using var service = new RunningService();
        service.Settings.Artifacts = "gs://some-bucket";
        service.Settings.GatewayAddress = address is null ? null : new Uri(address);
        await service.InitializeAsync();

        var log = await ReadAsync(Path.Combine(service.Settings.StateDirectory, "service.log"));

        Assert.Contains("Runs that pay will be refused", log, StringComparison.Ordinal);
        Assert.Contains(words, log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none.pem", null, "GatewayCertificate")]
    [InlineData("rubbish.pem", null, "GatewayCertificate")]
    [InlineData("cert.pem", "other.pem", "GatewayKey")]
    [InlineData("cert.pem", "rubbish.pem", "GatewayKey")]
    [InlineData(null, "key.pem", "GatewayCertificate")]
    public void Start_WithFilesThatDoNotFit_IsRefusedByTheSetting(string? certificate, string? key, string setting)
    {
        WriteCertificate().Dispose();
        _folder.Write("rubbish.pem", "no certificate");
        using var other = RSA.Create(2048);
        _folder.Write("other.pem", other.ExportPkcs8PrivateKeyPem());
        var settings = new ServiceSettings
        {
            StateDirectory = _folder["state"],
            HttpPort = 0,
            GatewayPort = _ports.Number,
            GatewayCertificate = certificate is null ? null : _folder[certificate],
            GatewayKey = key is null ? null : _folder[key],
        };

        var fault = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build([], settings, isEmbedded: true));

        Assert.Contains($"Workflows:{setting}", fault.Message, StringComparison.Ordinal);
    }

    private X509Certificate2 WriteCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(
            "CN=gateway.example", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        _folder.Write("cert.pem", made.ExportCertificatePem());
        _folder.Write("key.pem", key.ExportPkcs8PrivateKeyPem());
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    private HttpClient Client() => new(new SocketsHttpHandler
    {
        SslOptions =
        {
            RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.Subject == "CN=gateway.example",
        },
    })
    {
        BaseAddress = new Uri($"https://127.0.0.1:{_ports.Number}"),
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private static Task<HttpResponseMessage> GetAsync(HttpClient http, string path) =>
        http.GetAsync(new Uri(path, UriKind.Relative), Cancellation);

    private static async Task<string> ReadAsync(string path)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return await reader.ReadToEndAsync(Cancellation);
    }

    /// <summary>Ends TLS with HTTP/2 and hands the bytes on in plain text.</summary>
    private sealed class TlsProxy : IDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly TcpListener _listener;
        private int _connections;

        public TlsProxy(int port, int target, X509Certificate2 certificate)
        {
            _listener = new TcpListener(IPAddress.Loopback, port);
            _listener.Start();
            _ = AcceptAsync(target, certificate);
        }

        public int Connections => Volatile.Read(ref _connections);

        public void Dispose()
        {
            _stop.Cancel();
            _listener.Dispose();
            _stop.Dispose();
        }

        private async Task AcceptAsync(int target, X509Certificate2 certificate)
        {
            try
            {
                while (!_stop.IsCancellationRequested)
                {
                    _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token), target, certificate);
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException
                or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private async Task ServeAsync(TcpClient client, int target, X509Certificate2 certificate)
        {
            using var _ = client;
            try
            {
                await using var secret = new SslStream(client.GetStream());
                await secret.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
                {
                    ServerCertificate = certificate,
                    ApplicationProtocols = [SslApplicationProtocol.Http2],
                });
                Interlocked.Increment(ref _connections);
                using var plain = new TcpClient();
                await plain.ConnectAsync(IPAddress.Loopback, target, _stop.Token);
                await Task.WhenAny(
                    secret.CopyToAsync(plain.GetStream(), _stop.Token),
                    plain.GetStream().CopyToAsync(secret, _stop.Token));
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException
                or SocketException or AuthenticationException)
            {
                // A side went away.
            }
        }
    }
}
