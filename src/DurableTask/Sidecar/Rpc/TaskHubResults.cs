using System.Threading.Channels;
using Grpc.Core;
using Workflows.DurableTask.Protocol;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Sidecar.Rpc;

/// <summary>Takes the results of a whole worker connection on one stream.</summary>
internal sealed class TaskHubResults(TaskHubHost host) : TaskHubResultsService.TaskHubResultsServiceBase
{
    private const int MostInMessage = 256;

    public override async Task CompleteWorkItems(
        IAsyncStreamReader<WorkItemResults> requestStream,
        IServerStreamWriter<WorkItemReceipts> responseStream,
        ServerCallContext context)
    {
        TaskHubEngine engine = host.Engine;
        string hub = TaskHubService.Hub(context);
        var receipts = Channel.CreateUnbounded<WorkItemReceipt>(new UnboundedChannelOptions { SingleReader = true });
        await context.WriteResponseHeadersAsync([]);
        Task sending = SendAsync(receipts.Reader, responseStream);
        var open = new HashSet<Task>();
        try
        {
            while (await requestStream.MoveNext(context.CancellationToken))
            {
                open.RemoveWhere(task => task.IsCompleted);
                foreach (WorkItemResult result in requestStream.Current.Results)
                {
                    open.Add(CompleteAsync(engine, hub, result, receipts.Writer));
                }
            }
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            // The worker hung up, or its connection broke, which the call's own token may show a moment later; what
            // it has sent is taken all the same.
        }
        finally
        {
            await Task.WhenAll(open);
            receipts.Writer.Complete();
            await sending;
        }
    }

    private static async Task CompleteAsync(
        TaskHubEngine engine, string hub, WorkItemResult result, ChannelWriter<WorkItemReceipt> receipts)
    {
        var receipt = new WorkItemReceipt { Number = result.Number };
        try
        {
            await (result.ResultCase switch
            {
                WorkItemResult.ResultOneofCase.Orchestrator => engine.CompleteEpisodeAsync(hub, result.Orchestrator),
                WorkItemResult.ResultOneofCase.Activity => engine.CompleteActivityAsync(hub, result.Activity),
                WorkItemResult.ResultOneofCase.Entity => engine.CompleteEntityAsync(hub, result.Entity),
                _ => throw new RpcException(new Status(StatusCode.InvalidArgument, "The message holds no result.")),
            });
        }
        catch (RpcException refusal)
        {
            receipt.Status = (int)refusal.StatusCode;
            receipt.Detail = refusal.Status.Detail;
        }

        receipts.TryWrite(receipt);
    }

    private static async Task SendAsync(
        ChannelReader<WorkItemReceipt> receipts, IServerStreamWriter<WorkItemReceipts> stream)
    {
        bool isOpen = true;
        while (await receipts.WaitToReadAsync())
        {
            var message = new WorkItemReceipts();
            while (message.Receipts.Count < MostInMessage && receipts.TryRead(out WorkItemReceipt? receipt))
            {
                message.Receipts.Add(receipt);
            }

            try
            {
                if (isOpen)
                {
                    await stream.WriteAsync(message);
                }
            }
            catch (Exception error) when (error is InvalidOperationException or IOException)
            {
                // The worker hung up: nobody is left to read receipts. Their results are stored.
                isOpen = false;
            }
        }
    }
}
