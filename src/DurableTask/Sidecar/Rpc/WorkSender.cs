using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Sidecar.Rpc;

/// <summary>Sends a connection its work items and health pings.</summary>
internal static class WorkSender
{
    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);

    /// <summary>Connects a worker; ends when its stream does.</summary>
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
            // Headers now, not with the first item: clients give up on a call without headers.
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
            // The worker hung up, or its connection broke: the call's own token may come a moment after that.
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
                // While more is waiting, items share a flush.
                stream.WriteOptions = session.Items.Reader.TryPeek(out _) ? Buffered : null;
                await stream.WriteAsync(form(item), cancellation);
            }
        }
    }
}
