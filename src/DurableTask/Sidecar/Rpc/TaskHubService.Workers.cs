using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Sidecar.Rpc;

internal sealed partial class TaskHubService
{
    private const int HistoryChunkBytes = 256 * 1024;

    // Only callers in this process reach it and get objects. WorkItemStream serves the others.
    public override Task GetWorkItems(
        GetWorkItemsRequest request, IServerStreamWriter<WorkItem> responseStream, ServerCallContext context) =>
        WorkSender.RunAsync(host, request, isEncoded: false, frame => frame.Item, responseStream, context);

    public override Task<CompleteTaskResponse> CompleteOrchestratorTask(
        OrchestratorResponse request, ServerCallContext context) =>
        host.Engine.Work.CompleteEpisodeAsync(Hub(context), request);

    public override Task<CompleteTaskResponse> CompleteActivityTask(
        ActivityResponse request, ServerCallContext context) =>
        host.Engine.Work.CompleteActivityAsync(Hub(context), request);

    public override Task<CompleteTaskResponse> CompleteEntityTask(
        EntityBatchResult request, ServerCallContext context) =>
        host.Engine.Entities.CompleteAsync(Hub(context), request);

    public override async Task<AbandonEntityTaskResponse> AbandonTaskEntityWorkItem(
        AbandonEntityTaskRequest request, ServerCallContext context)
    {
        await host.Engine.Entities.AbandonAsync(Hub(context), request.CompletionToken);
        return new();
    }

    public override async Task<AbandonActivityTaskResponse> AbandonTaskActivityWorkItem(
        AbandonActivityTaskRequest request, ServerCallContext context)
    {
        await host.Engine.Work.AbandonAsync(Hub(context), request.CompletionToken);
        return new();
    }

    public override async Task<AbandonOrchestrationTaskResponse> AbandonTaskOrchestratorWorkItem(
        AbandonOrchestrationTaskRequest request, ServerCallContext context)
    {
        await host.Engine.Work.AbandonAsync(Hub(context), request.CompletionToken);
        return new();
    }

    public override async Task StreamInstanceHistory(
        StreamInstanceHistoryRequest request,
        IServerStreamWriter<HistoryChunk> responseStream,
        ServerCallContext context)
    {
        string hub = Hub(context);
        TaskHubEngine engine = host.Engine;
        IReadOnlyList<HistoryEvent> events = request.ForWorkItemProcessing
            ? await engine.WorkItemHistoryAsync(hub, request)
            : ForReaders(await engine.LiveHistoryAsync(hub, request.InstanceId)
                ?? engine.Lists.StoredHistory(hub, request.InstanceId)
                ?? throw new RpcException(new Status(
                    StatusCode.NotFound, $"There is no orchestration '{request.InstanceId}'.")));
        var chunk = new HistoryChunk();
        int size = 0;
        foreach (HistoryEvent item in events)
        {
            // Checked before, not after: one event may fill a message that official workers still accept.
            size += item.CalculateSize();
            if (size > HistoryChunkBytes && chunk.Events.Count > 0)
            {
                await responseStream.WriteAsync(chunk, context.CancellationToken);
                chunk = new HistoryChunk();
                size = item.CalculateSize();
            }

            chunk.Events.Add(item);
        }

        if (chunk.Events.Count > 0)
        {
            await responseStream.WriteAsync(chunk, context.CancellationToken);
        }
    }

    // The ends of episodes are internal: the Durable Task Scheduler shows none, and its clients rely on that.
    private static IReadOnlyList<HistoryEvent> ForReaders(IReadOnlyList<HistoryEvent> events) =>
        [.. events.Where(item => item.OrchestratorCompleted is null)];
}
