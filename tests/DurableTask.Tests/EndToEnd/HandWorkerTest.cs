using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.DurableTask.Protobuf;
using Service = Microsoft.DurableTask.Protobuf.TaskHubSidecarService.TaskHubSidecarServiceClient;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>A worker that is written out by hand, call by call.</summary>
public abstract class HandWorkerTest : EndToEndTest
{
    private GrpcChannel _channel = null!;

    private protected Service Engine => new(_channel);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _channel = GrpcChannel.ForAddress(Sidecar.Address);
    }

    private protected static OrchestratorAction Schedule(int id) => new()
    {
        Id = id,
        ScheduleTask = new() { Name = "work", Input = "[1]" },
    };

    private protected static OrchestratorAction Finish(int id) => new()
    {
        Id = id,
        CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.Completed },
    };

    private protected AsyncServerStreamingCall<WorkItem> Connect(Action<GetWorkItemsRequest>? configure = null)
    {
        var request = new GetWorkItemsRequest();
        configure?.Invoke(request);
        return Engine.GetWorkItems(request, cancellationToken: Soon);
    }

    private protected async Task StartAsync(string id) =>
        await Engine.StartInstanceAsync(new() { InstanceId = id, Name = "test" }, cancellationToken: Soon);

    private protected async Task<WorkItem> NextAsync(AsyncServerStreamingCall<WorkItem> worker)
    {
        Assert.True(await worker.ResponseStream.MoveNext(Soon));
        return worker.ResponseStream.Current;
    }

    private protected async Task CompleteAsync(WorkItem item, params OrchestratorAction[] actions) =>
        await Engine.CompleteOrchestratorTaskAsync(
            new()
            {
                InstanceId = item.OrchestratorRequest.InstanceId,
                CompletionToken = item.CompletionToken,
                Actions = { actions },
            },
            cancellationToken: Soon);

    private protected async Task CompleteActivityAsync(WorkItem item) => await Engine.CompleteActivityTaskAsync(
        new()
        {
            InstanceId = item.ActivityRequest.OrchestrationInstance.InstanceId,
            TaskId = item.ActivityRequest.TaskId,
            CompletionToken = item.CompletionToken,
            Result = "1",
        },
        cancellationToken: Soon);
}
