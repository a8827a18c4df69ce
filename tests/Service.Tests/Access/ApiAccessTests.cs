using System.Net;
using System.Text.Json.Nodes;
using Workflows.Orchestrations;
using Workflows.Service.Access;

namespace Workflows.Service.Tests.Access;

/// <summary>Each operation of the API's document, asked with authentication on: its refusals of callers without a key,
/// without the role, and with too many calls are those that the document describes.</summary>
public sealed class ApiAccessTests(PublicEndpointTests.Asked service) : IClassFixture<PublicEndpointTests.Asked>
{
    private const string Problem = "application/problem+json";

    private static readonly string[] Public = ["GET /healthz", "GET /readyz", "POST /session"];

    private static readonly string[] OfAdmins =
        ["DELETE /runs", "DELETE /runs/{id}", "DELETE /zones", "DELETE /zones/{place}"];

    // A caller ends the own session, whatever the role.
    private static readonly string[] OfReaders = ["DELETE /session"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null, "KEY_MISSING", "Bearer realm=\"workflows\"")]
    [InlineData("Bearer wfk_0123456789ab_none", "KEY_INVALID", "Bearer realm=\"workflows\", error=\"invalid_token\"")]
    public async Task EveryOperation_WithoutAValidKey_IsRefusedAsDescribed(
        string? authorization, string code, string challenge)
    {
        var asked = 0;
        foreach (var each in (await OperationsAsync(service)).Where(each => !Public.Contains(each.Name)))
        {
            using var answer = await service.SendAsync(each.Method, each.Address, authorization);

            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{each.Name}: {answer.StatusCode}");
            Assert.Equal(challenge, $"{answer.Headers.WwwAuthenticate}");
            await IsDescribedAsync(each, answer, "WWW-Authenticate", code);
            asked++;
        }

        Assert.True(asked > 35, $"{asked}");
    }

    [Fact]
    public async Task EveryOperation_WithAKeyOfALowerRole_IsRefusedAsDescribed()
    {
        foreach (var each in (await OperationsAsync(service)).Where(each => !Public.Contains(each.Name)))
        {
            var needed = OfAdmins.Contains(each.Name) ? AccessRole.Admin
                : OfReaders.Contains(each.Name) || each.Method is "GET" or "HEAD" ? AccessRole.Reader
                : AccessRole.Runner;
            Assert.Equal($"Needs the role `{WireName.Of(needed)}`.", (string?)each.Operation["description"]);
            foreach (var role in Enum.GetValues<AccessRole>().Where(role => role < needed))
            {
                using var answer = await service.SendAsync(each.Method, each.Address, role);

                Assert.True(
                    answer.StatusCode == HttpStatusCode.Forbidden, $"{each.Name} by {role}: {answer.StatusCode}");
                Assert.Equal(
                    "Bearer realm=\"workflows\", error=\"insufficient_scope\"", $"{answer.Headers.WwwAuthenticate}");
                await IsDescribedAsync(each, answer, "WWW-Authenticate", "ROLE_INSUFFICIENT");
            }

            if (needed == AccessRole.Reader)
            {
                using var read = await service.SendAsync(each.Method, each.Address, AccessRole.Reader);
                Assert.True(
                    read.StatusCode is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden),
                    $"{each.Name} by a reader: {read.StatusCode}");
            }
        }
    }

    /// <summary>A key without calls left is refused everywhere, before its role is looked at.</summary>
    [Fact]
    public async Task EveryOperation_BeyondTheRate_IsRefusedAsDescribed()
    {
        var operations = await OperationsAsync(service);
        await using var limited = new KeyedService();
        limited.Service.Settings.Access.CallsPerMinute = 1;
        await limited.InitializeAsync();
        foreach (var each in operations.Where(each => !Public.Contains(each.Name)))
        {
            // The first call of the minute is answered; on a slow machine a second minute may begin.
            var answer = await limited.SendAsync(each.Method, each.Address, AccessRole.Reader);
            if (answer.StatusCode != HttpStatusCode.TooManyRequests)
            {
                answer.Dispose();
                answer = await limited.SendAsync(each.Method, each.Address, AccessRole.Reader);
            }

            using var refused = answer;
            Assert.True(refused.StatusCode == HttpStatusCode.TooManyRequests, $"{each.Name}: {refused.StatusCode}");
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
            await IsDescribedAsync(each, refused, "Retry-After", "TOO_MANY_CALLS");
        }

        foreach (var each in operations.Where(each => each.Name is "GET /healthz" or "GET /readyz"))
        {
            using var life = await limited.SendAsync(each.Method, each.Address, AccessRole.Reader);
            Assert.Equal(HttpStatusCode.OK, life.StatusCode);
            Assert.DoesNotContain("429", each.Operation["responses"]!.AsObject().Select(answer => answer.Key));
        }
    }

    private static async Task IsDescribedAsync(Asked each, HttpResponseMessage answer, string header, string code)
    {
        var described = each.Operation["responses"]![$"{(int)answer.StatusCode}"];
        Assert.True(described?["content"]?[Problem] is not null, $"{each.Name}: {answer.StatusCode} is not described.");
        Assert.True(described["headers"]?[header] is not null, $"{each.Name}: {header} is not described.");
        Assert.Equal(Problem, answer.Content.Headers.ContentType?.MediaType);
        if (each.Method == "HEAD")
        {
            return;
        }

        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!;
        Assert.Equal(code, (string?)problem["code"]);
        Assert.Equal((int)answer.StatusCode, (int?)problem["status"]);
        Assert.False(string.IsNullOrEmpty((string?)problem["detail"]), each.Name);
    }

    private static async Task<List<Asked>> OperationsAsync(KeyedService of)
    {
        var document = JsonNode.Parse(await of.Service.Http.GetStringAsync("/openapi.json", Cancellation))!;
        return
        [
            .. document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()
                .Where(each => each.Value is JsonObject)
                .Select(each => new Asked(each.Key.ToUpperInvariant(), path.Key, each.Value!.AsObject()))),
        ];
    }

    private sealed record Asked(string Method, string Path, JsonObject Operation)
    {
        public string Name => $"{Method} {Path}";

        public string Address => Path.Replace("{id}", "nobody", StringComparison.Ordinal)
            .Replace("{name}", "none.tsv", StringComparison.Ordinal)
            .Replace("{place}", "us-west4-a", StringComparison.Ordinal);
    }
}
