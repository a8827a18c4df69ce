using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Handover;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;
using Workflows.Service.Tests.Hosting;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Workers;

/// <summary>Whoever calls the gateway must prove which node of which run it is.</summary>
public sealed class WorkerGatewayTests(RunningService service) : IClassFixture<RunningService>
{
    private const string Node = "projects/p/locations/us-west4-a/nodes/n";

    [Theory]
    [InlineData("stranger", Node, "wrong")]
    [InlineData("stranger", Node, "")]
    [InlineData("../../etc", Node, "wrong")]
    [InlineData("", "", "")]
    [InlineData("stranger", "n", "wrong")]
    public async Task Connect_WithoutTheSecretOfANode_IsRefused(string run, string node, string secret)
    {
        var fault = await RefusalAsync(new WorkerMessage
        {
            Hello = new Hello { RunId = run, NodeName = node, Secret = secret },
        });

        Assert.Equal(StatusCode.Unauthenticated, fault.StatusCode);
    }

    [Fact]
    public async Task Connect_WithAnotherFirstMessage_IsRefused()
    {
        var fault = await RefusalAsync(new WorkerMessage { Heartbeat = new Heartbeat() });

        Assert.Equal(StatusCode.InvalidArgument, fault.StatusCode);
        Assert.Contains("Hello", fault.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_WithTheSecretOfItsNode_IsWelcome()
    {
        using var channel = Channel();
        using var call = new WorkerGateway.WorkerGatewayClient(channel).Connect();
        var secret = new NodeSecrets(service.Settings.StateDirectory).For(new RunId("welcome"), new NodeName(Node));

        await call.RequestStream.WriteAsync(new WorkerMessage
        {
            Hello = new Hello { RunId = "welcome", NodeName = Node, Secret = secret },
        });

        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.True(call.ResponseStream.Current.Welcome.HeartbeatSeconds > 0);
    }

    /// <summary>A worker of an earlier version goes on from the checkpoints that it finds on its disk.</summary>
    [Theory]
    [InlineData(true, "Welcome")]
    [InlineData(false, "Unauthenticated: This worker is older than the service")]
    public async Task Connect_OfAWorkerWhoseNodeIsAnotherRuns_NeedsOneThatKeepsRunsApart(bool isNew, string answer)
    {
        var giver = new RunId(isNew ? "apart-a" : "mixed-a");
        var node = NodeName.Of("p", "us-west4-a", $"wf-{giver}-1");
        service.Services.GetRequiredService<RunLedger>().Append(
            giver, LedgerKinds.Handed, $"{node}", new HandedFact(node, new RunId("taker")));
        using var channel = Channel();
        using var call = new WorkerGateway.WorkerGatewayClient(channel).Connect();
        await call.RequestStream.WriteAsync(new WorkerMessage
        {
            Hello = new Hello
            {
                RunId = giver.Value,
                NodeName = $"{node}",
                Secret = new NodeSecrets(service.Settings.StateDirectory).For(giver, node),
                KeepsRunsApart = isNew,
            },
        });

        Assert.StartsWith(answer, await AnswerAsync(), StringComparison.Ordinal);

        async Task<string> AnswerAsync()
        {
            try
            {
                await call.ResponseStream.MoveNext(CancellationToken.None);
                return $"{call.ResponseStream.Current.KindCase}";
            }
            catch (RpcException exception)
            {
                return $"{exception.StatusCode}: {exception.Status.Detail}";
            }
        }
    }

    private GrpcChannel Channel() =>
        GrpcChannel.ForAddress($"http://127.0.0.1:{ServicePorts.Kept(service.Settings.StateDirectory)!.Grpc}");

    private async Task<RpcException> RefusalAsync(WorkerMessage first)
    {
        using var channel = Channel();
        using var call = new WorkerGateway.WorkerGatewayClient(channel).Connect();
        await call.RequestStream.WriteAsync(first);
        return await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));
    }
}
