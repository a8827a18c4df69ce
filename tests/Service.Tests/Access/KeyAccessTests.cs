using System.Net;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Text;
using System.Text.Json;
using Workflows.Service.Access;

namespace Workflows.Service.Tests.Access;

/// <summary>Callers with keys: who they are, their rights, and the refusals.</summary>
public sealed class KeyAccessTests(KeyedService service) : IClassFixture<KeyedService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET", "/runs", AccessRole.Reader)]
    [InlineData("GET", "/spending", AccessRole.Reader)]
    [InlineData("GET", "/openapi.json", AccessRole.Reader)]
    [InlineData("POST", "/runs", AccessRole.Runner)]
    [InlineData("POST", "/plan", AccessRole.Runner)]
    [InlineData("POST", "/doctor", AccessRole.Runner)]
    [InlineData("POST", "/sweep", AccessRole.Runner)]
    [InlineData("POST", "/runs/any/cancel", AccessRole.Runner)]
    [InlineData("POST", "/runs/any/resume", AccessRole.Runner)]
    [InlineData("POST", "/runs/any/rerun", AccessRole.Runner)]
    [InlineData("POST", "/runs/any/suspend", AccessRole.Runner)]
    [InlineData("POST", "/runs/any/events/approve", AccessRole.Runner)]
    [InlineData("POST", "/runs/any/unsuspend", AccessRole.Runner)]
    [InlineData("POST", "/runs/any/rewind", AccessRole.Runner)]
    [InlineData("GET", "/runs/any/resources", AccessRole.Reader)]
    [InlineData("GET", "/runs/any?showHistory=true&showHistoryOutput=true", AccessRole.Reader)]
    [InlineData("DELETE", "/runs/any", AccessRole.Admin)]
    [InlineData("DELETE", "/runs", AccessRole.Admin)]
    [InlineData("DELETE", "/runs?prefix=nobody-has-this", AccessRole.Admin)]
    [InlineData("DELETE", "/zones", AccessRole.Admin)]
    [InlineData("DELETE", "/zones/us-west4-a", AccessRole.Admin)]
    public async Task EachRole_MayDoItsOwnAndNotMore(string method, string path, AccessRole needed)
    {
        foreach (var role in Enum.GetValues<AccessRole>())
        {
            using var answer = await service.SendAsync(method, path, role);

            if (role >= needed)
            {
                Assert.NotEqual(HttpStatusCode.Forbidden, answer.StatusCode);
                Assert.NotEqual(HttpStatusCode.Unauthorized, answer.StatusCode);
                continue;
            }

            Assert.Equal((HttpStatusCode.Forbidden, "ROLE_INSUFFICIENT"), (answer.StatusCode, await CodeAsync(answer)));
            Assert.Contains("insufficient_scope", $"{answer.Headers.WwwAuthenticate}", StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Sweep_WithDelete_NeedsAnAdmin()
    {
        foreach (var (role, status) in new[]
        {
            (AccessRole.Runner, HttpStatusCode.Forbidden), (AccessRole.Admin, HttpStatusCode.OK),
        })
        {
            using var http = service.ClientOf(role);
            using var answer = await http.PostAsJsonAsync("/sweep", new { delete = true }, Cancellation);

            Assert.Equal(status, answer.StatusCode);
        }
    }

    [Fact]
    public async Task NoKey_IsAskedForOneWithoutAnError()
    {
        using var answer = await service.SendAsync("GET", "/runs", authorization: null);

        Assert.Equal((HttpStatusCode.Unauthorized, "KEY_MISSING"), (answer.StatusCode, await CodeAsync(answer)));
        Assert.Equal("Bearer realm=\"workflows\"", $"{answer.Headers.WwwAuthenticate}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Bearer wfk_000000000000_0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("Bearer KEY more")]
    [InlineData("bearer eyJhbGciOiJub25lIn0.e30.")]
    [InlineData("Basic a2V5Og==")]
    [InlineData("KEY")]
    [InlineData("Bearer  ")]
    public async Task AnotherCredential_IsRefusedAndNotRepeated(string authorization)
    {
        var sent = authorization.Replace("KEY", service.Keys[AccessRole.Admin], StringComparison.Ordinal);
        using var answer = await service.SendAsync("GET", "/runs", sent);

        Assert.Equal((HttpStatusCode.Unauthorized, "KEY_INVALID"), (answer.StatusCode, await CodeAsync(answer)));
        Assert.Contains("invalid_token", $"{answer.Headers.WwwAuthenticate}", StringComparison.Ordinal);
        Assert.DoesNotContain(
            service.Keys[AccessRole.Admin][17..], await answer.Content.ReadAsStringAsync(Cancellation),
            StringComparison.Ordinal);
    }

    /// <summary>Two values of the header are one too many: a proxy may have checked the other one.</summary>
    [Fact]
    public async Task TwoCredentials_AreRefused()
    {
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, service.Nobody.BaseAddress!.Port, Cancellation);
        await client.GetStream().WriteAsync(
            Encoding.ASCII.GetBytes(
                $"GET /runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.Keys[AccessRole.Admin]}\r\n"
                + $"Authorization: Bearer {service.Keys[AccessRole.Reader]}\r\nConnection: close\r\n\r\n"),
            Cancellation);
        using var reader = new StreamReader(client.GetStream());

        Assert.Contains("401", await reader.ReadLineAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/runs?key=KEY")]
    [InlineData("/runs?name=KEY")]
    [InlineData("/runs?access_token=anything")]
    [InlineData("/runs?KEY")]
    [InlineData("/healthz?key=KEY")]
    public async Task AKeyInTheAddress_IsRefusedEvenIfItIsRight(string path)
    {
        using var answer = await service.SendAsync(
            "GET", path.Replace("KEY", service.Keys[AccessRole.Admin], StringComparison.Ordinal), AccessRole.Admin);

        Assert.Equal((HttpStatusCode.BadRequest, "KEY_IN_QUERY"), (answer.StatusCode, await CodeAsync(answer)));
    }

    [Fact]
    public async Task ARevokedKey_IsRefusedFromTheNextRequestOn()
    {
        var (_, text) = await service.File.MakeAsync("short-lived", AccessRole.Reader, null, Cancellation);
        using (var before = await service.SendAsync("GET", "/runs", $"Bearer {text}"))
        {
            Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        }

        await service.File.RevokeAsync("short-lived", Cancellation);

        using var after = await service.SendAsync("GET", "/runs", $"Bearer {text}");
        Assert.Equal(HttpStatusCode.Unauthorized, after.StatusCode);
    }

    [Fact]
    public async Task AnExpiredKey_IsToldSo()
    {
        var (_, text) = await service.File.MakeAsync("expired", AccessRole.Reader, TimeSpan.Zero, Cancellation);

        using var answer = await service.SendAsync("GET", "/runs", $"Bearer {text}");

        Assert.Equal((HttpStatusCode.Unauthorized, "KEY_EXPIRED"), (answer.StatusCode, await CodeAsync(answer)));
    }

    [Fact]
    public async Task ARunnersRun_IsStartedReadAndStreamed()
    {
        using var runner = service.ClientOf(AccessRole.Runner);
        using var started = await runner.PostAsJsonAsync(
            "/runs", service.Service.Request(steps: 100_000), Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, started.StatusCode);
        var id = (await started.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("id").GetString();
        await service.Service.WaitAsync(id!, run => run.GetProperty("stage").GetString() == "train");

        using var request = new HttpRequestMessage(HttpMethod.Get, $"/runs/{id}/events");
        request.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {service.Keys[AccessRole.Reader]}");
        using var stream = await service.Nobody.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal("text/event-stream", stream.Content.Headers.ContentType?.MediaType);

        // The longest reason, and the caller after it.
        var reason = new string('x', 500);
        using (var suspended = await runner.PostAsync($"/runs/{id}/suspend?reason={reason}", null, Cancellation))
        {
            Assert.Equal(HttpStatusCode.Accepted, suspended.StatusCode);
        }

        var held = await service.Service.WaitAsync(id!, run => run.GetProperty("status").GetString() == "suspended");
        Assert.Equal(
            $"{reason} (by the-Runner)", held.GetProperty("suspension").GetProperty("reason").GetString());
        using (var resumed = await runner.PostAsync($"/runs/{id}/resume", null, Cancellation))
        {
            Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        }

        await service.Service.WaitAsync(id!, run => run.GetProperty("status").GetString() == "running");
        using var cancelled = await runner.PostAsync($"/runs/{id}/cancel?reason=enough", null, Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);

        using var lines = new StreamReader(await stream.Content.ReadAsStreamAsync(Cancellation));
        var text = await lines.ReadToEndAsync(Cancellation);
        Assert.Contains("event: end", text, StringComparison.Ordinal);
        Assert.Contains("resumed (by the-Runner)", text, StringComparison.Ordinal);

        // The log says who it was.
        var log = await ReadAsync(Path.Combine(service.Service.Settings.StateDirectory, "service.log"));
        Assert.Contains($"'the-Runner' POST /runs: 202 /runs/{id}", log, StringComparison.Ordinal);
        Assert.DoesNotContain(service.Keys[AccessRole.Runner][17..], log, StringComparison.Ordinal);
    }

    /// <summary>A start that is refused for its wait would be sent again, and cost twice.</summary>
    [Fact]
    public async Task Wait_WithoutAPlace_IsRefusedBeforeTheRunStarts()
    {
        var request = service.Service.Request("""{"apiDisabled": true}""");
        request["id"] = "no-place";
        using var http = service.ClientOf(AccessRole.Runner);
        var most = service.Service.Settings.Access.StreamsPerKey;
        service.Service.Settings.Access.StreamsPerKey = 0;
        try
        {
            using var started = await http.PostAsJsonAsync("/runs?timeout=60", request, Cancellation);
            using var shown = await http.GetAsync("/runs/no-place?timeout=60", Cancellation);
            using var there = await http.GetAsync("/runs/no-place", Cancellation);

            Assert.Equal(
                (HttpStatusCode.TooManyRequests, "STREAMS_OF_KEY_FULL"),
                (started.StatusCode, await CodeAsync(started)));
            Assert.InRange(started.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
            Assert.Equal(HttpStatusCode.TooManyRequests, shown.StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, there.StatusCode);
        }
        finally
        {
            service.Service.Settings.Access.StreamsPerKey = most;
        }

        using var done = await http.PostAsJsonAsync("/runs?timeout=60", request, Cancellation);
        Assert.Equal(HttpStatusCode.OK, done.StatusCode);
    }

    [Theory]
    [InlineData("Key", "enough", "enough (by laptop)")]
    [InlineData("Session", null, "asked for by laptop")]
    [InlineData("Key", " ", "asked for by laptop")]
    [InlineData("Local", "enough", "enough")]
    [InlineData("Local", null, "asked for by the API")]
    public void Reason_OfACancellation_NamesACallerWithAKey(string scheme, string? reason, string expected) =>
        Assert.Equal(expected, AccessPolicies.ReasonOf(
            new ClaimsPrincipal(AccessPolicies.IdentityOf(scheme, "1", "laptop", AccessRole.Runner)), reason));

    private static async Task<string> ReadAsync(string path)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return await reader.ReadToEndAsync(Cancellation);
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer)
    {
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation));
        return problem.RootElement.GetProperty("code").GetString();
    }
}
