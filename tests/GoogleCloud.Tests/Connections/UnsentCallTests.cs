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

    private static async Task<RpcException> CallAsync(string tokenEndpoint)
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
            new GetNodeRequest { Name = "n" }, TpuConnection.Routed("name", "n", Cancellation)).ResponseAsync);

        Assert.Empty(google.Requests);
        return exception;
    }
}
