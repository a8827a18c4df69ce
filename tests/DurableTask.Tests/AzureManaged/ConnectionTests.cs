using Azure.Core;
using Azure.Identity;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Connection;
using Microsoft.Extensions.Time.Testing;

namespace Workflows.DurableTask.Tests.AzureManaged;

/// <summary>Connection strings, options and tokens without a connection.</summary>
public sealed class ConnectionTests
{
    [Fact]
    public void ConnectionString_KeysInAnyCase_AreRead()
    {
        var options = DurableTaskSchedulerWorkerOptions.FromConnectionString(
            "endpoint=https://a.b.durabletask.io;TASKHUB=hub;authentication=defaultazure");

        Assert.Equal("https://a.b.durabletask.io", options.EndpointAddress);
        Assert.Equal("hub", options.TaskHubName);
        Assert.IsType<DefaultAzureCredential>(options.Credential);
        Assert.False(options.AllowInsecureCredentials);
    }

    [Theory]
    [InlineData("ManagedIdentity;ClientID=00000000-0000-0000-0000-000000000001", typeof(ManagedIdentityCredential))]
    [InlineData("Environment", typeof(EnvironmentCredential))]
    [InlineData("AzureCLI", typeof(AzureCliCredential))]
    [InlineData("AzurePowerShell", typeof(AzurePowerShellCredential))]
    [InlineData("VisualStudio", typeof(VisualStudioCredential))]
    [InlineData("InteractiveBrowser", typeof(InteractiveBrowserCredential))]
    [InlineData(
        "WorkloadIdentity;ClientID=c;TenantId=t;TokenFilePath=f;AdditionallyAllowedTenants=a, b",
        typeof(WorkloadIdentityCredential))]
    public void Authentication_EachKind_MakesItsCredential(string text, Type credential) => Assert.IsType(
        credential,
        DurableTaskSchedulerClientOptions.FromConnectionString(
            $"Endpoint=e;TaskHub=h;Authentication={text}").Credential);

    [Theory]
    [InlineData("TaskHub=h;Authentication=None", "'Endpoint'")]
    [InlineData("Endpoint=e;Authentication=None", "'TaskHub'")]
    [InlineData("Endpoint=e;TaskHub=h", "'Authentication'")]
    [InlineData("Endpoint=e;TaskHub=h;Authentication=Magic", "DefaultAzure")]
    [InlineData("Endpoint", "'Endpoint=...;TaskHub=...;Authentication=...'")]
    public void ConnectionString_WithAFault_NamesTheKeyAndTheFix(string text, string part) => Assert.Contains(
        part,
        Assert.Throws<ArgumentException>(() => DurableTaskSchedulerClientOptions.FromConnectionString(text)).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("", "h", "EndpointAddress is empty")]
    [InlineData("e", " ", "TaskHubName is empty")]
    [InlineData("ftp://e", "h", "no http or https")]
    public void Options_WithAFault_NameIt(string address, string hub, string part) =>
        Assert.Contains(part, SchedulerEndpoint.Check(address, hub, null, false), StringComparison.Ordinal);

    [Fact]
    public void Endpoint_WithoutScheme_IsHttps()
    {
        var options = new DurableTaskSchedulerClientOptions { EndpointAddress = "a.b", TaskHubName = "h" };

        Assert.Equal(new Uri("https://a.b"), options.ToEndpoint().Uri);
        Assert.Equal(options.ToEndpoint(), options.ToEndpoint());
    }

    [Fact]
    public async Task Token_NearItsEnd_IsFetchedAnewOnce()
    {
        var time = new FakeTimeProvider();
        var credential = new HourlyCredential(time);
        using var cache = new AccessTokenCache(credential, "https://r", time);

        string[] first = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => GetAsync()));
        time.Advance(TimeSpan.FromMinutes(54));
        string still = await GetAsync();
        time.Advance(TimeSpan.FromMinutes(2));
        string second = await GetAsync();

        Assert.All(first, token => Assert.Equal("1", token));
        Assert.Equal(("1", "2"), (still, second));

        Task<string> GetAsync() => cache.GetAsync(TestContext.Current.CancellationToken).AsTask();
    }

    private sealed class HourlyCredential(TimeProvider time) : TokenCredential
    {
        private int _count;

        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            new($"{Interlocked.Increment(ref _count)}", time.GetUtcNow().AddHours(1));

        public override async ValueTask<AccessToken> GetTokenAsync(
            TokenRequestContext requestContext, CancellationToken cancellationToken)
        {
            await Task.Yield();
            return GetToken(requestContext, cancellationToken);
        }
    }
}
