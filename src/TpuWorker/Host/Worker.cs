using System.Reflection;
using System.Threading.Channels;
using Grpc.Core;
using Grpc.Net.Client;
using Workflows.TpuWorker.Host.Devices;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// Keeps one stream to the gateway open and runs the jobs that it sends. A broken stream does not stop a job: the work
/// continues, and its end is sent repeatedly until the gateway has acknowledged it.
/// </summary>
internal sealed class Worker : IDisposable
{
    /// <summary>
    /// Time without the service after which the worker stops, so that the VM's own timer can end the cost.
    /// </summary>
    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromMinutes(15);

    /// <summary>Time that a job gets to save its work, out of the 30 seconds' notice of a spot VM.</summary>
    private static readonly TimeSpan Notice = TimeSpan.FromSeconds(25);

    /// <summary>Most time for the gateway to read the last messages.</summary>
    internal static readonly TimeSpan Farewell = TimeSpan.FromSeconds(4);

    private readonly WorkerIdentity _identity;
    private readonly MetadataServer _metadata;
    private readonly TimeProvider _clock;
    private readonly WorkerLog _log;
    private readonly IReadOnlyList<GrpcChannel> _channels;
    private readonly IDevice _device;
    private readonly JobFiles _files;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, JobEnded> _unacknowledged = new(StringComparer.Ordinal);

    /// <summary>Ends of jobs, told again to a service that gives such a job: one that was restored from a backup has
    /// forgotten that it acknowledged the end.</summary>
    private readonly Dictionary<string, JobEnded> _finished = new(StringComparer.Ordinal);

    private Channel<WorkerMessage> _outgoing = Channel.CreateUnbounded<WorkerMessage>();
    private string _currentJob = "";
    private CancellationTokenSource? _jobStop;
    private Task _job = Task.CompletedTask;
    private Task _conversation = Task.CompletedTask;
    private readonly FinishOrders _finishes = new();
    private JobRunner? _runner;
    private bool _isDraining;

    public Worker(
        WorkerIdentity identity, MetadataServer metadata, IDevice device, JobFiles files, TimeProvider clock,
        WorkerLog log)
    {
        (_identity, _metadata, _device, _files, _clock, _log) = (identity, metadata, device, files, clock, log);
        _channels = [.. identity.Gateways.Select(gateway => GrpcChannel.ForAddress(gateway, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                ConnectTimeout = TimeSpan.FromSeconds(10),
                KeepAlivePingDelay = TimeSpan.FromSeconds(20),
                KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
                SslOptions = GatewayTrust.Options(identity.Certificate),
            },
        }))];
    }

    /// <summary>Works until it is stopped, refused, or abandoned.</summary>
    /// <param name="told">Cancelled when the VM is about to be preempted. The stream stays open until the job is
    /// saved.</param>
    /// <returns>The process's exit code.</returns>
    public async Task<int> RunAsync(CancellationToken told)
    {
        using var hangUp = new CancellationTokenSource();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(told);
        var draining = DrainAsync(hangUp, told, over.Token);
        try
        {
            return await WorkAsync(hangUp.Token);
        }
        finally
        {
            await over.CancelAsync();
            await draining;
        }
    }

    private async Task<int> WorkAsync(CancellationToken cancellation)
    {
        var gateway = 0;
        var lastContact = _clock.GetTimestamp();
        var pause = TimeSpan.FromMilliseconds(200);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                if (await ConverseAsync(new WorkerGateway.WorkerGatewayClient(_channels[gateway]), cancellation))
                {
                    lastContact = _clock.GetTimestamp();
                    pause = TimeSpan.FromMilliseconds(200);
                }
            }
            catch (RpcException exception) when (exception.StatusCode == StatusCode.Unauthenticated)
            {
                await _log.WriteLineAsync($"The gateway refused this node: {exception.Status.Detail}");
                await StopJobAsync();
                return ExitCodes.Refused;
            }
            catch (Exception) when (cancellation.IsCancellationRequested)
            {
                // Stopped while it was connecting: the error does not matter, only the job's checkpoint does.
            }
            catch (Exception exception) when (exception is RpcException or IOException or OperationCanceledException)
            {
                await _log.WriteLineAsync($"Not connected to {_identity.Gateways[gateway]}: {exception.Message}");
            }

            if (_clock.GetElapsedTime(lastContact) > AbandonedAfter)
            {
                await _log.WriteLineAsync($"The service was out of reach for {AbandonedAfter}; stopping.");
                await StopJobAsync();
                return ExitCodes.Abandoned;
            }

            // The stream is over: the service may have died, and another one goes on with its runs.
            gateway = (gateway + 1) % _channels.Count;
            await Task.Delay(pause, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = TimeSpan.FromSeconds(Math.Min(5, pause.TotalSeconds * 1.5));
        }

        return ExitCodes.Stopped;
    }

    /// <summary>
    /// When the VM is about to end: stops the job, reports the newest checkpoint at once and again after the job has
    /// saved its work, and disconnects.
    /// </summary>
    private async Task DrainAsync(
        CancellationTokenSource hangUp, CancellationToken told, CancellationToken over)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (told.IsCancellationRequested)
        {
            _isDraining = true;
            Say(Draining());
            await StopJobAsync();
            Say(Draining());
            SayLog();
            Task conversation;
            lock (_lock)
            {
                _outgoing.Writer.TryComplete();
                conversation = _conversation;
            }

            // The gateway ends the stream once it has read the last message. Hanging up before that resets the stream,
            // and what the gateway has not read yet is lost with it.
            await Task.WhenAny(conversation, Task.Delay(Farewell, _clock, CancellationToken.None));
        }

        await hangUp.CancelAsync();
    }

    private WorkerMessage Draining()
    {
        var draining = _runner?.Draining() ?? new Draining();
        (draining.NoticeSeconds, draining.JobId) = (Notice.TotalSeconds, _currentJob);
        return new WorkerMessage { Draining = draining };
    }

    public void Dispose()
    {
        _jobStop?.Dispose();
        foreach (var channel in _channels)
        {
            channel.Dispose();
        }
    }

    /// <summary>Handles one stream, from Hello until it ends.</summary>
    /// <returns>true if the gateway sent anything.</returns>
    private async Task<bool> ConverseAsync(WorkerGateway.WorkerGatewayClient client, CancellationToken cancellation)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var call = client.Connect(cancellationToken: ended.Token);
        var outgoing = Channel.CreateUnbounded<WorkerMessage>();
        await call.RequestStream.WriteAsync(Hello(), ended.Token);
        lock (_lock)
        {
            _outgoing = outgoing;
            _log.Outbox.Rewind();
            foreach (var end in _unacknowledged.Values)
            {
                outgoing.Writer.TryWrite(new WorkerMessage { JobEnded = end });
            }
        }

        var heard = false;
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _conversation = over.Task;
        }

        var speaking = SpeakAsync(call.RequestStream, outgoing.Reader, ended.Token);
        try
        {
            await foreach (var message in call.ResponseStream.ReadAllAsync(ended.Token))
            {
                heard = true;
                Obey(message);
            }
        }
        catch (RpcException exception) when (heard && exception.StatusCode != StatusCode.Unauthenticated)
        {
            await _log.WriteLineAsync($"The stream broke: {exception.Status.Detail}");
        }
        finally
        {
            outgoing.Writer.TryComplete();
            await ended.CancelAsync();
            await speaking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            over.SetResult();
        }

        return heard;
    }

    private WorkerMessage Hello() => new()
    {
        Hello = new Hello
        {
            RunId = _identity.RunId,
            NodeName = _identity.NodeName,
            Secret = _identity.Secret,
            WorkerVersion = Assembly.GetExecutingAssembly().GetName().Version?.ToString() ?? "",
            Device = _device.Description,
            JobId = _currentJob,
            KeepsRunsApart = true,
        },
    };

    /// <summary>Sends the queued messages, and a heartbeat when there are none.</summary>
    private async Task SpeakAsync(
        IClientStreamWriter<WorkerMessage> stream, ChannelReader<WorkerMessage> messages,
        CancellationToken cancellation)
    {
        using var heartbeat = new PeriodicTimer(TimeSpan.FromSeconds(2), _clock);
        var beating = BeatAsync(heartbeat, cancellation);
        await foreach (var message in messages.ReadAllAsync(cancellation))
        {
            await stream.WriteAsync(message, cancellation);
        }

        if (_isDraining)
        {
            // The last message is sent; the other side may end the stream now.
            await stream.CompleteAsync();
            return;
        }

        await beating;
    }

    private async Task BeatAsync(PeriodicTimer timer, CancellationToken cancellation)
    {
        while (await timer.WaitForNextTickAsync(cancellation))
        {
            SayLog();
            Say(new WorkerMessage { Heartbeat = new Heartbeat { JobId = _currentJob } });
        }
    }

    private void Say(WorkerMessage message)
    {
        lock (_lock)
        {
            // After the stream broke the message is dropped, which is right for progress; ends are kept separately.
            _outgoing.Writer.TryWrite(message);
        }
    }

    /// <summary>Sends the next lines of the log; the rest follows with the next heartbeats.</summary>
    private void SayLog()
    {
        if (_log.Outbox.Next() is { } lines)
        {
            Say(lines);
        }
    }

    private void Obey(GatewayMessage message)
    {
        switch (message.KindCase)
        {
            case GatewayMessage.KindOneofCase.Job:
                Begin(message.Job);
                break;
            case GatewayMessage.KindOneofCase.StopJob when message.StopJob.JobId == _currentJob:
                _jobStop?.Cancel();
                break;
            case GatewayMessage.KindOneofCase.FinishJob when message.FinishJob.JobId == _currentJob:
                _finishes.Give(message.FinishJob, () => _runner);
                break;
            case GatewayMessage.KindOneofCase.JobEndedAck:
                lock (_lock)
                {
                    _unacknowledged.Remove(message.JobEndedAck.JobId);
                }

                break;
            case GatewayMessage.KindOneofCase.LogAck:
                _log.Outbox.Acknowledged(message.LogAck);
                break;
        }
    }

    private void Begin(Job job)
    {
        lock (_lock)
        {
            if (job.JobId == _currentJob)
            {
                return;
            }

            if (_finished.TryGetValue(job.JobId, out var end))
            {
                Tell(end);
                return;
            }

            var previous = _job;
            _currentJob = job.JobId;
            _jobStop?.Dispose();
            _jobStop = new CancellationTokenSource();
            var stop = _jobStop.Token;
            _job = Task.Run(async () =>
            {
                await previous.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await DoAsync(job, stop);
            });
        }
    }

    private async Task DoAsync(Job job, CancellationToken stop)
    {
        await _log.WriteLineAsync($"{job.JobId}: begins");
        var runner = new JobRunner(job.JobId, _clock, _device, _files, progress =>
        {
            Say(new WorkerMessage { Progress = progress });
            _ = _metadata.TryPublishAsync("step", $"{progress.Step}");
        }, _log);
        _runner = runner;
        _finishes.Pass(runner);
        var end = await runner.RunAsync(job, stop);
        await _log.WriteLineAsync(
            $"{job.JobId}: {(end.Succeeded ? "done" : $"{end.ErrorCode}: {end.ErrorMessage}")}");
        if (_isDraining && !end.Succeeded)
        {
            // The VM ends, not the job: another VM resumes it.
            return;
        }

        // Before the end, after which the node may be gone at once.
        SayLog();
        lock (_lock)
        {
            _finished[job.JobId] = end;
            if (_currentJob == job.JobId)
            {
                _currentJob = "";
            }

            Tell(end);
        }
    }

    /// <summary>Tells an end until it is acknowledged. The caller holds the lock.</summary>
    private void Tell(JobEnded end)
    {
        _unacknowledged[end.JobId] = end;
        _outgoing.Writer.TryWrite(new WorkerMessage { JobEnded = end });
    }

    private async Task StopJobAsync()
    {
        Task job;
        lock (_lock)
        {
            _jobStop?.Cancel();
            job = _job;
        }

        await Task.WhenAny(job, Task.Delay(Notice));
    }
}
