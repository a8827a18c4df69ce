using System.Security.Cryptography;
using Google.Apis.Auth.OAuth2;
using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Workflows.GoogleCloud.Connections;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Connections;

/// <summary>Credentials that no longer hold look like what they are, and not like an outage.</summary>
public sealed class UnsentCallTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(400, "invalid_grant", StatusCode.Unauthenticated)]
    [InlineData(401, "invalid_client", StatusCode.Unauthenticated)]
    [InlineData(503, "backend_error", StatusCode.Unavailable)]
    public async Task Call_WithoutAToken_SaysWhyAndWasNeverSent(int status, string error, StatusCode expected)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var tokens = builder.Build();
        tokens.Urls.Add("http://127.0.0.1:0");
        tokens.MapPost("/token", async (HttpContext context) =>
        {
            context.Response.StatusCode = status;
            await context.Response.WriteAsJsonAsync(
                new { error, error_description = "Token has been expired or revoked." }, Cancellation);
        });
        await tokens.StartAsync(Cancellation);
        var address = tokens.Services.GetRequiredService<IServer>()
            .Features.Get<IServerAddressesFeature>()!.Addresses.Single();

        var exception = await CallAsync($"{address}/token");

        Assert.Equal(expected, exception.StatusCode);
        Assert.Contains(error, exception.Status.Detail, StringComparison.Ordinal);
        Assert.True(UnsentCall.IsProved(exception));
    }

    [Fact]
    public async Task Call_WhoseTokenEndpointIsOutOfReach_IsAnOutageAndWasNeverSent()
    {
        var exception = await CallAsync("http://127.0.0.1:1/token");

        Assert.Equal(StatusCode.Unavailable, exception.StatusCode);
        Assert.True(UnsentCall.IsProved(exception));
    }

    /// <summary>Answers of a proxy or a captive portal in the place of the endpoint: an outage, not a fault.</summary>
    [Theory]
    [InlineData(200, "<html>Sign in to this network</html>")]
    [InlineData(200, "")]
    [InlineData(200, "[1, 2]")]
    [InlineData(200, "{\"access_token\": ")]
    [InlineData(502, "<html>Bad Gateway</html>")]
    public async Task Call_WhoseTokenEndpointAnswersRubbish_IsAnOutageAndWasNeverSent(int status, string body)
    {
        await using var tokens = await StartTokensAsync(async context =>
        {
            context.Response.StatusCode = status;
            await context.Response.WriteAsync(body, Cancellation);
        });

        var exception = await CallAsync($"{tokens.Urls.Single()}/token");

        Assert.Equal(StatusCode.Unavailable, exception.StatusCode);
        Assert.True(UnsentCall.IsProved(exception));
    }

    /// <summary>The caller's own limit holds while the endpoint stands still.</summary>
    [Fact]
    public async Task Call_WhoseTokenEndpointStandsStill_EndsAtTheCallersLimit()
    {
        await using var tokens = await StartTokensAsync(context =>
            Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        limit.CancelAfter(TimeSpan.FromMilliseconds(300));

        var exception = await CallAsync($"{tokens.Urls.Single()}/token", limit.Token);

        Assert.Equal(StatusCode.Cancelled, exception.StatusCode);
    }

    [Theory]
    [InlineData("absent", "does not exist")]
    [InlineData("folder", "is a folder")]
    [InlineData("empty", "is empty, or no regular file")]
    [InlineData("pipe", "is empty, or no regular file")]
    [InlineData("device", "is empty, or no regular file")]
    [InlineData("dangling link", "does not exist")]
    [InlineData("looping link", "cannot be read")]
    [InlineData("large", "1048576 at most")]
    public void RequireKeyFile_OfWhatIsNoKey_SaysSoAtOnce(string kind, string words)
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Pipes and devices are made as on Linux.");
        using var folder = new TemporaryFolder("key-");
        var path = folder["key.json"];
        Make(kind, path);

        var fault = Assert.Throws<InvalidOperationException>(() => GoogleCredentials.RequireKeyFile(path));

        Assert.Contains(words, fault.Message, StringComparison.Ordinal);
        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RequireKeyFile_OfAFileOrALinkToOne_IsContent()
    {
        using var folder = new TemporaryFolder("key-");
        var key = folder.Write("key.json", "{}");
        File.CreateSymbolicLink(folder["link.json"], key);

        GoogleCredentials.RequireKeyFile(key);
        GoogleCredentials.RequireKeyFile(folder["link.json"]);
        GoogleCredentials.RequireKeyFile(null);
    }

    [Fact]
    public async Task Call_ToAPortWhereNobodyListens_WasNeverSent()
    {
        using var tpu = TpuConnection.ToEmulator(new Uri("http://127.0.0.1:1"));

        var exception = await Assert.ThrowsAsync<RpcException>(() => tpu.Tpu.GetNodeAsync(
            new GetNodeRequest { Name = "n" }, TpuConnection.Routed("name", "n", Cancellation)).ResponseAsync);

        Assert.True(UnsentCall.IsProved(exception));
    }

    [Fact]
    public async Task Call_ThatTheServiceAnswers_WasSent()
    {
        await using var google = await FakeGoogle.StartAsync(isSecure: false);
        using var tpu = TpuConnection.ToEmulator(google.Address);

        var exception = await Assert.ThrowsAsync<RpcException>(() => tpu.Tpu.GetNodeAsync(
            new GetNodeRequest { Name = "n" }, TpuConnection.Routed("name", "n", Cancellation)).ResponseAsync);

        Assert.Equal(StatusCode.NotFound, exception.StatusCode);
        Assert.False(UnsentCall.IsProved(exception));
    }

    private static void Make(string kind, string path)
    {
        switch (kind)
        {
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "empty":
                File.WriteAllText(path, "");
                break;
            case "pipe":
                using (var process = System.Diagnostics.Process.Start("mkfifo", path))
                {
                    process.WaitForExit();
                    Assert.Equal(0, process.ExitCode);
                }

                break;
            case "device":
                File.CreateSymbolicLink(path, "/dev/zero");
                break;
            case "dangling link":
                File.CreateSymbolicLink(path, path + ".gone");
                break;
            case "looping link":
                File.CreateSymbolicLink(path, path + ".other");
                File.CreateSymbolicLink(path + ".other", path);
                break;
            case "large":
                using (var file = File.Create(path))
                {
                    file.SetLength((1 << 20) + 1);
                }

                break;
        }
    }

    private static async Task<WebApplication> StartTokensAsync(RequestDelegate answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var tokens = builder.Build();
        tokens.Urls.Add("http://127.0.0.1:0");
        tokens.MapPost("/token", answer);
        await tokens.StartAsync(Cancellation);
        return tokens;
    }

    private static async Task<RpcException> CallAsync(string tokenEndpoint, CancellationToken? limit = null)
    {
        await using var google = await FakeGoogle.StartAsync(isSecure: true);
        using var key = RSA.Create(2048);
        var account = new ServiceAccountCredential(
            new ServiceAccountCredential.Initializer("a@p.iam.gserviceaccount.com", tokenEndpoint)
            {
                Key = key,
                Scopes = ["https://www.googleapis.com/auth/cloud-platform"],
            });
        var credentials = new GoogleCredentials(GoogleCredential.FromServiceAccountCredential(account), null);
        using var tpu = new TpuConnection(GoogleChannel.Connect(google.Address, credentials, google.Trusting()));

        var exception = await Assert.ThrowsAsync<RpcException>(() => tpu.Tpu.GetNodeAsync(
            new GetNodeRequest { Name = "n" }, TpuConnection.Routed("name", "n", limit ?? Cancellation)).ResponseAsync);

        if (limit is null)
        {
            // The call in JSON fails as the others do.
            var json = await Assert.ThrowsAsync<RpcException>(() => tpu.CreateFlexStartAsync(
                new CreateQueuedResourceRequest { Parent = "projects/p/locations/z", QueuedResource = new() },
                TimeSpan.FromHours(1), Cancellation));
            Assert.Equal(
                (exception.StatusCode, UnsentCall.IsProved(exception)), (json.StatusCode, UnsentCall.IsProved(json)));
        }

        Assert.Empty(google.Requests);
        return exception;
    }
}
