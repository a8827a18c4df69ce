using Grpc.Core;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Provisioning;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>Serves the stream of every worker. Workers dial in; nothing here connects to a VM.</summary>
internal sealed partial class WorkerGatewayService(
    JobBook jobs, NodeSecrets secrets, DurableTaskClient client, ILogger<WorkerGatewayService> logger)
    : WorkerGateway.WorkerGatewayBase
{
    private const double HeartbeatSeconds = 5;

    public override async Task Connect(
        IAsyncStreamReader<WorkerMessage> requestStream, IServerStreamWriter<GatewayMessage> responseStream,
        ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        if (!await requestStream.MoveNext(cancellation)
            || requestStream.Current.KindCase != WorkerMessage.KindOneofCase.Hello)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "The first message must be Hello."));
        }

        var hello = requestStream.Current.Hello;
        if (!RunId.TryParse(hello.RunId, out var runId) || !NodeName.TryParse(hello.NodeName, out var nodeName)
            || !secrets.IsRight(runId, nodeName, hello.Secret) || jobs.IsRevoked(runId, nodeName))
        {
            Log.Refused(logger, hello.NodeName, hello.RunId);
            throw new RpcException(new Status(
                StatusCode.Unauthenticated, "This node is not, or no longer, a node of this run."));
        }

        var connection = jobs.Open(runId, nodeName);
        Log.Connected(logger, nodeName, runId, hello.Device);
        try
        {
            await responseStream.WriteAsync(
                new GatewayMessage { Welcome = new Welcome { HeartbeatSeconds = HeartbeatSeconds } }, cancellation);
            var listening = ListenAsync(runId, nodeName, connection, requestStream, cancellation);
            await foreach (var message in connection.Outgoing.ReadAllAsync(cancellation))
            {
                await responseStream.WriteAsync(message, cancellation);
            }

            // Closed from this side: the node was given back, or connected anew. Ending the call ends the listening.
            _ = listening;
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // The worker went away; the orchestration notices by its silence or by the node's state.
        }
        finally
        {
            jobs.Closed(runId, nodeName, connection);
            Log.Disconnected(logger, nodeName, runId);
        }
    }

    private async Task ListenAsync(
        RunId runId, NodeName nodeName, Connection connection, IAsyncStreamReader<WorkerMessage> requests,
        CancellationToken cancellation)
    {
        try
        {
            while (await requests.MoveNext(cancellation))
            {
                jobs.Heard(runId, nodeName);
                switch (requests.Current.KindCase)
                {
                    case WorkerMessage.KindOneofCase.Progress:
                        jobs.Report(runId, requests.Current.Progress);
                        break;
                    case WorkerMessage.KindOneofCase.JobEnded:
                        await EndAsync(runId, connection, requests.Current.JobEnded, cancellation);
                        break;
                    case WorkerMessage.KindOneofCase.Draining:
                        Log.Draining(logger, nodeName, requests.Current.Draining.NoticeSeconds);
                        break;
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException
            || (exception is RpcException or InvalidOperationException && cancellation.IsCancellationRequested))
        {
            // The stream broke; the worker connects again or is lost.
        }
        finally
        {
            connection.Close();
        }
    }

    private async Task EndAsync(
        RunId runId, Connection connection, JobEnded ended, CancellationToken cancellation)
    {
        var replyTo = jobs.End(runId, ended);
        connection.Send(new GatewayMessage { JobEndedAck = new JobEndedAck { JobId = ended.JobId } });
        if (replyTo is null)
        {
            return;
        }

        try
        {
            await client.RaiseEventAsync(replyTo, RunEvents.JobEnded, ended.JobId, cancellation);
        }
        catch (RpcException exception)
        {
            // The end is in the ledger; the orchestration's next look finds it there.
            Log.NotTold(logger, replyTo, exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            4100, LogLevel.Information, "Worker of {Node} connected for run {RunId}, computing on {Device}.")]
        public static partial void Connected(ILogger logger, NodeName node, RunId runId, string device);

        [LoggerMessage(4101, LogLevel.Information, "Worker of {Node} disconnected from run {RunId}.")]
        public static partial void Disconnected(ILogger logger, NodeName node, RunId runId);

        [LoggerMessage(4102, LogLevel.Warning, "Refused a worker that says it is {Node} of run {RunId}.")]
        public static partial void Refused(ILogger logger, string node, string runId);

        [LoggerMessage(4103, LogLevel.Warning, "The worker of {Node} will be gone in {Seconds} s; it is saving.")]
        public static partial void Draining(ILogger logger, NodeName node, double seconds);

        [LoggerMessage(4104, LogLevel.Warning, "Could not wake {InstanceId} now; its next look will find the end.")]
        public static partial void NotTold(ILogger logger, string instanceId, Exception exception);
    }
}
