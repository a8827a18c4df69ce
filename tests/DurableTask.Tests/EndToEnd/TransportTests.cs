using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.Grpc;
using Workflows.DurableTask.Protocol;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>The ways of messages besides a call for each: within the process, and the stream of results.</summary>
public sealed class TransportTests : HandWorkerTest
{
    [Fact]
    public async Task InProcess_WorkerAndClient_RunAnOrchestrationWithoutANetwork()
    {
        await Sidecar.AddWorkerAsync(
            AddTasks, worker => worker.UseGrpc(options => options.CallInvoker = Sidecar.InProcess));
        await using var client = new GrpcDurableTaskClient(
            "inside", new GrpcDurableTaskClientOptions { CallInvoker = Sidecar.InProcess });

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

    [Fact]
    public async Task Results_SeveralInAMessage_AreEachReceipted()
    {
        using AsyncServerStreamingCall<WorkItem> worker = Connect();
        Assert.NotNull((await worker.ResponseHeadersAsync).Get("taskhub-results"));
        using GrpcChannel channel = GrpcChannel.ForAddress(Sidecar.Address);
        using AsyncDuplexStreamingCall<WorkItemResults, WorkItemReceipts> results =
            new TaskHubResultsService.TaskHubResultsServiceClient(channel).CompleteWorkItems(cancellationToken: Soon);
        await StartAsync("a");
        WorkItem item = await NextAsync(worker);

        await results.RequestStream.WriteAsync(
            new()
            {
                Results =
                {
                    new WorkItemResult
                    {
                        Number = 7,
                        Orchestrator = new()
                        {
                            InstanceId = "a", CompletionToken = item.CompletionToken, Actions = { Finish(0) },
                        },
                    },
                    new WorkItemResult { Number = 8, Activity = new() { CompletionToken = "invented" } },
                    new WorkItemResult { Number = 9 },
                },
            },
            Soon);

        var receipts = new Dictionary<long, StatusCode>();
        while (receipts.Count < 3)
        {
            Assert.True(await results.ResponseStream.MoveNext(Soon));
            foreach (WorkItemReceipt receipt in results.ResponseStream.Current.Receipts)
            {
                receipts.Add(receipt.Number, (StatusCode)receipt.Status);
            }
        }

        Assert.Equal(
            [StatusCode.OK, StatusCode.NotFound, StatusCode.InvalidArgument],
            receipts.OrderBy(pair => pair.Key).Select(pair => pair.Value));
        GetInstanceResponse ended = await Engine.GetInstanceAsync(
            new() { InstanceId = "a" }, cancellationToken: Soon);
        Assert.Equal(OrchestrationStatus.Completed, ended.OrchestrationState.OrchestrationStatus);
    }

    [Theory]
    [InlineData(DuplexFault.Missing)]
    [InlineData(DuplexFault.Throws)]
    [InlineData(DuplexFault.NoHeaders)]
    [InlineData(DuplexFault.NoReceipts)]
    [InlineData(DuplexFault.BadReceipts)]
    [InlineData(DuplexFault.LostReceipts)]
    public async Task Results_StreamDoesNotWork_GoOnAsCalls(DuplexFault fault)
    {
        using GrpcChannel channel = GrpcChannel.ForAddress(Sidecar.Address);
        var path = new DuplexPath(channel.CreateCallInvoker(), fault);
        await Sidecar.AddWorkerAsync(AddTasks, worker => worker.UseGrpc(options =>
        {
            options.CallInvoker = path;
            options.ResultReceiptLimit = TimeSpan.FromSeconds(1);
        }));

        OrchestrationMetadata result = await RunAsync(Sidecar.CreateClient(), "steps", 3);

        Assert.Equal(6, result.ReadOutputAs<int>());
        Assert.True(path.Duplexes > 0);
        // A result that the engine has already taken is not refused, and its item is not handed back.
        Assert.DoesNotContain(Sidecar.Calls, call => call.Path.Contains("/Abandon", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Results_DeadlineOfACall_HoldsOnTheStream()
    {
        using GrpcChannel channel = GrpcChannel.ForAddress(Sidecar.Address);
        var path = new DuplexPath(channel.CreateCallInvoker(), DuplexFault.NoReceipts);
        using var results = new ResultStream(path, TimeSpan.FromMinutes(1), TimeProvider.System);
        results.Open();
        var service = new TaskHubSidecarService.TaskHubSidecarServiceClient(results);
        StatusCode code;
        do
        {
            RpcException error = await Assert.ThrowsAsync<RpcException>(() => service.CompleteActivityTaskAsync(
                new() { CompletionToken = "invented" },
                deadline: DateTime.UtcNow.AddMilliseconds(200),
                cancellationToken: Soon).ResponseAsync);
            code = error.StatusCode;
        }
        // Until the stream is open the engine answers a call.
        while (code == StatusCode.NotFound);

        Assert.Equal(StatusCode.DeadlineExceeded, code);
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
