using System.Net;
using System.Security.Claims;
using System.Text.Json;
using Workflows.Service.Access;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Access;

/// <summary>Calls and streams of one caller are limited, and those of others are not.</summary>
public sealed class CallLimitTests
{
    /// <summary>One call in 30 seconds comes back: the test sends its few at once.</summary>
    private const int Few = 2;

    private const string Wrong =
        "Bearer wfk_000000000000_0000000000000000000000000000000000000000000000000000000000000000";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_OfOneKey_AreLimitedAndThoseOfAnotherAreNot()
    {
        await using var service = new KeyedService();
        service.Service.Settings.Access.CallsPerMinute = Few;
        await service.InitializeAsync();

        var answers = await StatusesAsync(service, 5, $"Bearer {service.Keys[AccessRole.Reader]}");

        Assert.Equal(Few, answers.Count(each => each == HttpStatusCode.OK));
        Assert.Equal(5 - Few, answers.Count(each => each == HttpStatusCode.TooManyRequests));
        using var refused = await service.SendAsync("GET", "/runs", AccessRole.Reader);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        using var problem = JsonDocument.Parse(await refused.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("TOO_MANY_CALLS", problem.RootElement.GetProperty("code").GetString());

        using var other = await service.SendAsync("GET", "/runs", AccessRole.Runner);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        using var health = await service.SendAsync("GET", "/healthz", AccessRole.Reader);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    /// <summary>A topic with many messages must not be held up like a stranger who guesses keys.</summary>
    [Fact]
    public async Task Deliveries_OfTheDaprSidecar_AreNotLimitedAndThoseOfOthersAre()
    {
        await using var service = new KeyedService();
        service.Service.Settings.Access.StrangerCallsPerMinute = Few;
        service.Service.Settings.Dapr.PubSubName = "workflows-pubsub";
        service.Service.Settings.Dapr.StartTopic = "requests";
        service.Service.Settings.Dapr.AppApiToken = "the-token-of-the-sidecar";
        await service.InitializeAsync();

        for (var each = 0; each < 5; each++)
        {
            Assert.Equal(HttpStatusCode.OK, await DeliverAsync("the-token-of-the-sidecar"));
        }

        Assert.Equal(HttpStatusCode.Unauthorized, await DeliverAsync("another"));
        Assert.Equal(HttpStatusCode.Unauthorized, await DeliverAsync(""));
        Assert.Equal(HttpStatusCode.TooManyRequests, await DeliverAsync("another"));

        async Task<HttpStatusCode> DeliverAsync(string token)
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, "/dapr/runs")
            {
                Content = new StringContent("{}"),
                Headers = { { "dapr-api-token", token } },
            };
            using var answer = await service.Nobody.SendAsync(message, Cancellation);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task Calls_OfAnAddressWithoutAValidKey_AreLimitedAndThoseWithOneAreNot()
    {
        await using var service = new KeyedService();
        service.Service.Settings.Access.StrangerCallsPerMinute = Few;
        await service.InitializeAsync();

        var answers = await StatusesAsync(service, 5, Wrong);

        Assert.Equal(Few, answers.Count(each => each == HttpStatusCode.Unauthorized));
        Assert.Equal(5 - Few, answers.Count(each => each == HttpStatusCode.TooManyRequests));
        using var form = new FormUrlEncodedContent([KeyValuePair.Create("key", "guess")]);
        using var signIn = await service.Nobody.PostAsync("/session", form, Cancellation);
        Assert.Equal(HttpStatusCode.TooManyRequests, signIn.StatusCode);
        using var known = await service.SendAsync("GET", "/runs", AccessRole.Reader);
        Assert.Equal(HttpStatusCode.OK, known.StatusCode);
    }

    [Fact]
    public void Streams_OfOneKey_HavePlacesThatAreGivenBack()
    {
        var places = new StreamPlaces(Settings(access => access.StreamsPerKey = 2));
        var (first, second) = (Caller("1"), Caller("2"));
        using var kept = places.Take(first)!;
        var left = places.Take(first)!;
        Assert.Null(places.Take(first));
        Assert.NotNull(places.Take(second));

        left.Dispose();
        left.Dispose();

        Assert.NotNull(places.Take(first));
        Assert.Null(places.Take(first));
    }

    [Theory]
    [InlineData("CallsPerMinute", 0)]
    [InlineData("CallsPerMinute", -1)]
    [InlineData("StrangerCallsPerMinute", 0)]
    [InlineData("StreamsPerKey", 6_000_001)]
    [InlineData("SessionHours", 0)]
    [InlineData("SessionHours", 721)]
    public void Build_ALimitOutsideItsRange_NamesTheSetting(string setting, int value)
    {
        using var folder = new TemporaryFolder();

        var fault = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
        [
            "--Workflows:StateDirectory", folder.Path, "--Workflows:HttpPort", "0",
            "--Workflows:Access:Authentication", "true", $"--Workflows:Access:{setting}", $"{value}",
        ]));

        Assert.Contains($"Workflows:Access:{setting}", fault.Message, StringComparison.Ordinal);
    }

    private static async Task<List<HttpStatusCode>> StatusesAsync(KeyedService service, int count, string authorization)
    {
        var statuses = new List<HttpStatusCode>();
        for (var each = 0; each < count; each++)
        {
            using var answer = await service.SendAsync("GET", "/runs", authorization);
            statuses.Add(answer.StatusCode);
        }

        return statuses;
    }

    private static ClaimsPrincipal Caller(string id) =>
        new(AccessPolicies.IdentityOf(KeyHandler.Name, id, $"key {id}", AccessRole.Reader));

    private static ServiceSettings Settings(Action<AccessSettings> change)
    {
        var settings = new ServiceSettings { Access = { Authentication = true } };
        change(settings.Access);
        return settings;
    }
}
