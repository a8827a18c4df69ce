using System.Threading.Channels;
using Grpc.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>
/// The engine's one thread of control. Everything that reads or changes instances and entities runs here, one request
/// after another, and collects changes in a batch; the store commits batches in order. Answers to clients, and
/// activities, leave only after the commit of the batch that they depend on.
/// </summary>
/// <remarks>Episodes need not wait for a commit: an orchestrator has no effects besides its result, and the result is
/// committed after all of its inputs. A crash between the two loses both.</remarks>
internal sealed class EngineLoop(TaskHubStore store, TimeProvider time, ILogger logger)
{
    private const int MostRequestsInBatch = 256;

    private readonly Channel<Action> _requests = Channel.CreateUnbounded<Action>(
        new UnboundedChannelOptions { SingleReader = true });

    private StoreBatch _batch = new();
    private List<Action>? _afterCommit;
    private Task _running = Task.CompletedTask;
    private volatile bool _isStopping;
    private Exception? _fault;

    /// <summary>The store that receives changes.</summary>
    public TaskHubStore Store { get; } = store;

    /// <summary>The clock of all times in the engine.</summary>
    public TimeProvider Time { get; } = time;

    /// <summary>The log of the engine.</summary>
    public ILogger Logger { get; } = logger;

    /// <summary>Gets a value indicating whether the engine refuses new requests and hands out no work.</summary>
    public bool IsStopping => _isStopping;

    /// <summary>The error that stopped the engine; null while it runs and after a requested stop.</summary>
    public Exception? Fault => _fault;

    /// <summary>Called after each batch of requests, before its commit is queued.</summary>
    public Action? AfterRequests { get; set; }

    /// <summary>Called once, on the engine's thread, when the engine begins to stop.</summary>
    public Action? Stopped { get; set; }

    /// <summary>Raised when a commit has failed and the engine has stopped.</summary>
    public event Action? Faulted;

    /// <summary>Starts to run requests.</summary>
    public void Start()
    {
        Store.Faulted += error => Post(() => Stop(error));
        _running = Task.Run(RunAsync);
    }

    /// <summary>Completes when the last request has run; nothing can be posted after that.</summary>
    public async Task CompleteAsync()
    {
        Post(() => _requests.Writer.TryComplete());
        await _running;
    }

    /// <summary>Queues a request; false if the loop has ended.</summary>
    public bool Post(Action request) => _requests.Writer.TryWrite(request);

    /// <summary>Runs a request on the engine's thread; it answers through the source.</summary>
    public Task<T> AskAsync<T>(Action<TaskCompletionSource<T>> request)
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

    /// <summary>Adds a change to the batch.</summary>
    public void Write(StoreOperation change) => _batch.Operations.Add(change);

    /// <summary>Answers once all changes so far are durable.</summary>
    public void Answer<T>(TaskCompletionSource<T> answer, T value)
    {
        _batch.Committed.Add(() => answer.TrySetResult(value));
        _batch.Failed.Add(error => answer.TrySetException(
            new RpcException(new Status(StatusCode.Unavailable, $"The change could not be stored: {error.Message}"))));
    }

    /// <summary>Runs an action on the engine's thread once all changes so far are durable.</summary>
    public void AfterCommit(Action action) => (_afterCommit ??= []).Add(action);

    /// <summary>Stops handing out work and refuses new requests. Idempotent.</summary>
    /// <param name="fault">The error that stops it; null for a requested stop.</param>
    public void Stop(Exception? fault)
    {
        bool isFirst = !_isStopping;
        _isStopping = true;
        if (fault is not null && _fault is null)
        {
            _fault = fault;
            Faulted?.Invoke();
        }

        if (isFirst)
        {
            Stopped?.Invoke();
        }
    }

    /// <summary>Creates the error of every call while the engine stops.</summary>
    public static RpcException Stopping() => new(new Status(StatusCode.Unavailable, "The engine is stopping."));

    private async Task RunAsync()
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

                AfterRequests?.Invoke();
                Flush();
            }
            catch (Exception error)
            {
                // A boundary: state in memory may be half changed, so none of it may be written to the disk, which is
                // consistent. The loop continues only to refuse the remaining requests.
                EngineLog.EngineFailed(Logger, error);
                DropBatch(error);
                Stop(error);
            }
        }
    }

    private void DropBatch(Exception error)
    {
        StoreBatch lost = _batch;
        _batch = new StoreBatch();
        _afterCommit = null;
        lost.Failed.ForEach(failed => failed(error));
    }

    private void Flush()
    {
        if (_batch.IsEmpty && _afterCommit is null)
        {
            return;
        }

        if (_fault is not null)
        {
            // Changes after a fault must not be written to the disk.
            DropBatch(_fault);
            return;
        }

        if (_afterCommit is { } actions)
        {
            _afterCommit = null;
            _batch.Committed.Add(() => Post(() =>
            {
                Store.Reach?.Invoke(FaultPoint.AfterAnswerBeforeDispatch);
                actions.ForEach(action => action());
            }));
        }

        Store.Reach?.Invoke(FaultPoint.AfterDecideBeforeEnqueue);
        Store.Enqueue(_batch);
        _batch = new StoreBatch();
    }
}
