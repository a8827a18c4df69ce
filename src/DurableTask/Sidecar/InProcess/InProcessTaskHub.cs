using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Rpc;

namespace Workflows.DurableTask.Sidecar;

/// <summary>
/// Calls the engine of the same process without a network: set it as the call invoker of workers and clients. The
/// protocol is the same; message objects are passed on instead of being sent as HTTP/2.
/// </summary>
/// <remarks>
/// Callers with other message classes are served too: their messages are encoded and decoded on the way. Messages that
/// are passed on belong to both sides, so neither may change them afterwards. Calls made before the engine runs, or
/// after it stopped, fail with <see cref="StatusCode.Unavailable"/>. Deadlines of calls are ignored; their cancellation
/// is observed.
/// </remarks>
public sealed class InProcessTaskHub : CallInvoker
{
    private readonly Dictionary<string, InProcessMethod> _methods;

    internal InProcessTaskHub(TaskHubHost host)
    {
        var binder = new InProcessBinder();
        TaskHubSidecarService.BindService(binder, new TaskHubService(host));
        _methods = binder.Methods;
    }

    /// <inheritdoc/>
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        ArgumentNullException.ThrowIfNull(method);
        var context = new InProcessCallContext(method.FullName, options);
        Task<TResponse> answer = UnaryAsync(method, context, request);
        return new AsyncUnaryCall<TResponse>(
            answer, context.Headers, context.EndStatus, () => context.ResponseTrailers, context.Dispose);
    }

    /// <inheritdoc/>
    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        ArgumentNullException.ThrowIfNull(method);
        var context = new InProcessCallContext(method.FullName, options);
        var stream = new InProcessStream<TResponse>();
        _ = StreamAsync(method, context, request, stream);
        return new AsyncServerStreamingCall<TResponse>(
            stream, context.Headers, context.EndStatus, () => context.ResponseTrailers, context.Dispose);
    }

    /// <inheritdoc/>
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        throw new NotSupportedException("Use the asynchronous calls.");

    /// <inheritdoc/>
    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException("The protocol has no calls with a stream of requests.");

    /// <inheritdoc/>
    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException("The protocol has no calls with a stream of requests.");

    private async Task<TResponse> UnaryAsync<TRequest, TResponse>(
        Method<TRequest, TResponse> method, InProcessCallContext context, TRequest request)
        where TRequest : class
        where TResponse : class
    {
        try
        {
            TResponse answer = await Find(method).UnaryAsync(method, request, context);
            context.End(Status.DefaultSuccess);
            return answer;
        }
        catch (Exception error)
        {
            throw context.End(error);
        }
    }

    private async Task StreamAsync<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        InProcessCallContext context,
        TRequest request,
        InProcessStream<TResponse> stream)
        where TRequest : class
        where TResponse : class
    {
        try
        {
            // The caller gets its stream before the service runs.
            await Task.Yield();
            await Find(method).StreamAsync(method, request, stream, context);
            context.End(Status.DefaultSuccess);
            stream.End(null);
        }
        catch (Exception error)
        {
            // A boundary: as with every transport, the caller gets the error from the stream.
            stream.End(context.End(error));
        }
    }

    private InProcessMethod Find<TRequest, TResponse>(Method<TRequest, TResponse> method) =>
        _methods.GetValueOrDefault(method.FullName)
        ?? throw new RpcException(new Status(StatusCode.Unimplemented, $"There is no method '{method.FullName}'."));
}
