using System.Net;
using System.Net.NetworkInformation;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Access;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>No setting opens the service to other machines without authentication, or in plain text.</summary>
public sealed class ListenPlanTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("listen-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 4);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _ports.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("http://0.0.0.0:8080")]
    [InlineData("http://*:8080")]
    [InlineData("http://+:8080")]
    [InlineData("http://[::]:8080")]
    [InlineData("http://[::ffff:0.0.0.0]:8080")]
    [InlineData("http://0:8080")]
    [InlineData("http://192.168.1.5:8080")]
    [InlineData("http://[fe80::1]:8080")]
    [InlineData("http://127.0.0.1:8080;http://10.0.0.1:8080")]
    [InlineData("HTTP://0.0.0.0:8080")]
    public void Of_AnAddressOfOtherMachines_IsRefusedWithoutAuthentication(string urls)
    {
        var fault = Assert.Throws<ServiceStartException>(() => Plan(Of("urls", urls), new ServiceSettings()));

        Assert.Contains("port 8080 would be open to other machines", fault.Message, StringComparison.Ordinal);
        Assert.Contains(urls, fault.Message, StringComparison.Ordinal);
        Assert.Contains("Workflows:Access:Authentication", fault.Message, StringComparison.Ordinal);
        Assert.Contains("--urls http://127.0.0.1:8080", fault.Message, StringComparison.Ordinal);

        var plain = Assert.Throws<ServiceStartException>(() => Plan(Of("urls", urls), Settings()));
        Assert.Contains("without TLS", plain.Message, StringComparison.Ordinal);
        Assert.Contains("Workflows:Access:Certificate", plain.Message, StringComparison.Ordinal);
        Assert.Contains("Workflows:Access:Proxies", plain.Message, StringComparison.Ordinal);

        Assert.True(Plan(Of("urls", urls), Settings(proxies: "10.1.2.3")).IsOpen);
    }

    /// <summary>ASP.NET Core would take every name but localhost for all interfaces.</summary>
    [Fact]
    public void Of_AHostName_IsJudgedByItsAddresses()
    {
        Assert.False(Plan(Of("urls", "http://localhost:8080"), new ServiceSettings()).IsOpen);
        Assert.False(Plan(Of("urls", "http://LOCALHOST:8080"), new ServiceSettings()).IsOpen);
        var unknown = Assert.Throws<ServiceStartException>(
            () => Plan(Of("urls", "http://no-such-host.invalid:8080"), Settings(proxies: "10.0.0.1")));
        Assert.Contains("cannot be resolved", unknown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http_ports", "8080", "ASPNETCORE_HTTP_PORTS")]
    [InlineData("http_ports", "8080;8081", "ASPNETCORE_HTTP_PORTS")]
    [InlineData("urls", "http://*:8080", "ASPNETCORE_URLS")]
    public void Of_TheEnvironment_IsJudgedAsTheCommandLineIs(string key, string value, string name)
    {
        var fault = Assert.Throws<ServiceStartException>(() => Plan(Of(key, value), new ServiceSettings()));

        Assert.Contains(
            Environment.GetEnvironmentVariable(name) is null ? key : name, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_AnAddressOnTheCommandLine_NamesTheOption()
    {
        var fault = Assert.Throws<ServiceStartException>(() => ListenPlan.Of(
            Of("urls", "http://*:1"), ["--urls", "http://*:1"], new ServiceSettings()));

        Assert.Contains("by --urls 'http://*:1'", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://unix:/tmp/socket", "cannot be used")]
    [InlineData("http://pipe:/name", "cannot be used")]
    [InlineData("ftp://127.0.0.1:8080", "cannot be used")]
    [InlineData("127.0.0.1:8080", "cannot be used")]
    [InlineData("http://127.0.0.1:8080/base", "cannot be used")]
    [InlineData("nonsense", "cannot be used")]
    [InlineData("https://127.0.0.1:8080", "there is no certificate")]
    [InlineData("http://127.0.0.1:8080;http://127.0.0.1:8443", "urls")]
    [InlineData("http://127.0.0.1:8080;http://127.0.0.1:8443", "ports 8080 and 8443, and the HTTP API has one")]
    public void Of_AnAddressThatIsNone_IsRefused(string urls, string problem) => Assert.Contains(
        problem, Assert.Throws<ServiceStartException>(() => Plan(Of("urls", urls), new ServiceSettings())).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Of_KestrelsOwnEndpoints_AreRefused() => Assert.Contains(
        "'Kestrel:Endpoints:Other'", Assert.Throws<ServiceStartException>(() => Plan(
            Of("Kestrel:Endpoints:Other:Url", "http://127.0.0.1:9"), Settings(proxies: "10.0.0.1"))).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("10.0.0.300")]
    [InlineData("proxy.example")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.1;10.0.0.2")]
    public void Of_AProxyThatIsNoAddress_NamesTheSetting(string proxies) => Assert.Contains(
        "Workflows:Access:Proxies",
        Assert.Throws<ServiceStartException>(() => Plan(Of("urls", "http://*:8080"), Settings(proxies))).Message,
        StringComparison.Ordinal);

    /// <summary>The program itself, whose ports are looked at from outside.</summary>
    [Fact]
    public void Build_WithAnyAddressAndNoAuthentication_OpensNothing()
    {
        var fault = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            ["--urls", $"http://0.0.0.0:{_ports.Number}", "--Workflows:StateDirectory", _folder.Path]));

        Assert.Contains("without authentication", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Build_WithProxiesAndNoAuthentication_IsRefused()
    {
        var fault = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
        [
            "--urls", $"http://127.0.0.1:{_ports.Number}", "--Workflows:StateDirectory", _folder.Path,
            "--Workflows:Access:Proxies", "127.0.0.1",
        ]));

        Assert.Contains("Workflows:Access:Proxies needs", fault.Message, StringComparison.Ordinal);
    }

    /// <summary>Of an open service other machines reach the API's port alone, and that from proxies alone.</summary>
    [Fact]
    public async Task Start_BehindADeclaredProxy_OpensTheApisPortToTheProxyAlone()
    {
        var outside = NetworkInterface.GetAllNetworkInterfaces()
            .Where(each => each.OperationalStatus == OperationalStatus.Up)
            .SelectMany(each => each.GetIPProperties().UnicastAddresses).Select(each => each.Address)
            .FirstOrDefault(each => each.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork
                && !IPAddress.IsLoopback(each));
        var (application, ports) = WorkflowsService.Build(
        [
            "--urls", $"http://0.0.0.0:{_ports.Number}", "--Workflows:StateDirectory", _folder.Path,
            "--Workflows:Access:Authentication", "true", "--Workflows:Access:Proxies", "198.51.100.7,127.0.0.1",
            "--Logging:LogLevel:Default", "None",
        ]);
        await application.StartOrExplainAsync(ports, _folder.Path, Cancellation);
        await using var stopped = application;

        var open = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        Assert.Equal([$"http://[::]:{_ports.Number}"], open.Addresses.Where(each =>
            !each.StartsWith("http://127.0.0.1:", StringComparison.Ordinal)));
        using var http = new HttpClient();
        using (var own = await http.GetAsync(new Uri($"http://127.0.0.1:{_ports.Number}/healthz"), Cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, own.StatusCode);
        }

        // The names of a proxy are those of the API alone: pages of other sites get at no other port by theirs.
        foreach (var (port, status) in new[]
        {
            (ports.Http, HttpStatusCode.OK), (ports.EmulatorRest, HttpStatusCode.MisdirectedRequest),
            (ports.EmulatorStorage, HttpStatusCode.MisdirectedRequest),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/healthz");
            request.Headers.Host = "workflows.example";
            request.Headers.Add("X-Forwarded-Host", port == ports.Http ? "workflows.example" : "localhost");
            using var named = await http.SendAsync(request, Cancellation);

            Assert.Equal((port, status), (port, named.StatusCode));
        }

        Skipped.Unless(outside is not null, "This machine has no address but loopback.");
        using var other = await http.GetAsync(new Uri($"http://{outside}:{_ports.Number}/healthz"), Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, other.StatusCode);
        Assert.Contains("PROXY_ONLY", await other.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        await application.StopAsync(Cancellation);
    }

    private static ListenPlan Plan(IConfiguration configuration, ServiceSettings settings) =>
        ListenPlan.Of(configuration, [], settings);

    private static ServiceSettings Settings(string? proxies = null) => new()
    {
        Access = new AccessSettings { Authentication = true, Proxies = proxies },
    };

    private static IConfigurationRoot Of(string key, string value) => new ConfigurationBuilder()
        .AddInMemoryCollection([KeyValuePair.Create<string, string?>(key, value)]).Build();
}
