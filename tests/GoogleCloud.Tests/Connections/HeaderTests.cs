using Google.Apis.Auth.OAuth2;
using Google.Cloud.PubSub.V1;
using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Workflows.GoogleCloud.Connections;

namespace Workflows.GoogleCloud.Tests.Connections;

/// <summary>All of Google's services see the same client, whichever of them is called and however.</summary>
public sealed class HeaderTests
{
    private const string Quota = "x-goog-user-project";
    private static readonly string[] Compared = ["authorization", Quota, ApiClientHeader.Name, "user-agent"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_ToTpuAndPubSub_CarryTheSameHeaders()
    {
        await using var google = await FakeGoogle.StartAsync(isSecure: true);
        using (var tpu = new TpuConnection(Connect(google)))
        {
            await RefusedAsync(tpu.Tpu.GetNodeAsync(
                new GetNodeRequest { Name = "n" }, TpuConnection.Routed("name", "a/b", Cancellation)).ResponseAsync);
        }

        using (var pubSub = new PubSubConnection(Connect(google)))
        {
            await RefusedAsync(pubSub.Subscriber.PullAsync(
                new PullRequest { Subscription = "s" }, cancellationToken: Cancellation).ResponseAsync);
        }

        var (first, second) = (google.Requests.First(), google.Requests.Last());
        Assert.Equal(2, google.Requests.Count);
        Assert.Equal(Compared.Select(name => first[name]), Compared.Select(name => second[name]));
        Assert.Equal(("Bearer token-1", "quota-project"), (first["authorization"], first[Quota]));
        Assert.Matches(@"^gl-dotnet/10\.\S+ workflows/\S+ grpc/2\.\S+$", first[ApiClientHeader.Name]);
        Assert.Equal("name=a%2Fb", first["x-goog-request-params"]);
    }

    [Fact]
    public async Task Calls_ToAnEmulator_CarryTheClientAndNoCredentials()
    {
        await using var emulator = await FakeGoogle.StartAsync(isSecure: false);
        using var pubSub = PubSubConnection.ToEmulator(emulator.Address.Authority);

        await RefusedAsync(pubSub.Publisher.GetTopicAsync(
            new GetTopicRequest { Topic = "t" }, cancellationToken: Cancellation).ResponseAsync);

        var headers = Assert.Single(emulator.Requests);
        Assert.Equal(ApiClientHeader.Grpc, headers[ApiClientHeader.Name]);
        Assert.DoesNotContain("authorization", headers.Keys);
        Assert.DoesNotContain(Quota, headers.Keys);
    }

    [Fact]
    public async Task Calls_WithHeadersOfTheCaller_LeaveThoseAsTheyWere()
    {
        await using var emulator = await FakeGoogle.StartAsync(isSecure: false);
        using var pubSub = PubSubConnection.ToEmulator(emulator.Address.Authority);
        var mine = new Metadata { { "x-mine", "1" } };

        for (var time = 0; time < 2; time++)
        {
            await RefusedAsync(pubSub.Publisher.GetTopicAsync(
                new GetTopicRequest { Topic = "t" }, mine, cancellationToken: Cancellation).ResponseAsync);
        }

        Assert.Equal("x-mine", Assert.Single(mine).Key);
        Assert.All(emulator.Requests, headers => Assert.Equal(
            ("1", ApiClientHeader.Grpc), (headers["x-mine"], headers[ApiClientHeader.Name])));
    }

    [Fact]
    public async Task HttpRequests_SentTwice_CarryTheSameHeadersOnce()
    {
        await using var google = await FakeGoogle.StartAsync(isSecure: true);
        using var handler = new GoogleHttpHandler(Credentials(), google.Trusting());
        using var http = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, google.Address)
        {
            Version = new Version(2, 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        // A message may be sent once by HttpClient, but a handler inside may send it again, as those that retry do.
        using var first = await http.SendAsync(request, Cancellation);
        using var second = await http.SendAsync(request, Cancellation);

        Assert.Equal(2, google.Requests.Count);
        Assert.All(google.Requests, headers => Assert.Equal(
            ("Bearer token-1", "quota-project", ApiClientHeader.Rest, ApiClientHeader.Product),
            (headers["authorization"], headers[Quota], headers[ApiClientHeader.Name], headers["user-agent"])));
    }

    [Fact]
    public async Task JsonCalls_OfTheSameConnection_CarryItsCredentials()
    {
        await using var google = await FakeGoogle.StartAsync(isSecure: true);
        using var tpu = new TpuConnection(Connect(google));

        for (var time = 0; time < 2; time++)
        {
            var fault = await Assert.ThrowsAsync<RpcException>(() => tpu.CreateFlexStartAsync(
                new CreateQueuedResourceRequest { Parent = "projects/p/locations/z", QueuedResource = new() },
                TimeSpan.FromHours(1), Cancellation));
            Assert.Equal("HTTP status 200 came without the name of an operation.", fault.Status.Detail);
        }

        Assert.Equal(2, google.Requests.Count);
        Assert.All(google.Requests, headers => Assert.Equal(
            ("Bearer token-1", "quota-project", ApiClientHeader.Rest, ApiClientHeader.Product),
            (headers["authorization"], headers[Quota], headers[ApiClientHeader.Name], headers["user-agent"])));
    }

    [Fact]
    public async Task Credentials_WithoutAQuotaProject_SendNone()
    {
        var credentials = new GoogleCredentials(GoogleCredential.FromAccessToken("token-1"), quotaProject: null);

        var headers = await credentials.HeadersAsync("https://tpu.googleapis.com", Cancellation);

        Assert.Equal(["authorization"], headers.Select(header => header.Key));
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("localhost:8085/path")]
    [InlineData("http://localhost:8085")]
    [InlineData("")]
    public void ToEmulator_NotHostAndPort_SaysHowToWriteIt(string host)
    {
        var fault = Assert.Throws<ArgumentException>(() => PubSubConnection.ToEmulator(host));

        Assert.Contains("HOST:PORT", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://example.com:80")]
    [InlineData("https://127.0.0.1:443")]
    public void ToEmulator_OfTpusElsewhereOrSecure_IsRefused(string address) =>
        Assert.Throws<ArgumentException>(() => TpuConnection.ToEmulator(new Uri(address)));

    private static GoogleCredentials Credentials() =>
        new(GoogleCredential.FromAccessToken("token-1"), "quota-project");

    private static GoogleChannel Connect(FakeGoogle google) =>
        GoogleChannel.Connect(google.Address, Credentials(), google.Trusting());

    private static async Task RefusedAsync(Task call) =>
        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => call)).StatusCode);
}
