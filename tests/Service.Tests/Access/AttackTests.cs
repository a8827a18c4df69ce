using System.Net;
using System.Net.Sockets;
using System.Text;
using Workflows.Service.Access;

namespace Workflows.Service.Tests.Access;

/// <summary>Requests that no client library sends, written byte by byte; each is refused, and the log has one line for
/// each event.</summary>
public sealed class AttackTests(KeyedService service) : IClassFixture<KeyedService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Key => service.Keys[AccessRole.Admin];

    [Theory]
    [InlineData("GET /runs/..%2f..%2fservice.key HTTP/1.1", "404")]
    [InlineData("GET /runs/%2e%2e/%2e%2e/access/keys.json HTTP/1.1", "404")]
    [InlineData("GET /runs/..%5c..%5caccess%5ckeys.json/report HTTP/1.1", "404")]
    [InlineData("GET /dashboard/..%2f..%2faccess/keys.json HTTP/1.1", "404")]
    [InlineData("GET /runs/a%0d%0aSet-Cookie:%20x=1 HTTP/1.1", "404")]
    [InlineData("GET /runs/a%00b/report HTTP/1.1", "4")]
    [InlineData("POST /runs/a%0d%0aX:%20y/cancel?reason=%0d%0aX:y HTTP/1.1", "404")]
    [InlineData("DELETE /zones/a%0a'admin'%20DELETE%20/zones HTTP/1.1", "404")]
    public async Task APath_ThatLeadsOutOrBreaksLines_IsOnlyText(string line, string status)
    {
        var answer = await SendAsync($"{line}\r\nHost: localhost\r\nAuthorization: Bearer {Key}\r\n");

        Assert.StartsWith($"HTTP/1.1 {status}", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Set-Cookie:", answer.Split("\r\n\r\n")[0], StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("\nX: y", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("\"hash\"", answer, StringComparison.Ordinal);
        Assert.All(await LogAsync(), each => Assert.DoesNotMatch("^('admin' DELETE|X:|Set-Cookie)", each));
    }

    [Theory]
    [InlineData("Authorization: Bearer KEY\u0001")]
    [InlineData("Authorization: Bearer KEY\r\n : folded")]
    [InlineData("Authorization : Bearer KEY")]
    [InlineData("X-Forwarded-For: 127.0.0.1")]
    [InlineData("X-Original-URL: /healthz")]
    [InlineData("X-HTTP-Method-Override: GET")]
    [InlineData("Cookie: workflows-00000000=KEY")]
    [InlineData("Proxy-Authorization: Bearer KEY")]
    [InlineData("X-Api-Key: KEY")]
    public async Task AHeader_ThatOtherServersTake_LetsNobodyIn(string header)
    {
        var answer = await SendAsync(
            $"GET /runs HTTP/1.1\r\nHost: localhost\r\n{header.Replace("KEY", Key, StringComparison.Ordinal)}\r\n");

        Assert.Matches("^HTTP/1.1 40[01] ", answer);
        Assert.DoesNotContain(Key[17..], answer, StringComparison.Ordinal);
    }

    /// <summary>Two lengths at once: a proxy and a service that disagree would see different requests.</summary>
    [Theory]
    [InlineData("Content-Length: 5\r\nContent-Length: 6")]
    [InlineData("Content-Length: -1")]
    [InlineData("Transfer-Encoding: chunked, identity")]
    public async Task ARequest_OfTwoLengths_IsRefused(string headers) => Assert.StartsWith(
        "HTTP/1.1 400",
        await SendAsync($"POST /runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {Key}\r\n{headers}\r\n"),
        StringComparison.Ordinal);

    [Theory]
    [InlineData("localhost\r\nHost: evil.example", "400")]
    [InlineData("evil.example", "421")]
    [InlineData("localhost@evil.example", "400")]
    [InlineData("", "4")]
    public async Task AHost_ThatIsNotThisMachine_IsRefusedWithAKeyToo(string host, string status) => Assert.StartsWith(
        $"HTTP/1.1 {status}",
        await SendAsync($"GET /runs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {Key}\r\n"),
        StringComparison.Ordinal);

    [Fact]
    public async Task Keys_ThatCannotBeRead_LetNobodyInAndTellNothing()
    {
        await using var own = new KeyedService();
        await own.InitializeAsync();
        var path = Path.Combine(own.Service.Settings.StateDirectory, "access", "keys.json");
        await File.WriteAllTextAsync(path, "{", Cancellation);

        using var answer = await own.SendAsync("GET", "/runs", AccessRole.Admin);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        using var form = new FormUrlEncodedContent([KeyValuePair.Create("key", own.Keys[AccessRole.Admin])]);
        using var signIn = await own.Nobody.PostAsync("/session", form, Cancellation);
        using var health = await own.Nobody.GetAsync("/healthz", Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("KEYS_UNREADABLE", text, StringComparison.Ordinal);
        Assert.DoesNotContain(path, text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, signIn.StatusCode);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    /// <summary>Sends bytes, closes this side, and reads the whole answer.</summary>
    private async Task<string> SendAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, service.Nobody.BaseAddress!.Port, Cancellation);
        await client.GetStream().WriteAsync(
            Encoding.Latin1.GetBytes($"{request}Connection: close\r\n\r\n"), Cancellation);
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync(Cancellation);
    }

    private async Task<string[]> LogAsync()
    {
        await using var file = new FileStream(
            Path.Combine(service.Service.Settings.StateDirectory, "service.log"), FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return (await reader.ReadToEndAsync(Cancellation)).Split('\n');
    }
}
