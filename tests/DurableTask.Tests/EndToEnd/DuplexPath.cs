using Grpc.Core;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>What can be wrong with calls that stream both ways.</summary>
public enum DuplexFault
{
    /// <summary>The path refuses them.</summary>
    Missing,

    /// <summary>The client cannot even begin one.</summary>
    Throws,

    /// <summary>They are accepted, and go nowhere.</summary>
    NoHeaders,

    /// <summary>They open, and then go nowhere.</summary>
    NoReceipts,

    /// <summary>They open and go nowhere, and reading an answer fails in a way that no call should.</summary>
    BadReceipts,

    /// <summary>They carry requests, and lose the answers.</summary>
    LostReceipts,
}

/// <summary>A path to an engine, as over a proxy, on which only calls that stream both ways do not work.</summary>
internal sealed class DuplexPath(CallInvoker calls, DuplexFault fault) : CallInvoker
{
    public int Duplexes { get; private set; }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        calls.AsyncUnaryCall(method, host, options, request);

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        calls.AsyncServerStreamingCall(method, host, options, request);

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        Duplexes++;
        if (fault == DuplexFault.Throws)
        {
            throw new NotSupportedException("No such calls here.");
        }

        if (fault == DuplexFault.Missing)
        {
            var missing = new Method<TRequest, TResponse>(
                MethodType.DuplexStreaming, "Nowhere", "Nothing", method.RequestMarshaller, method.ResponseMarshaller);
            return calls.AsyncDuplexStreamingCall(missing, host, options);
        }

        AsyncDuplexStreamingCall<TRequest, TResponse> call = calls.AsyncDuplexStreamingCall(method, host, options);
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            fault == DuplexFault.LostReceipts ? call.RequestStream : new Writer<TRequest>(),
            new Reader<TResponse>(fault),
            fault == DuplexFault.NoHeaders
                ? new TaskCompletionSource<Metadata>().Task
                : call.ResponseHeadersAsync,
            call.GetStatus,
            call.GetTrailers,
            call.Dispose);
    }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        calls.BlockingUnaryCall(method, host, options, request);

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        calls.AsyncClientStreamingCall(method, host, options);

    private sealed class Writer<T> : IClientStreamWriter<T>
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(T message) => Task.CompletedTask;

        public Task CompleteAsync() => Task.CompletedTask;
    }

    private sealed class Reader<T>(DuplexFault fault) : IAsyncStreamReader<T>
    {
        public T Current => default!;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (fault == DuplexFault.BadReceipts)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);
                throw new InvalidCastException("An answer of another kind.");
            }

            await Task.Delay(Timeout.Infinite, cancellationToken);
            return false;
        }
    }
}
