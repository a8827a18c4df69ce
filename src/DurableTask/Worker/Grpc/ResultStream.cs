using System.Collections.Concurrent;
using System.Threading.Channels;
using global::Grpc.Core;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Grpc;

/// <summary>
/// Sends the results of work items over one stream, where the engine offers it, many in a message; every other call,
/// and every result where it does not, goes out as it is. A result whose stream breaks fails as an unavailable engine
/// does, and may be sent again.
/// </summary>
internal sealed class ResultStream(CallInvoker calls) : CallInvoker, IDisposable
{
    /// <summary>The header of GetWorkItems by which an engine offers the stream.</summary>
    public const string OfferHeader = "taskhub-results";

    private const int MostInMessage = 256;
    private const int MostBytesInMessage = 1024 * 1024;

    private readonly ConcurrentDictionary<long, TaskCompletionSource> _open = new();
    private readonly Channel<Proto.WorkItemResult> _results = Channel.CreateUnbounded<Proto.WorkItemResult>(
        new UnboundedChannelOptions { SingleReader = true });

    private readonly CancellationTokenSource _end = new();
    private volatile bool _isOpen;
    private long _lastNumber;

    /// <summary>Opens the stream. It ends when this is disposed.</summary>
    public void Open()
    {
        AsyncDuplexStreamingCall<Proto.WorkItemResults, Proto.WorkItemReceipts> call =
            new Proto.TaskHubResultsService.TaskHubResultsServiceClient(calls)
                .CompleteWorkItems(cancellationToken: _end.Token);
        _isOpen = true;
        _ = RunAsync(call);
    }

    public void Dispose()
    {
        Close("The worker's connection ended.");
        _end.Cancel();
        _end.Dispose();
    }

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
                SendAsync<TResponse>(result, options.CancellationToken),
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

    // The engine's answers to results are all empty messages.
    private async Task<TResponse> SendAsync<TResponse>(Proto.WorkItemResult result, CancellationToken cancellation)
    {
        var receipt = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        result.Number = Interlocked.Increment(ref _lastNumber);
        _open[result.Number] = receipt;
        if (!_results.Writer.TryWrite(result) || !_isOpen)
        {
            Fail(result.Number, "The stream of results ended.");
        }

        await receipt.Task.WaitAsync(cancellation);
        return Activator.CreateInstance<TResponse>();
    }

    private async Task RunAsync(AsyncDuplexStreamingCall<Proto.WorkItemResults, Proto.WorkItemReceipts> call)
    {
        Task<string> receiving = ReceiveAsync(call.ResponseStream);
        Task<string> sending = SendAllAsync(call.RequestStream);
        Close(await await Task.WhenAny(receiving, sending));
        // Whichever half is left ends with the call.
        call.Dispose();
        await Task.WhenAll(receiving, sending);
    }

    private async Task<string> SendAllAsync(IClientStreamWriter<Proto.WorkItemResults> stream)
    {
        try
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

            return "The stream of results ended.";
        }
        catch (Exception error) when (error is RpcException or InvalidOperationException or OperationCanceledException)
        {
            return error.Message;
        }
    }

    private async Task<string> ReceiveAsync(IAsyncStreamReader<Proto.WorkItemReceipts> stream)
    {
        try
        {
            while (await stream.MoveNext(CancellationToken.None))
            {
                foreach (Proto.WorkItemReceipt receipt in stream.Current.Receipts)
                {
                    if (_open.TryRemove(receipt.Number, out TaskCompletionSource? source))
                    {
                        Settle(source, receipt);
                    }
                }
            }

            return "The engine ended the stream of results.";
        }
        catch (Exception error) when (error is RpcException or OperationCanceledException)
        {
            return error.Message;
        }
    }

    private static void Settle(TaskCompletionSource source, Proto.WorkItemReceipt receipt)
    {
        if (receipt.Status == (int)StatusCode.OK)
        {
            source.TrySetResult();
        }
        else
        {
            source.TrySetException(new RpcException(new Status((StatusCode)receipt.Status, receipt.Detail)));
        }
    }

    private void Close(string reason)
    {
        _isOpen = false;
        _results.Writer.TryComplete();
        foreach (long number in _open.Keys)
        {
            Fail(number, reason);
        }
    }

    private void Fail(long number, string reason)
    {
        if (_open.TryRemove(number, out TaskCompletionSource? source))
        {
            source.TrySetException(new RpcException(new Status(StatusCode.Unavailable, reason)));
        }
    }
}
