using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Sidecar.Rpc;

/// <summary>Sends a connection its work items and health pings.</summary>
internal static class WorkSender
{
    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);

    /// <summary>Connects a worker; completes when its stream ends.</summary>
    public static async Task RunAsync<T>(
        TaskHubHost host,
        GetWorkItemsRequest request,
        bool isEncoded,
        Func<WorkItemFrame, T> form,
        IServerStreamWriter<T> stream,
        ServerCallContext context)
    {
        TaskHubEngine engine = host.Engine;
        WorkerSession session = await engine.Work.ConnectAsync(TaskHubService.Hub(context), request, isEncoded);
        try
        {
            // Headers are sent now, not with the first item, since clients abandon a call without headers.
            await context.WriteResponseHeadersAsync([]);
            await using ITimer ping = host.Time.CreateTimer(
                _ => session.Items.Writer.TryWrite(new WorkItemFrame(new WorkItem { HealthPing = new() })),
                null,
                host.Options.HealthPingInterval,
                host.Options.HealthPingInterval);
            await SendAsync(session, form, stream, context.CancellationToken);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            // The worker disconnected, or its connection broke: the call's own token may be cancelled a moment later.
        }
        finally
        {
            engine.Work.Disconnect(session);
        }
    }

    private static async Task SendAsync<T>(
        WorkerSession session,
        Func<WorkItemFrame, T> form,
        IServerStreamWriter<T> stream,
        CancellationToken cancellation)
    {
        while (await session.Items.Reader.WaitToReadAsync(cancellation))
        {
            while (session.Items.Reader.TryRead(out WorkItemFrame? item))
            {
                // While more items wait, they share a flush.
                stream.WriteOptions = session.Items.Reader.TryPeek(out _) ? Buffered : null;
                await stream.WriteAsync(form(item), cancellation);
            }
        }
    }
}
