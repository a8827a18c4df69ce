using Grpc.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Protobuf;
using Microsoft.DurableTask.Worker;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>Calls within the process, without a network.</summary>
public sealed class TransportTests : HandWorkerTest
{
    [Fact]
    public async Task InProcess_WorkerAndClient_RunAnOrchestrationWithoutANetwork()
    {
        await Sidecar.AddWorkerAsync(
            AddTasks, worker => worker.UseGrpc(options => options.CallInvoker = Sidecar.InProcess));
        DurableTaskClient client = Sidecar.CreateClient(
            builder => builder.UseGrpc(options => options.CallInvoker = Sidecar.InProcess));

        OrchestrationMetadata result = await RunAsync(client, "steps", 5);

        Assert.Equal(10, result.ReadOutputAs<int>());
    }

    [Fact]
    public async Task InProcess_CallerWithClassesOfItsOwn_IsServed()
    {
        Marshaller<byte[]> bytes = Marshallers.Create(data => data, data => data);
        var start = new Method<byte[], byte[]>(
            MethodType.Unary, "TaskHubSidecarService", "StartInstance", bytes, bytes);
        var items = new Method<byte[], byte[]>(
            MethodType.ServerStreaming, "TaskHubSidecarService", "GetWorkItems", bytes, bytes);

        // Field 1 is the id "x", field 2 the name "y".
        byte[] answer = await Sidecar.InProcess.AsyncUnaryCall(
            start, null, new CallOptions(cancellationToken: Soon), [0x0A, 1, (byte)'x', 0x12, 1, (byte)'y']);
        using AsyncServerStreamingCall<byte[]> call = Sidecar.InProcess.AsyncServerStreamingCall(
            items, null, new CallOptions(cancellationToken: Soon), []);
        Assert.True(await call.ResponseStream.MoveNext(Soon));

        Assert.Equal("x", CreateInstanceResponse.Parser.ParseFrom(answer).InstanceId);
        Assert.Equal("x", WorkItem.Parser.ParseFrom(call.ResponseStream.Current).OrchestratorRequest.InstanceId);
    }

    [Fact]
    public async Task InProcess_RefusedOrUnknownCall_FailsAsOverTheNetwork()
    {
        var service = new TaskHubSidecarService.TaskHubSidecarServiceClient(Sidecar.InProcess);
        Marshaller<byte[]> bytes = Marshallers.Create(data => data, data => data);
        var unknown = new Method<byte[], byte[]>(MethodType.Unary, "TaskHubSidecarService", "Nothing", bytes, bytes);

        var refused = await Assert.ThrowsAsync<RpcException>(
            () => service.StartInstanceAsync(new() { InstanceId = "@x" }).ResponseAsync);
        var missing = await Assert.ThrowsAsync<RpcException>(
            () => Sidecar.InProcess.AsyncUnaryCall(unknown, null, default, []).ResponseAsync);

        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Equal(StatusCode.Unimplemented, missing.StatusCode);
    }

    [Fact]
    public async Task InProcess_CallHungUp_GivesItsItemsBack()
    {
        var service = new TaskHubSidecarService.TaskHubSidecarServiceClient(Sidecar.InProcess);
        await StartAsync("a");
        using (AsyncServerStreamingCall<WorkItem> lost = service.GetWorkItems(new(), cancellationToken: Soon))
        {
            Assert.True(await lost.ResponseStream.MoveNext(Soon));
        }

        using AsyncServerStreamingCall<WorkItem> next = Connect();

        Assert.Equal("a", (await NextAsync(next)).OrchestratorRequest.InstanceId);
    }

    [Fact]
    public async Task InProcess_EngineStopped_IsUnavailable()
    {
        var service = new TaskHubSidecarService.TaskHubSidecarServiceClient(Sidecar.InProcess);
        await Sidecar.StopSidecarAsync();

        var error = await Assert.ThrowsAsync<RpcException>(() => service.HelloAsync(new()).ResponseAsync);

        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
    }

    private static void AddTasks(DurableTaskRegistry tasks)
    {
        tasks.AddOrchestratorFunc<int, int>("steps", async (context, count) =>
        {
            int sum = 0;
            for (int step = 0; step < count; step++)
            {
                sum += await context.CallActivityAsync<int>("two", step);
            }

            return sum;
        });
        tasks.AddActivityFunc<int, int>("two", (_, _) => 2);
    }
}
