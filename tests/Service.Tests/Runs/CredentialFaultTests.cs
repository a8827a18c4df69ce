using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Workflows.Activities.Provisioning;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>A service-account key whose token endpoint answers invalid_grant, in the middle of a run.</summary>
public sealed class CredentialFaultTests
{
    [Fact]
    public async Task Run_WhoseCredentialsGiveNoToken_EndsAtTheFirstZoneWithNothingToGiveBack()
    {
        var cloud = new WithoutToken();
        var (builder, ports) = LoopbackApplication.CreateBuilder(LogLevel.Warning, HttpProtocols.Http2);
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(cloud);
        await using var google = builder.Build();
        google.MapGrpcService<WithoutToken>();
        await google.StartAsync(TestContext.Current.CancellationToken);
        await using var service = new RunningService
        {
            Change = services => services.Replace(ServiceDescriptor.Singleton<ITpuCloud>(
                _ => new TpuCloud(new Uri($"http://127.0.0.1:{ports[0]}")))),
        };
        await service.InitializeAsync();

        var report = await service.ReportAsync(await service.StartAsync(service.Request()));

        Assert.Equal("failed", report.GetProperty("status").GetString());
        var failure = report.GetProperty("failure");
        Assert.Equal("UNAUTHENTICATED", failure.GetProperty("code").GetString());
        Assert.Contains("invalid_grant", failure.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains(
            "gcloud auth application-default login", failure.GetProperty("fix").GetString(), StringComparison.Ordinal);
        var attempt = Assert.Single(report.GetProperty("attempts").EnumerateArray());
        Assert.Equal(
            ("us-west4-a", "refused"),
            (attempt.GetProperty("zone").GetString(), attempt.GetProperty("outcome").GetString()));
        Assert.Empty(report.GetProperty("teardown").EnumerateArray());
        Assert.Equal(["CreateNode", "ListNodes"], cloud.Calls.Distinct().Order());
        Assert.Equal(1, cloud.Calls.Count(call => call == "CreateNode"));
    }

    /// <summary>Answers as the channel does for a call that it cannot send.</summary>
    private sealed class WithoutToken : Tpu.TpuBase
    {
        private readonly List<string> _calls = [];

        public IReadOnlyList<string> Calls
        {
            get
            {
                lock (_calls)
                {
                    return [.. _calls];
                }
            }
        }

        public override Task<Google.LongRunning.Operation> CreateNode(
            CreateNodeRequest request, ServerCallContext context) => throw Unsent(nameof(CreateNode));

        public override Task<ListNodesResponse> ListNodes(ListNodesRequest request, ServerCallContext context) =>
            throw Unsent(nameof(ListNodes));

        public override Task<Node> GetNode(GetNodeRequest request, ServerCallContext context) =>
            throw Unsent(nameof(GetNode));

        public override Task<Google.LongRunning.Operation> DeleteNode(
            DeleteNodeRequest request, ServerCallContext context) => throw Unsent(nameof(DeleteNode));

        private RpcException Unsent(string call)
        {
            lock (_calls)
            {
                _calls.Add(call);
            }

            return new RpcException(new Status(
                StatusCode.Unauthenticated,
                "Not sent: no access token was given for the credentials: invalid_grant (Token has been revoked.)"));
        }
    }
}
