using Grpc.Core;

namespace Workflows.DurableTask.Sidecar;

/// <summary>One call within the process: its headers, its end and its cancellation.</summary>
internal sealed class InProcessCallContext : ServerCallContext, IDisposable
{
    private readonly string _method;
    private readonly CallOptions _options;
    private readonly CancellationTokenSource _hungUp;
    private readonly TaskCompletionSource<Metadata> _headers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Metadata? _requestHeaders;
    private Metadata? _trailers;
    private Status? _status;

    public InProcessCallContext(string method, CallOptions options)
    {
        _method = method;
        _options = options;
        _hungUp = CancellationTokenSource.CreateLinkedTokenSource(options.CancellationToken);
    }

    /// <summary>The headers of the answer: empty, but they arrive when the service accepts the call.</summary>
    public Task<Metadata> Headers => _headers.Task;

    protected override string MethodCore => _method;

    protected override string HostCore => "in-process";

    protected override string PeerCore => "in-process";

    protected override DateTime DeadlineCore => _options.Deadline ?? DateTime.MaxValue;

    protected override Metadata RequestHeadersCore => _requestHeaders ??= _options.Headers ?? [];

    protected override CancellationToken CancellationTokenCore => _hungUp.Token;

    protected override Metadata ResponseTrailersCore => _trailers ??= [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore { get; } = new(null, []);

    public Status EndStatus() => _status ?? throw new InvalidOperationException("The call has not ended.");

    public void End(Status status)
    {
        _status = status;
        _headers.TrySetResult([]);
    }

    /// <summary>Ends the call with the error that a caller of any transport would get.</summary>
    public RpcException End(Exception error)
    {
        RpcException failure = error switch
        {
            RpcException refusal => refusal,
            OperationCanceledException => new(new Status(StatusCode.Cancelled, "Call canceled by the client.", error)),
            _ => new(new Status(StatusCode.Unknown, error.Message, error)),
        };
        _status = failure.Status;
        if (_headers.TrySetException(failure))
        {
            // Callers that await the headers see the exception there; the others get it from the answer.
            _ = _headers.Task.Exception;
        }

        return failure;
    }

    /// <summary>Ends the call for the caller.</summary>
    public void Dispose()
    {
        if (_status is null)
        {
            _hungUp.Cancel();
        }

        _hungUp.Dispose();
    }

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException("The engine calls nobody.");

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        _headers.TrySetResult(responseHeaders);
        return Task.CompletedTask;
    }
}
