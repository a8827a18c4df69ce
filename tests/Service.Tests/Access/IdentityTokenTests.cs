using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Access;
using Workflows.Service.Hosting;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Access;

/// <summary>Identity tokens of an issuer in this process, with its own signing key; tokens are written here by hand, so
/// that every wrong one can be.</summary>
public sealed class IdentityTokenTests : IAsyncLifetime
{
    private const string Issuer = "https://issuer.example", Audience = "workflows.example", KeyName = "key-1";

    private readonly RSA _key = RSA.Create(2048);
    private readonly KeyedService _service;

    public IdentityTokenTests() => _service = new KeyedService
    {
        Service = new RunningService
        {
            Change = services => services.Configure<JwtBearerOptions>(
                IdentityTokens.Scheme, options => options.BackchannelHttpHandler = new Discovery(_key)),
        },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var settings = _service.Service.Settings.Access.Oidc;
        (settings.Authority, settings.Audience) = (new Uri(Issuer), Audience);
        settings.Roles.Add("alice@example.com", AccessRole.Runner);
        settings.Roles.Add("subject-1", AccessRole.Admin);
        await _service.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        _key.Dispose();
    }

    [Fact]
    public async Task Token_OfAMappedCaller_GivesItsRole()
    {
        foreach (var address in new[] { "alice@example.com", "Alice@Example.com" })
        {
            Assert.Equal((HttpStatusCode.OK, address, "runner"), await WhoAsync(Signed(Claims("7", address))));
        }

        Assert.Equal((HttpStatusCode.OK, "subject-1", "admin"), await WhoAsync(Signed(Claims("subject-1"))));

        using var forbidden = await _service.SendAsync(
            "DELETE", "/zones", $"Bearer {Signed(Claims("7", "alice@example.com"))}");
        Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);
        using var key = await _service.SendAsync("GET", "/session", AccessRole.Reader);
        Assert.Equal(HttpStatusCode.OK, key.StatusCode);
    }

    [Fact]
    public async Task Token_ThatIsWrongInAnyPart_LetsNobodyIn()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        using var other = RSA.Create(2048);
        var good = Claims("subject-1");
        var spki = _key.ExportSubjectPublicKeyInfoPem();
        var tokens = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["another audience"] = Signed(With(good, "aud", "other.example")),
            ["no audience"] = Signed(With(good, "aud", null)),
            ["another issuer"] = Signed(With(good, "iss", "https://evil.example")),
            ["no issuer"] = Signed(With(good, "iss", null)),
            ["expired"] = Signed(With(good, "exp", now - 120)),
            ["never expires"] = Signed(With(good, "exp", null)),
            ["not valid yet"] = Signed(With(good, "nbf", now + 600)),
            ["another key of the same name"] = Signed(good, key: other),
            ["an unknown key"] = Signed(good, kid: "key-2", key: other),
            ["a key in its header"] = Token(
                new JsonObject { ["alg"] = "RS256", ["jwk"] = Jwk(other, "key-3") }, good, each => Sign(other, each)),
            ["no signature"] = Token(new JsonObject { ["alg"] = "none" }, good, _ => []),
            ["no signature, in capitals"] = Token(new JsonObject { ["alg"] = "NONE" }, good, _ => []),
            ["an empty signature"] = Token(Header("RS256", KeyName), good, _ => []),
            ["the public key as a secret"] = Token(
                Header("HS256", KeyName), good, each => HMACSHA256.HashData(Encoding.UTF8.GetBytes(spki), each)),
            ["the modulus as a secret"] = Token(
                Header("HS256", KeyName), good,
                each => HMACSHA256.HashData(_key.ExportParameters(false).Modulus!, each)),
            ["changed claims"] = Changed(Signed(Claims("nobody")), good),
            ["no subject"] = Signed(With(good, "sub", null)),
            ["no JSON"] = "a.b.c",
            ["three dots"] = "...",
        };

        foreach (var (what, token) in tokens)
        {
            using var answer = await _service.SendAsync("GET", "/session", $"Bearer {token}");

            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{what}: {answer.StatusCode}");
        }
    }

    /// <summary>A token of the sign-in page gives a session of the browser, which ends with it and with the role.
    /// </summary>
    [Fact]
    public async Task SignIn_WithAToken_IsASessionUntilItsEndAndItsRoles()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        using var refused = await PasteAsync(Signed(With(Claims("subject-1"), "exp", now - 120)));
        using var unknown = await PasteAsync(Signed(Claims("nobody")));
        using var opened = await PasteAsync(Signed(With(Claims("subject-1"), "exp", now + 1000)));

        Assert.Equal(
            (HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.SeeOther),
            (refused.StatusCode, unknown.StatusCode, opened.StatusCode));
        var cookie = Assert.Single(opened.Headers.GetValues("Set-Cookie")).Split(';')[0];
        var session = JsonDocument.Parse(await (await ShowAsync(cookie)).Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(
            ("subject-1", "admin", now + 1000),
            (session.RootElement.GetProperty("name").GetString(), session.RootElement.GetProperty("role").GetString(),
                session.RootElement.GetProperty("expiresAt").GetDateTimeOffset().ToUnixTimeSeconds()));

        // The service has no issuer any more.
        await _service.Service.RestartAsync(settings => settings.Access.Oidc.Authority = null);
        Assert.Equal(HttpStatusCode.Unauthorized, (await ShowAsync(cookie)).StatusCode);

        // The service has another role for the caller after its restart, so the session says too much.
        await _service.Service.RestartAsync(settings =>
        {
            settings.Access.Oidc.Authority = new Uri(Issuer);
            settings.Access.Oidc.Roles["subject-1"] = AccessRole.Reader;
        });
        Assert.Equal(HttpStatusCode.Unauthorized, (await ShowAsync(cookie)).StatusCode);
    }

    private async Task<HttpResponseMessage> PasteAsync(string token)
    {
        using var form = new FormUrlEncodedContent([KeyValuePair.Create("key", token)]);
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
        return await http.PostAsync(new Uri(_service.Service.Http.BaseAddress!, "/session"), form, Cancellation);
    }

    private async Task<HttpResponseMessage> ShowAsync(string cookie)
    {
        using var http = new HttpClient(new HttpClientHandler { UseCookies = false });
        using var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri(_service.Service.Http.BaseAddress!, "/session"));
        request.Headers.Add("Cookie", cookie);
        return await http.SendAsync(request, Cancellation);
    }

    [Theory]
    [InlineData("8", null, true)]
    [InlineData("8", "bob@example.com", true)]
    [InlineData("8", "alice@example.com", false)]
    [InlineData("alice@example.com", null, true)]
    [InlineData("SUBJECT-1", null, true)]
    public async Task Token_OfACallerWithoutARole_IsToldSo(string subject, string? address, bool isVerified)
    {
        using var answer = await _service.SendAsync(
            "GET", "/session", $"Bearer {Signed(Claims(subject, address, isVerified))}");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal("IDENTITY_UNKNOWN", problem.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("http://issuer.example", "a", true)]
    [InlineData("https://issuer.example", "", true)]
    [InlineData("https://issuer.example", "a", false)]
    public void Build_WithHalfAnIssuer_IsRefused(string authority, string audience, bool hasRoles)
    {
        using var folder = new TemporaryFolder();
        var settings = new ServiceSettings { StateDirectory = folder.Path, HttpPort = 0 };
        settings.Access.Authentication = true;
        (settings.Access.Oidc.Authority, settings.Access.Oidc.Audience) = (new Uri(authority), audience);
        if (hasRoles)
        {
            settings.Access.Oidc.Roles.Add("a@example.com", AccessRole.Reader);
        }

        Assert.Contains(
            "Workflows:Access:Oidc", Assert.Throws<ServiceStartException>(
                () => WorkflowsService.Build([], settings, isEmbedded: true)).Message, StringComparison.Ordinal);
    }

    private async Task<(HttpStatusCode Status, string? Name, string? Role)> WhoAsync(string token)
    {
        using var answer = await _service.SendAsync("GET", "/session", $"Bearer {token}");
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        return answer.IsSuccessStatusCode
            ? (answer.StatusCode, body.GetProperty("name").GetString(), body.GetProperty("role").GetString())
            : (answer.StatusCode, body.GetProperty("code").GetString(), null);
    }

    private static JsonObject Claims(string subject, string? address = null, bool isVerified = true)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = Issuer,
            ["aud"] = Audience,
            ["sub"] = subject,
            ["iat"] = now,
            ["exp"] = now + 3600,
        };
        if (address is not null)
        {
            (claims["email"], claims["email_verified"]) = (address, isVerified);
        }

        return claims;
    }

    private static JsonObject With(JsonObject claims, string name, JsonNode? value)
    {
        var changed = claims.DeepClone().AsObject();
        changed.Remove(name);
        if (value is not null)
        {
            changed[name] = value;
        }

        return changed;
    }

    private string Signed(JsonObject claims, string kid = KeyName, RSA? key = null) =>
        Token(Header("RS256", kid), claims, each => Sign(key ?? _key, each));

    private static string Token(JsonObject header, JsonObject claims, Func<byte[], byte[]> sign)
    {
        var text = $"{Part(header)}.{Part(claims)}";
        return $"{text}.{Url(sign(Encoding.ASCII.GetBytes(text)))}";
    }

    private static string Changed(string token, JsonObject claims)
    {
        var parts = token.Split('.');
        return $"{parts[0]}.{Part(claims)}.{parts[2]}";
    }

    private static JsonObject Header(string algorithm, string kid) =>
        new() { ["alg"] = algorithm, ["typ"] = "JWT", ["kid"] = kid };

    private static byte[] Sign(RSA key, byte[] text) =>
        key.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    private static JsonObject Jwk(RSA key, string kid)
    {
        var parts = key.ExportParameters(false);
        return new JsonObject
        {
            ["kty"] = "RSA",
            ["use"] = "sig",
            ["alg"] = "RS256",
            ["kid"] = kid,
            ["n"] = Url(parts.Modulus!),
            ["e"] = Url(parts.Exponent!),
        };
    }

    private static string Part(JsonObject json) => Url(Encoding.UTF8.GetBytes(json.ToJsonString()));

    private static string Url(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);

    /// <summary>The issuer's documents.</summary>
    private sealed class Discovery(RSA key) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            JsonObject? document = request.RequestUri!.ToString() switch
            {
                $"{Issuer}/.well-known/openid-configuration" => new JsonObject
                {
                    ["issuer"] = Issuer,
                    ["jwks_uri"] = $"{Issuer}/keys",
                    ["authorization_endpoint"] = $"{Issuer}/authorize",
                    ["token_endpoint"] = $"{Issuer}/token",
                },
                $"{Issuer}/keys" => new JsonObject { ["keys"] = new JsonArray(Jwk(key, KeyName)) },
                _ => null,
            };
            return Task.FromResult(document is null
                ? new HttpResponseMessage(HttpStatusCode.NotFound)
                : new HttpResponseMessage(HttpStatusCode.OK) { Content = JsonContent.Create(document) });
        }
    }
}
