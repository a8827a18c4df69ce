using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Workflows.TpuWorker.Host;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>Whom a worker tells its node's secret.</summary>
public sealed class GatewayTrustTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Options_WithAPin_AcceptThatCertificateAloneWhateverItsName()
    {
        using var right = Certificate();
        using var other = Certificate();
        var pin = Convert.ToHexStringLower(SHA256.HashData(right.RawData));

        bool Accepts(string? given, X509Certificate2? shown) =>
            GatewayTrust.Options(given).RemoteCertificateValidationCallback!(
                this, shown, null, SslPolicyErrors.RemoteCertificateNameMismatch);

        Assert.True(Accepts(pin, right));
        Assert.True(Accepts(pin.ToUpperInvariant(), right));
        Assert.False(Accepts(pin, other));
        Assert.False(Accepts(pin, null));
        Assert.False(Accepts("rubbish", right));
        Assert.False(Accepts("", right));
        Assert.Null(GatewayTrust.Options(null).RemoteCertificateValidationCallback);
    }

    [Theory]
    [InlineData("http://10.0.0.1:8081", null, false)]
    [InlineData("http://gateway.example:8081", null, false)]
    [InlineData("https://gateway.example:8081,http://10.0.0.1:8081", null, false)]
    [InlineData("http://127.0.0.1:8081", null, true)]
    [InlineData("https://gateway.example:8081", null, true)]
    [InlineData("https://gateway.example:8081", "ab12", true)]
    public async Task ReadIdentity_OfAPlainAddress_IsRefusedUnlessItIsThisMachine(
        string gateway, string? pin, bool isRight)
    {
        using var server = new Metadata(new()
        {
            ["workflows-gateway"] = gateway,
            ["workflows-run"] = "run",
            ["workflows-node"] = "node",
            ["workflows-secret"] = "very secret",
            ["workflows-gateway-sha256"] = pin,
        });
        using var metadata = new MetadataServer(server.Host);

        if (isRight)
        {
            var identity = await metadata.ReadIdentityAsync(Cancellation);
            Assert.Equal((new Uri(gateway), pin), (Assert.Single(identity.Gateways), identity.Certificate));
            return;
        }

        var fault = await Assert.ThrowsAsync<WorkerStartException>(() => metadata.ReadIdentityAsync(Cancellation));
        Assert.Contains("plain text", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("very secret", fault.Message, StringComparison.Ordinal);
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create();
        var now = TimeProvider.System.GetUtcNow();
        return new CertificateRequest("CN=gateway.example", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }

    /// <summary>Answers for attributes; those that are null are not there.</summary>
    private sealed class Metadata : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public Metadata(Dictionary<string, string?> attributes)
        {
            _listener.Start();
            _ = ServeAsync(attributes);
        }

        public string Host => $"{_listener.LocalEndpoint}";

        public void Dispose() => _listener.Dispose();

        private async Task ServeAsync(Dictionary<string, string?> attributes)
        {
            try
            {
                while (true)
                {
                    using var client = await _listener.AcceptTcpClientAsync(Cancellation);
                    var buffer = new byte[8192];
                    var count = await client.GetStream().ReadAsync(buffer, Cancellation);
                    var name = Encoding.ASCII.GetString(buffer, 0, count).Split(' ')[1].Split('/')[^1];
                    var value = attributes.GetValueOrDefault(name);
                    await client.GetStream().WriteAsync(
                        Encoding.ASCII.GetBytes(
                            $"HTTP/1.1 {(value is null ? "404 Not Found" : "200 OK")}\r\nConnection: close\r\n"
                            + $"Content-Length: {value?.Length ?? 0}\r\n\r\n{value}"), Cancellation);
                }
            }
            catch (Exception exception) when (exception is ObjectDisposedException or SocketException
                or OperationCanceledException)
            {
                // The test is over.
            }
        }
    }
}
