using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Access;
using Workflows.Service.Hosting;

namespace Workflows.Service.Tests.Access;

/// <summary>Every endpoint of a running service is closed to callers without a key, except those listed here.</summary>
public sealed class PublicEndpointTests(PublicEndpointTests.Asked service) : IClassFixture<PublicEndpointTests.Asked>
{
    private static readonly string[] Public = ["/healthz", "/readyz", "/dashboard/dashboard.css"];

    /// <summary>The sign-in page, which answers 401, and the address of its form.</summary>
    private static readonly string[] SignIn = ["/", "/session/"];

    /// <summary>Routes of the emulated cloud and the gateway, which are not served on the API's port.</summary>
    private static readonly string[] OfThisMachine =
    [
        "/google.cloud.tpu.v2.", "/google.longrunning.", "/google.cloud.location.", "/metadata/{key}", "/v1/projects/",
        "/v2/projects/", "/v2alpha1/projects/", "/emulator/projects/", "/workflows.worker.v1.",
        "/{unimplementedService}/",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IEnumerable<RouteEndpoint> Endpoints => service.Service.Services.GetRequiredService<EndpointDataSource>()
        .Endpoints.OfType<RouteEndpoint>();

    [Fact]
    public async Task EveryEndpoint_WithoutAKey_IsClosedUnlessItIsListedHere()
    {
        var asked = 0;
        foreach (var endpoint in Endpoints)
        {
            var path = PathOf(endpoint);
            foreach (var method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET", "POST"])
            {
                using var answer = await service.SendAsync(method, path, authorization: null);
                var said = $"{method} {endpoint.RoutePattern.RawText}: {(int)answer.StatusCode}";
                asked++;
                if (Public.Contains(path))
                {
                    Assert.True(answer.IsSuccessStatusCode, said);
                }
                else
                {
                    Assert.True(
                        answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.NotFound
                            or HttpStatusCode.MethodNotAllowed || (path == "/session" && method == "POST"), said);
                }
            }
        }

        Assert.True(asked > 30, $"{asked}");
    }

    [Fact]
    public void AnonymousEndpoints_AreThoseListedHere()
    {
        var open = Endpoints.Where(each => each.Metadata.GetMetadata<IAllowAnonymous>() is not null)
            .Select(each => $"/{each.RoutePattern.RawText!.TrimStart('/')}").Distinct().ToList();

        Assert.All(Public, each => Assert.Contains(each, open));
        Assert.Equal([], open.Except(Public).Except(SignIn).Where(path =>
            !OfThisMachine.Any(each => path.StartsWith(each, StringComparison.OrdinalIgnoreCase))));
    }

    /// <summary>The API's port has no address of the emulated cloud, whatever port the Host header names.</summary>
    [Fact]
    public async Task EmulatedCloud_OnTheApisPort_IsNotThere()
    {
        var ports = ServicePorts.Kept(service.Service.Settings.StateDirectory)!;
        foreach (var path in new[]
        {
            "/v2/projects/p/locations/z/nodes", "/v1/projects/p", "/metadata/any", "/storage/v1/b/any",
        })
        {
            foreach (var port in new[] { ports.EmulatorRest, ports.Grpc, ports.EmulatorStorage })
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                request.Headers.Host = $"127.0.0.1:{port}";
                request.Headers.TryAddWithoutValidation(
                    "Authorization", $"Bearer {service.Keys[AccessRole.Admin]}");
                using var answer = await service.Nobody.SendAsync(request, Cancellation);

                Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            }
        }
    }

    [Theory]
    [InlineData("GET", "/no/such/path")]
    [InlineData("PATCH", "/runs")]
    [InlineData("GET", "/runs/../../etc/passwd")]
    public async Task APathThatIsNotThere_WithoutAKey_TellsNothing(string method, string path)
    {
        using var answer = await service.SendAsync(method, path, authorization: null);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    /// <summary>The engine's own port asks for an admin's key.</summary>
    [Fact]
    public async Task Engine_WithoutAnAdminsKey_RefusesEveryCall()
    {
        var port = ServicePorts.Kept(service.Service.Settings.StateDirectory)!.Grpc;
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        foreach (var (key, status) in new (string?, HttpStatusCode)[]
        {
            (null, HttpStatusCode.Unauthorized), (service.Keys[AccessRole.Runner], HttpStatusCode.Forbidden),
            (service.Keys[AccessRole.Admin], HttpStatusCode.OK),
        })
        {
            using var call = new HttpRequestMessage(HttpMethod.Post, "/TaskHubSidecarService/Hello")
            {
                Content = new ByteArrayContent([0, 0, 0, 0, 0]),
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            call.Content.Headers.TryAddWithoutValidation("Content-Type", "application/grpc");
            if (key is not null)
            {
                call.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
            }

            using var answer = await http.SendAsync(call, Cancellation);

            Assert.Equal(status, answer.StatusCode);
        }
    }

    /// <summary>Fills the parameters of a route.</summary>
    private static string PathOf(RouteEndpoint endpoint) => "/" + string.Join('/', endpoint.RoutePattern.PathSegments
        .Select(segment => string.Concat(segment.Parts.Select(part => part switch
        {
            Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal => literal.Content,
            Microsoft.AspNetCore.Routing.Patterns.RoutePatternSeparatorPart separator => separator.Content,
            Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart { Name: "documentName" } => "openapi",
            _ => "any",
        }))));

    /// <summary>A service that all of its endpoints may be asked of at once.</summary>
    public sealed class Asked : KeyedService
    {
        protected override bool ManyStrangers => true;
    }
}
