using System.Threading.RateLimiting;
using Grpc.Core;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Provisioning;
using Workflows.Orchestrations;
using Workflows.Service.Logs;
using Workflows.Service.Runs;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>Serves the stream of every worker. Workers connect to the service; it never connects to a VM.</summary>
internal sealed partial class WorkerGatewayService(
    JobBook jobs, NodeSecrets secrets, DurableTaskClient client, WorkerLogs logs, IHostApplicationLifetime lifetime,
    TimeProvider clock, ILogger<WorkerGatewayService> logger)
    : WorkerGateway.WorkerGatewayBase
{
    private const double HeartbeatSeconds = 5;
    private const int MostShown = 200;

    /// <summary>A caller that has not said who it is by then holds a stream for nothing.</summary>
    private static readonly TimeSpan HelloLimit = TimeSpan.FromSeconds(30);

    public override async Task Connect(
        IAsyncStreamReader<WorkerMessage> requestStream, IServerStreamWriter<GatewayMessage> responseStream,
        ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        var hello = await HelloAsync(requestStream, cancellation);
        hello.Device = SafeText.Of(hello.Device, MostShown);
        if (!RunId.TryParse(hello.RunId, out var runId) || !NodeName.TryParse(hello.NodeName, out var nodeName)
            || !secrets.IsRight(runId, nodeName, hello.Secret)
            || jobs.IsRevoked(runId = jobs.OwnerOf(runId, nodeName), nodeName))
        {
            Log.Refused(
                logger, SafeText.Of(hello.NodeName, MostShown), SafeText.Of(hello.RunId, MostShown));
            throw new RpcException(new Status(
                StatusCode.Unauthenticated, "This node is not, or no longer, a node of this run."));
        }

        if (!hello.KeepsRunsApart && hello.RunId != runId.Value)
        {
            // Silent from now on, so that the run loses this node, and rents another one.
            Log.TooOld(logger, nodeName, hello.RunId, runId);
            throw new RpcException(new Status(
                StatusCode.Unauthenticated,
                "This worker is older than the service, and mixes the results of two runs: set a newer worker image."));
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var (listening, following) = (Task.CompletedTask, Task.CompletedTask);
        var connection = Open(runId, nodeName, hello.Device);
        Log.Connected(logger, nodeName, runId, hello.Device);

        // A worker never ends its stream, and a server that stops waits for those that are open until the host loses
        // its patience after half a minute. The worker connects again, to the next service.
        using var stopping = lifetime.ApplicationStopping.Register(connection.Close);
        try
        {
            await responseStream.WriteAsync(
                new GatewayMessage { Welcome = new Welcome { HeartbeatSeconds = HeartbeatSeconds } }, cancellation);
            listening = ListenAsync(runId, nodeName, connection, requestStream, ending.Token);
            following = jobs.FollowAsync(runId, nodeName, connection, ending.Token);
            await foreach (var message in connection.Outgoing.ReadAllAsync(cancellation))
            {
                await responseStream.WriteAsync(message, cancellation);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException
            || (exception is InvalidOperationException && cancellation.IsCancellationRequested))
        {
            // The worker disconnected; the orchestration detects that by its silence or by the node's state.
        }
        finally
        {
            jobs.Closed(runId, nodeName, connection);

            // The stream is also closed from this side, when the node is released or connects again. A call must not
            // end while it reads.
            await ending.CancelAsync();
            await listening;
            await following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Log.Disconnected(logger, nodeName, runId);
        }
    }

    private async Task<Hello> HelloAsync(
        IAsyncStreamReader<WorkerMessage> requests, CancellationToken cancellation)
    {
        using var silence = new CancellationTokenSource(HelloLimit, clock);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(
            cancellation, silence.Token, lifetime.ApplicationStopping);
        try
        {
            if (await requests.MoveNext(limit.Token) && requests.Current.KindCase == WorkerMessage.KindOneofCase.Hello)
            {
                return requests.Current.Hello;
            }
        }
        catch (Exception exception) when (cancellation.IsCancellationRequested || exception is IOException)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "The stream broke before its Hello."));
        }
        catch (Exception) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The service stops; connect again."));
        }
        catch (Exception) when (silence.IsCancellationRequested)
        {
            throw new RpcException(new Status(
                StatusCode.DeadlineExceeded, $"No Hello within {HelloLimit.TotalSeconds} s of the connection."));
        }

        throw new RpcException(new Status(StatusCode.InvalidArgument, "The first message must be Hello."));
    }

    /// <summary>Registers a worker; while the disk refuses its run's ledger it is sent away, to come again.</summary>
    private Connection Open(RunId runId, NodeName nodeName, string device)
    {
        try
        {
            jobs.Found(runId, nodeName, device);
            var connection = jobs.Open(runId, nodeName);
            if (jobs.OwnerOf(runId, nodeName) != runId)
            {
                // Handed on while it connected, too late to be told: it connects again, for its new run.
                connection.Close();
            }

            return connection;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Log.NotOpened(logger, nodeName, runId, exception.Message);
            throw new RpcException(new Status(
                StatusCode.Unavailable, "The service cannot use its state folder now; connect again."));
        }
    }

    private async Task ListenAsync(
        RunId runId, NodeName nodeName, Connection connection, IAsyncStreamReader<WorkerMessage> requests,
        CancellationToken cancellation)
    {
        // A worker sends a few messages a second; this limits how fast the messages of one are read.
        using var rate = new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions
        {
            TokenLimit = 200,
            TokensPerPeriod = 20,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            QueueLimit = 1,
        });
        var told = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            while (await requests.MoveNext(cancellation))
            {
                using var _ = await rate.AcquireAsync(1, cancellation);
                jobs.Heard(runId, nodeName);
                await TakeAsync(runId, nodeName, connection, requests.Current, told, cancellation);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException
            || (exception is RpcException or InvalidOperationException && cancellation.IsCancellationRequested))
        {
            // The stream broke; the worker reconnects or is lost.
        }
        catch (Exception exception)
        {
            // An error such as a message that is too large ends this stream only.
            Log.Broken(logger, nodeName, runId, exception);
        }
        finally
        {
            connection.Close();
        }
    }

    /// <summary>Handles one message; a disk error is logged once, and the worker continues.</summary>
    private async Task TakeAsync(
        RunId runId, NodeName nodeName, Connection connection, WorkerMessage message, HashSet<string> told,
        CancellationToken cancellation)
    {
        try
        {
            switch (message.KindCase)
            {
                case WorkerMessage.KindOneofCase.Progress:
                    if (jobs.Report(runId, nodeName, message.Progress) is { } fault && told.Add(fault))
                    {
                        Log.NotTaken(logger, nodeName, runId, fault);
                    }

                    break;
                case WorkerMessage.KindOneofCase.JobEnded:
                    await EndAsync(runId, nodeName, connection, message.JobEnded, told, cancellation);
                    break;
                case WorkerMessage.KindOneofCase.LogLines:
                    if (logs.Take(runId, nodeName, message.LogLines) is { } ack)
                    {
                        connection.Send(new GatewayMessage { LogAck = ack });
                    }

                    break;
                case WorkerMessage.KindOneofCase.Draining:
                    jobs.Drain(runId, nodeName, message.Draining);
                    Log.Draining(
                        logger, nodeName, message.Draining.NoticeSeconds, message.Draining.CheckpointStep);
                    break;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The worker sends an end again until it is acknowledged.
            if (told.Add("disk"))
            {
                Log.NotWritten(logger, nodeName, runId, exception);
            }
        }
    }

    private async Task EndAsync(
        RunId runId, NodeName nodeName, Connection connection, JobEnded ended, HashSet<string> told,
        CancellationToken cancellation)
    {
        var replyTo = jobs.End(runId, nodeName, ended);
        if (replyTo is null && told.Add("job_ended.job_id"))
        {
            Log.NotTaken(logger, nodeName, runId, "job_ended.job_id");
        }

        // Sent even for an unknown job, since the worker would repeat its end forever.
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
            // The end is in the ledger, where the orchestration's next poll finds it.
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

        [LoggerMessage(
            4103, LogLevel.Warning,
            "The worker of {Node} will be gone in {Seconds} s; its newest checkpoint is of step {Step}.")]
        public static partial void Draining(ILogger logger, NodeName node, double seconds, int step);

        [LoggerMessage(4105, LogLevel.Warning,
            "The worker of {Node} of run {RunId} sends a {Field} that cannot be; such messages are left out.")]
        public static partial void NotTaken(ILogger logger, NodeName node, RunId runId, string field);

        [LoggerMessage(4106, LogLevel.Error,
            "A message of the worker of {Node} of run {RunId} could not be written to disk; its end will come again.")]
        public static partial void NotWritten(ILogger logger, NodeName node, RunId runId, Exception exception);

        [LoggerMessage(4107, LogLevel.Warning, "The stream of the worker of {Node} of run {RunId} broke.")]
        public static partial void Broken(ILogger logger, NodeName node, RunId runId, Exception exception);

        [LoggerMessage(4108, LogLevel.Error,
            "The worker of {Node} of run {RunId} is sent away, since the run's ledger cannot be used: {Reason}")]
        public static partial void NotOpened(ILogger logger, NodeName node, RunId runId, string reason);

        [LoggerMessage(
            4109, LogLevel.Warning,
            "The worker of {Node} is sent away: it has worked for run {Giver}, and its version could continue the "
            + "training of that run as one of run {RunId}. Set the service's own version of the worker image.")]
        public static partial void TooOld(ILogger logger, NodeName node, string giver, RunId runId);

        [LoggerMessage(4104, LogLevel.Warning, "Could not wake {InstanceId} now; its next look will find the end.")]
        public static partial void NotTold(ILogger logger, string instanceId, Exception exception);
    }
}
