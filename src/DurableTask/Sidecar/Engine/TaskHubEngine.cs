using System.Threading.Channels;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>
/// The engine's one thread of control. Everything that reads or changes instances runs here, one request after another,
/// and collects changes in a batch; the store commits batches in order. Answers to callers, and activities, leave only
/// after the commit of the batch that they depend on.
/// </summary>
/// <remarks>Episodes need not wait for a commit: an orchestrator has no effects beside its result, and the result is
/// committed after everything that it was given. A crash between the two loses both.</remarks>
internal sealed partial class TaskHubEngine
{
    private const int MostRequestsInBatch = 256;

    private readonly TaskHubStore _store;
    private readonly TaskHubSidecarOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Channel<Action> _requests = Channel.CreateUnbounded<Action>(
        new UnboundedChannelOptions { SingleReader = true });

    private readonly Dictionary<(string Hub, string Id), InstanceSlot> _live = [];
    private readonly HashSet<InstanceSlot> _parked = [];
    private readonly Task _loop;
    private StoreBatch _batch = new();
    private List<Action>? _afterCommit;
    private long _lastKey;
    private volatile bool _isStopping;
    private Exception? _fault;

    public TaskHubEngine(TaskHubStore store, TaskHubSidecarOptions options, TimeProvider time, ILogger logger)
    {
        _store = store;
        _options = options;
        _time = time;
        _logger = logger;
        _clock = time.CreateTimer(_ => Post(FireTimers), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        store.Faulted += error => Post(() => Stop(error));
        Recover();
        if (options.Retention is not null)
        {
            Post(Expire);
        }

        _loop = Task.Run(LoopAsync);
    }

    /// <summary>The error that stopped the engine.</summary>
    public Exception? Fault => _fault;

    /// <summary>Raised when a commit failed and the engine has stopped.</summary>
    public event Action? Faulted;

    /// <summary>Stops handing out work, ends worker connections and waits, and refuses new requests.
    /// Idempotent.</summary>
    public void BeginStop() => Post(() => Stop(null));

    /// <summary>Finishes what was begun, then commits and closes the store.</summary>
    public async Task StopAsync()
    {
        BeginStop();
        Post(() => _requests.Writer.TryComplete());
        await _loop;
        await _clock.DisposeAsync();
        _store.Dispose();
    }

    private Timestamp Now() => Timestamp.FromDateTimeOffset(_time.GetUtcNow());

    /// <summary>Runs a request on the engine's thread; it answers through the source.</summary>
    private Task<T> AskAsync<T>(Action<TaskCompletionSource<T>> request)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isPosted = Post(() =>
        {
            try
            {
                if (_isStopping)
                {
                    throw Stopping();
                }

                request(answer);
            }
            catch (RpcException refusal)
            {
                answer.TrySetException(refusal);
            }
            catch (Exception error)
            {
                answer.TrySetException(new RpcException(new Status(StatusCode.Unavailable, error.Message)));
                throw;
            }
        });
        if (!isPosted)
        {
            answer.TrySetException(Stopping());
        }

        return answer.Task;
    }

    private static RpcException Stopping() => new(new Status(StatusCode.Unavailable, "The engine is stopping."));

    private bool Post(Action request) => _requests.Writer.TryWrite(request);

    private async Task LoopAsync()
    {
        while (await _requests.Reader.WaitToReadAsync())
        {
            try
            {
                int count = 0;
                while (count++ < MostRequestsInBatch && _requests.Reader.TryRead(out Action? request))
                {
                    request();
                }

                if (_wakeAt <= _time.GetUtcNow())
                {
                    // The clock was set forwards, or its timer is late: what is due does not wait for it.
                    FireTimers();
                }

                Pump();
                Flush();
                Publish();
            }
            catch (Exception error)
            {
                // A boundary: state in memory may be half changed, so nothing of it may reach the disk, which is
                // consistent. The loop goes on to refuse what is still asked.
                Log.EngineFailed(_logger, error);
                Abort(error);
            }
        }
    }

    private void Abort(Exception error)
    {
        DropBatch(error);
        Stop(error);
    }

    private void DropBatch(Exception error)
    {
        StoreBatch lost = _batch;
        _batch = new StoreBatch();
        _afterCommit = null;
        lost.Failed.ForEach(failed => failed(error));
    }

    /// <summary>Answers once everything changed so far is durable.</summary>
    private void Answer<T>(TaskCompletionSource<T> answer, T value)
    {
        _batch.Committed.Add(() => answer.TrySetResult(value));
        _batch.Failed.Add(error => answer.TrySetException(
            new RpcException(new Status(StatusCode.Unavailable, $"The change could not be stored: {error.Message}"))));
    }

    /// <summary>Runs on the engine's thread once everything changed so far is durable.</summary>
    private void AfterCommit(Action action) => (_afterCommit ??= []).Add(action);

    private void Flush()
    {
        if (_batch.IsEmpty && _afterCommit is null)
        {
            return;
        }

        if (_fault is not null)
        {
            // Whoever still changes something after a fault must not bring the memory to the disk.
            DropBatch(_fault);
            return;
        }

        if (_afterCommit is { } actions)
        {
            _afterCommit = null;
            _batch.Committed.Add(() => Post(() =>
            {
                _store.Reach?.Invoke(FaultPoint.AfterAnswerBeforeDispatch);
                actions.ForEach(action => action());
            }));
        }

        _store.Reach?.Invoke(FaultPoint.AfterDecideBeforeEnqueue);
        _store.Enqueue(_batch);
        _batch = new StoreBatch();
    }

    private void Publish()
    {
        int queued = 0;
        foreach (Route route in _routes.Values)
        {
            queued += route.Count;
        }

        _store.Instruments.Publish(new EngineGauges(
            _live.Count, _parked.Count, queued, _handedOut.Count + _handedOutEntities.Count, _sessions.Count));
    }

    private void Recover()
    {
        _lastKey = _store.LastKey();
        foreach (RecoveredInstance recovered in _store.LoadUnfinished())
        {
            var slot = new InstanceSlot(recovered.Key, recovered.State, recovered.NextSequence);
            _live[(slot.State.Hub, slot.State.Id)] = slot;
            if (slot.State.Parked is not null)
            {
                _parked.Add(slot);
            }

            foreach ((int id, Timestamp fireAt) in slot.State.OpenTimers)
            {
                Arm(slot, id, fireAt);
            }

            foreach (int id in slot.State.OpenActivities.Keys)
            {
                QueueActivity(slot, id, attempt: 0);
            }

            QueueEpisode(slot, attempt: 0);
        }

        RecoverEntities();
        Log.Recovered(_logger, _live.Count);
    }

    private void Stop(Exception? fault)
    {
        bool isFirst = !_isStopping;
        _isStopping = true;
        if (fault is not null && _fault is null)
        {
            _fault = fault;
            Faulted?.Invoke();
        }

        if (!isFirst)
        {
            return;
        }

        foreach (WorkerSession session in _sessions)
        {
            session.Items.Writer.TryComplete();
        }

        foreach (InstanceSlot slot in _live.Values)
        {
            slot.Waiters.ForEach(waiter => waiter.Result.TrySetException(Stopping()));
            slot.Waiters.Clear();
        }
    }
}
