using Grpc.Core;

namespace Workflows.DurableTask.Sidecar;

/// <summary>A method of the service, for callers with the same message classes and for callers with other
/// ones.</summary>
internal abstract class InProcessMethod
{
    public abstract Task<TResponse> UnaryAsync<TRequest, TResponse>(
        Method<TRequest, TResponse> method, TRequest request, ServerCallContext context)
        where TRequest : class
        where TResponse : class;

    public abstract Task StreamAsync<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        TRequest request,
        InProcessStream<TResponse> stream,
        ServerCallContext context)
        where TRequest : class
        where TResponse : class;
}

/// <inheritdoc/>
internal sealed class InProcessMethod<TIn, TOut>(
    Method<TIn, TOut> own,
    UnaryServerMethod<TIn, TOut>? unary,
    ServerStreamingServerMethod<TIn, TOut>? streaming) : InProcessMethod
    where TIn : class
    where TOut : class
{
    public override async Task<TResponse> UnaryAsync<TRequest, TResponse>(
        Method<TRequest, TResponse> method, TRequest request, ServerCallContext context)
    {
        TIn given = request as TIn ?? Encoded.Convert(request, method.RequestMarshaller, own.RequestMarshaller);
        TOut answer = await (unary ?? throw WrongKind(method))(given, context);
        return answer as TResponse
            ?? Encoded.Convert(answer, own.ResponseMarshaller, method.ResponseMarshaller);
    }

    public override Task StreamAsync<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        TRequest request,
        InProcessStream<TResponse> stream,
        ServerCallContext context)
    {
        TIn given = request as TIn ?? Encoded.Convert(request, method.RequestMarshaller, own.RequestMarshaller);
        return (streaming ?? throw WrongKind(method))(
            given,
            stream as IServerStreamWriter<TOut> ?? new Converting<TResponse>(stream, own, method.ResponseMarshaller),
            context);
    }

    private static RpcException WrongKind(IMethod method) => new(new Status(
        StatusCode.Unimplemented, $"The method '{method.FullName}' is not of the kind {method.Type}."));

    /// <summary>Converts the service's messages into the caller's.</summary>
    private sealed class Converting<TResponse>(
        InProcessStream<TResponse> stream, Method<TIn, TOut> own, Marshaller<TResponse> target)
        : IServerStreamWriter<TOut>
        where TResponse : class
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(TOut message) =>
            stream.WriteAsync(Encoded.Convert(message, own.ResponseMarshaller, target));

        public Task WriteAsync(TOut message, CancellationToken cancellationToken) =>
            stream.WriteAsync(Encoded.Convert(message, own.ResponseMarshaller, target), cancellationToken);
    }
}

/// <summary>Collects the methods of a service while it is bound.</summary>
internal sealed class InProcessBinder : ServiceBinderBase
{
    public Dictionary<string, InProcessMethod> Methods { get; } = [];

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
        Methods.Add(method.FullName, new InProcessMethod<TRequest, TResponse>(method, handler, null));

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) =>
        Methods.Add(method.FullName, new InProcessMethod<TRequest, TResponse>(method, null, handler));
}
