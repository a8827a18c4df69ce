using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>The stream of work items, from its headers to its end.</summary>
public sealed class StreamTests : HandWorkerTest
{
    protected override Task<SidecarHost> StartSidecarAsync() => SidecarHost.StartAsync(
        configure: options => options.HealthPingInterval = TimeSpan.FromMilliseconds(50));

    [Fact]
    public async Task Headers_ComeBeforeAnyItem_AndPingsWhileThereIsNone()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();

        await worker.ResponseHeadersAsync.WaitAsync(Soon);
        WorkItem first = await NextAsync(worker);
        WorkItem second = await NextAsync(worker);

        Assert.NotNull(first.HealthPing);
        Assert.NotNull(second.HealthPing);
        Assert.Empty(first.CompletionToken);
    }

    [Fact]
    public async Task Stop_EndsTheStreamAsIfNothingWereWrong()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        await worker.ResponseHeadersAsync.WaitAsync(Soon);
        Task stopping = Sidecar.StopSidecarAsync();

        while (await worker.ResponseStream.MoveNext(Soon))
        {
            Assert.NotNull(worker.ResponseStream.Current.HealthPing);
        }

        Assert.Equal(StatusCode.OK, worker.GetStatus().StatusCode);
        await stopping;
    }

    [Fact]
    public async Task Hello_IsAnsweredAndOtherServicesAreUnimplemented()
    {
        await Engine.HelloAsync(new(), cancellationToken: Soon);

        using GrpcChannel channel = GrpcChannel.ForAddress(Sidecar.Address);
        var unknown = new Method<byte[], byte[]>(
            MethodType.Unary, "TaskHubSidecarService", "NoSuchCall",
            Marshallers.Create(bytes => bytes, bytes => bytes), Marshallers.Create(bytes => bytes, bytes => bytes));
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => channel.CreateCallInvoker()
            .AsyncUnaryCall(unknown, null, new CallOptions(cancellationToken: Soon), []).ResponseAsync);

        Assert.Equal(StatusCode.Unimplemented, error.StatusCode);
    }
}
