using System.Collections.Concurrent;
using System.Threading.Channels;
using global::Grpc.Core;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Grpc;

/// <summary>
/// Sends the results of work items over one stream, where the engine offers it, many in a message; every other call,
/// and every result where it does not, goes out as it is. A stream that fails, or is silent for too long, is given up:
/// what it has not acknowledged goes out as a call, too.
/// </summary>
/// <param name="calls">The way to the engine.</param>
/// <param name="limit">How long the stream may take to open, and to acknowledge a result.</param>
/// <param name="time">The clock of that.</param>
internal sealed class ResultStream(CallInvoker calls, TimeSpan limit, TimeProvider time) : CallInvoker, IDisposable
{
    /// <summary>The header of GetWorkItems by which an engine offers the stream.</summary>
    public const string OfferHeader = "taskhub-results";

    private const int MostInMessage = 256;
    private const int MostBytesInMessage = 1024 * 1024;

    private readonly ConcurrentDictionary<long, TaskCompletionSource<Proto.WorkItemReceipt?>> _open = new();
    private readonly Channel<Proto.WorkItemResult> _results = Channel.CreateUnbounded<Proto.WorkItemResult>(
        new UnboundedChannelOptions { SingleReader = true });

    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isOpen;
    private long _lastNumber;

    /// <summary>Opens the stream; results take it once the engine has accepted it. It ends when this is
    /// disposed.</summary>
    public void Open() => _ = RunAsync();

    public void Dispose() => Close();

    /// <inheritdoc/>
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        Proto.WorkItemResult? result = !_isOpen ? null : request switch
        {
            Proto.OrchestratorResponse episode => new() { Orchestrator = episode },
            Proto.ActivityResponse activity => new() { Activity = activity },
            Proto.EntityBatchResult batch => new() { Entity = batch },
            _ => null,
        };
        return result is null
            ? calls.AsyncUnaryCall(method, host, options, request)
            : new AsyncUnaryCall<TResponse>(
                SendAsync(result, options, () => calls.AsyncUnaryCall(method, host, options, request)),
                Task.FromResult<Metadata>([]),
                () => Status.DefaultSuccess,
                () => [],
                () => { });
    }

    /// <inheritdoc/>
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        calls.BlockingUnaryCall(method, host, options, request);

    /// <inheritdoc/>
    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        calls.AsyncServerStreamingCall(method, host, options, request);

    /// <inheritdoc/>
    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        calls.AsyncClientStreamingCall(method, host, options);

    /// <inheritdoc/>
    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        calls.AsyncDuplexStreamingCall(method, host, options);

    private async Task<TResponse> SendAsync<TResponse>(
        Proto.WorkItemResult result, CallOptions options, Func<AsyncUnaryCall<TResponse>> call)
    {
        if (await TrySendAsync(result, options))
        {
            // The engine's answers to results are all empty messages.
            return Activator.CreateInstance<TResponse>();
        }

        try
        {
            return await call();
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.NotFound)
        {
            // A token is good once. It came over the stream after all, and only the receipt is lost; or the engine has
            // taken the item back, and it is another worker's. Nothing is left to do here in either case.
            return Activator.CreateInstance<TResponse>();
        }
    }

    /// <summary>False when nobody knows whether the engine has the result.</summary>
    private async Task<bool> TrySendAsync(Proto.WorkItemResult result, CallOptions options)
    {
        var receipt = new TaskCompletionSource<Proto.WorkItemReceipt?>(
            TaskCreationOptions.RunContinuationsAsynchronously);
        result.Number = Interlocked.Increment(ref _lastNumber);
        _open[result.Number] = receipt;
        if (!_results.Writer.TryWrite(result) || !_isOpen)
        {
            receipt.TrySetResult(null);
        }

        TimeSpan left = options.Deadline is { } deadline ? deadline - time.GetUtcNow().UtcDateTime : limit;
        try
        {
            Proto.WorkItemReceipt? received = await receipt.Task.WaitAsync(
                left < limit ? Positive(left) : limit, time, options.CancellationToken);
            return received switch
            {
                null => false,
                { Status: (int)StatusCode.OK } => true,
                _ => throw new RpcException(new Status((StatusCode)received.Status, received.Detail)),
            };
        }
        catch (TimeoutException) when (left < limit)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, "The result was not acknowledged in time."));
        }
        catch (TimeoutException)
        {
            Close();
            return false;
        }
        finally
        {
            _open.TryRemove(result.Number, out _);
        }
    }

    private static TimeSpan Positive(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;

    private async Task RunAsync()
    {
        try
        {
            using AsyncDuplexStreamingCall<Proto.WorkItemResults, Proto.WorkItemReceipts> call =
                new Proto.TaskHubResultsService.TaskHubResultsServiceClient(calls).CompleteWorkItems();
            // The engine sends its headers at once. Before that, nothing tells that the path carries such calls.
            Task<Metadata> headers = call.ResponseHeadersAsync;
            await Task.WhenAny(headers, _closed.Task).WaitAsync(limit, time);
            if (!_closed.Task.IsCompleted)
            {
                await headers;
                _isOpen = true;
                // Whichever is left ends with the call.
                await await Task.WhenAny(
                    ReceiveAsync(call.ResponseStream), SendAllAsync(call.RequestStream), _closed.Task);
            }
        }
        catch (Exception)
        {
            // A boundary: calls are there for whatever the path, or an interceptor, makes of a stream.
        }
        finally
        {
            Close();
        }
    }

    private async Task SendAllAsync(IClientStreamWriter<Proto.WorkItemResults> stream)
    {
        while (await _results.Reader.WaitToReadAsync())
        {
            var message = new Proto.WorkItemResults();
            int bytes = 0;
            while (message.Results.Count < MostInMessage && bytes < MostBytesInMessage
                && _results.Reader.TryRead(out Proto.WorkItemResult? result))
            {
                message.Results.Add(result);
                bytes += result.CalculateSize();
            }

            await stream.WriteAsync(message);
        }
    }

    private async Task ReceiveAsync(IAsyncStreamReader<Proto.WorkItemReceipts> stream)
    {
        while (await stream.MoveNext(CancellationToken.None))
        {
            foreach (Proto.WorkItemReceipt receipt in stream.Current.Receipts)
            {
                if (_open.TryRemove(receipt.Number, out TaskCompletionSource<Proto.WorkItemReceipt?>? source))
                {
                    source.TrySetResult(receipt);
                }
            }
        }
    }

    private void Close()
    {
        _isOpen = false;
        _closed.TrySetResult();
        _results.Writer.TryComplete();
        foreach (TaskCompletionSource<Proto.WorkItemReceipt?> receipt in _open.Values)
        {
            receipt.TrySetResult(null);
        }
    }
}
