using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Workflows.Service.Access;

namespace Workflows.Service.Tests.Access;

/// <summary>The dashboard's sign-in, its session, and requests that abuse them.</summary>
public sealed class SessionTests(KeyedService service) : IClassFixture<KeyedService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Own => service.Nobody.BaseAddress!.GetLeftPart(UriPartial.Authority);

    [Theory]
    [InlineData(null, "Sign in")]
    [InlineData("ko-KR,ko;q=0.9,en;q=0.8", "로그인")]
    [InlineData("en;q=0.9,ko;q=0.8", "Sign in")]
    [InlineData("nonsense;;q=x", "Sign in")]
    public async Task Page_WithoutASession_IsTheSignInAndRunsNoScript(string? languages, string title)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.TryAddWithoutValidation("Accept-Language", languages);
        using var answer = await service.Nobody.SendAsync(request, Cancellation);
        var page = await answer.Content.ReadAsStringAsync(Cancellation);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Contains($"<h1>{title}</h1>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("form-action 'self'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("script-src", policy, StringComparison.Ordinal);
        Assert.True(answer.Headers.CacheControl!.NoStore);
    }

    [Fact]
    public async Task SignIn_WithAKey_GivesACookieThatOnlyTheBrowserReads()
    {
        using var browser = await SignInAsync(service.Keys[AccessRole.Reader]);

        Assert.Matches(
            "^workflows-[0-9a-f]{8}=[^;]+; .*path=/; samesite=strict; httponly$", browser.Cookie.ToLowerInvariant());
        Assert.DoesNotContain(service.Keys[AccessRole.Reader][17..], browser.Cookie, StringComparison.Ordinal);
        var page = await browser.Http.GetStringAsync("/", Cancellation);
        Assert.Contains("/dashboard/main.js", page, StringComparison.Ordinal);
        var session = await browser.Http.GetFromJsonAsync<JsonElement>("/session", Cancellation);
        Assert.Equal(("the-Reader", "reader"), (Text(session, "name"), Text(session, "role")));
        Assert.True(session.GetProperty("expiresAt").GetDateTimeOffset() > TimeProvider.System.GetUtcNow());
    }

    [Theory]
    [InlineData("")]
    [InlineData("wfk_wrong<script>alert(1)</script>")]
    [InlineData("wfk_000000000000_0000000000000000000000000000000000000000000000000000000000000000")]
    public async Task SignIn_WithAnotherText_ShowsTheFormAgainAndRepeatsNothing(string key)
    {
        using var form = new FormUrlEncodedContent([KeyValuePair.Create("key", key)]);
        using var answer = await service.Nobody.PostAsync("/session", form, Cancellation);
        var page = await answer.Content.ReadAsStringAsync(Cancellation);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Contains("role=\"alert\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("wfk_", page, StringComparison.Ordinal);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Theory]
    [InlineData("application/json", 40, HttpStatusCode.BadRequest)]
    [InlineData("application/x-www-form-urlencoded", 20_000, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData("multipart/form-data", 40, HttpStatusCode.BadRequest)]
    [InlineData("multipart/form-data; boundary=x", 40, HttpStatusCode.BadRequest)]
    public async Task SignIn_WithAnotherForm_IsRefusedWithACode(string type, int length, HttpStatusCode status)
    {
        using var body = new StringContent("key=" + new string('a', length));
        body.Headers.Remove("Content-Type");
        body.Headers.TryAddWithoutValidation("Content-Type", type);
        using var answer = await service.Nobody.PostAsync("/session", body, Cancellation);

        Assert.Equal(status, answer.StatusCode);
        Assert.StartsWith("REQUEST_", await CodeAsync(answer), StringComparison.Ordinal);
    }

    /// <summary>A page of another site sends the browser's cookie, and cannot send this site's origin.</summary>
    [Theory]
    [InlineData(null, null, "CSRF_REFUSED")]
    [InlineData("Sec-Fetch-Site", "none", "CSRF_REFUSED")]
    [InlineData("Sec-Fetch-Site", "cross-site", "CROSS_ORIGIN")]
    [InlineData("Sec-Fetch-Site", "same-site", "CROSS_ORIGIN")]
    [InlineData("Origin", "https://evil.example", "CROSS_ORIGIN")]
    [InlineData("Origin", "null", "CROSS_ORIGIN")]
    [InlineData("Origin", "", "CSRF_REFUSED")]
    public async Task Change_WithTheCookieAlone_IsRefused(string? header, string? value, string code)
    {
        using var browser = await SignInAsync(service.Keys[AccessRole.Admin]);
        foreach (var (method, path) in new[]
        {
            ("POST", "/runs"), ("POST", "/runs/any/cancel"), ("POST", "/sweep"), ("DELETE", "/zones"),
            ("DELETE", "/session"), ("PUT", "/runs"),
        })
        {
            using var answer = await browser.SendAsync(method, path, header, value);

            Assert.Equal((HttpStatusCode.Forbidden, code), (answer.StatusCode, await CodeAsync(answer)));
        }

        using var still = await browser.Http.GetAsync("/runs", Cancellation);
        Assert.Equal(HttpStatusCode.OK, still.StatusCode);
    }

    [Fact]
    public async Task Change_OfTheServicesOwnPage_IsTakenWithinTheRole()
    {
        using var admin = await SignInAsync(service.Keys[AccessRole.Admin]);
        using var reader = await SignInAsync(service.Keys[AccessRole.Reader]);
        foreach (var (header, value) in new[] { ("Sec-Fetch-Site", "same-origin"), ("Origin", Own) })
        {
            using var taken = await admin.SendAsync("DELETE", "/zones", header, value);
            Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
            using var refused = await reader.SendAsync("POST", "/runs", header, value);
            Assert.Equal("ROLE_INSUFFICIENT", await CodeAsync(refused));
        }
    }

    [Fact]
    public async Task SignOut_EndsTheSessionAlsoForACopyOfItsCookie()
    {
        using var browser = await SignInAsync(service.Keys[AccessRole.Reader]);
        using var other = await SignInAsync(service.Keys[AccessRole.Reader]);
        using var ended = await browser.SendAsync("DELETE", "/session", "Sec-Fetch-Site", "same-origin");

        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        Assert.Contains(
            "expires=Thu, 01 Jan 1970", Assert.Single(ended.Headers.GetValues("Set-Cookie")), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusWithAsync(browser.Cookie.Split(';')[0]));
        Assert.Equal(HttpStatusCode.OK, await StatusWithAsync(other.Cookie.Split(';')[0]));
    }

    [Fact]
    public async Task Revocation_OfAKey_EndsItsSessions()
    {
        var (_, key) = await service.File.MakeAsync("leaving", AccessRole.Reader, null, Cancellation);
        using var browser = await SignInAsync(key);
        Assert.Equal(HttpStatusCode.OK, await StatusWithAsync(browser.Cookie.Split(';')[0]));

        await service.File.RevokeAsync("leaving", Cancellation);

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusWithAsync(browser.Cookie.Split(';')[0]));
    }

    [Fact]
    public async Task Cookie_ThatWasChangedOrIsAnothersOrMadeUp_IsNoSession()
    {
        using var browser = await SignInAsync(service.Keys[AccessRole.Admin]);
        var cookie = browser.Cookie.Split(';')[0];
        await using var other = new KeyedService();
        await other.InitializeAsync();
        var name = cookie.Split('=')[0];

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusWithAsync(cookie[..^6] + "AAAAAA"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusWithAsync($"{name}=made-up"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusWithAsync($"{name}={service.Keys[AccessRole.Admin]}"));
        using var elsewhere = await SignInAsync(other.Keys[AccessRole.Admin], other.Nobody.BaseAddress);
        var foreign = elsewhere.Cookie.Split(';')[0];
        Assert.NotEqual(name, foreign.Split('=')[0]);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusWithAsync($"{name}={foreign.Split('=', 2)[1]}"));
    }

    /// <summary>Sessions outlive a restart; behind a proxy with TLS the cookie is sent over TLS alone.</summary>
    [Fact]
    public async Task Session_AfterARestartBehindAProxy_IsStillThereAndTheNextIsSecure()
    {
        await using var own = new KeyedService();
        await own.InitializeAsync();
        using var browser = await SignInAsync(own.Keys[AccessRole.Reader], own.Nobody.BaseAddress);
        await own.Service.RestartAsync(settings => settings.Access.Proxies = "127.0.0.1");
        var address = own.Service.Http.BaseAddress;

        Assert.Equal(HttpStatusCode.OK, await StatusWithAsync(browser.Cookie.Split(';')[0], address));
        using var form = new FormUrlEncodedContent([KeyValuePair.Create("key", own.Keys[AccessRole.Reader])]);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address!, "/session")) { Content = form };
        request.Headers.TryAddWithoutValidation("X-Forwarded-Proto", "https");
        request.Headers.TryAddWithoutValidation("X-Forwarded-Host", "workflows.example");
        request.Headers.TryAddWithoutValidation("Origin", "https://workflows.example");
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
        using var answer = await http.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Contains(
            "; secure;", Assert.Single(answer.Headers.GetValues("Set-Cookie")), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Every answer, a refusal too, lets nothing of it run or be framed.</summary>
    [Theory]
    [InlineData("/")]
    [InlineData("/runs")]
    [InlineData("/healthz")]
    [InlineData("/no/such/path")]
    [InlineData("/dashboard/dashboard.css")]
    public async Task EveryAnswer_HasAPolicy(string path)
    {
        using var answer = await service.Nobody.GetAsync(path, Cancellation);

        Assert.Contains(
            "default-src 'none'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")),
            StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.False(answer.Headers.Contains("Server"));
    }

    private async Task<SignedIn> SignInAsync(string key, Uri? address = null)
    {
        var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = address ?? service.Nobody.BaseAddress,
        };
        using var form = new FormUrlEncodedContent([KeyValuePair.Create("key", key)]);
        using var answer = await http.PostAsync("/session", form, Cancellation);
        Assert.Equal((HttpStatusCode.SeeOther, "/"), (answer.StatusCode, $"{answer.Headers.Location}"));
        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"));
        http.DefaultRequestHeaders.TryAddWithoutValidation("Cookie", cookie.Split(';')[0]);
        return new SignedIn(http, cookie);
    }

    private async Task<HttpStatusCode> StatusWithAsync(string cookie, Uri? address = null)
    {
        using var http = new HttpClient(new HttpClientHandler { UseCookies = false });
        using var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri(address ?? service.Nobody.BaseAddress!, "/runs"));
        request.Headers.TryAddWithoutValidation("Cookie", cookie);
        using var answer = await http.SendAsync(request, Cancellation);
        return answer.StatusCode;
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private static async Task<string?> CodeAsync(HttpResponseMessage answer)
    {
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation));
        return problem.RootElement.GetProperty("code").GetString();
    }

    private sealed record SignedIn(HttpClient Http, string Cookie) : IDisposable
    {
        public void Dispose() => Http.Dispose();

        public async Task<HttpResponseMessage> SendAsync(string method, string path, string? header, string? value)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            if (header is not null)
            {
                request.Headers.TryAddWithoutValidation(header, value);
            }

            return await Http.SendAsync(request, Cancellation);
        }
    }
}
