using Google.Cloud.Location;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf;
using Grpc.Core;
using Workflows.Activities.Provisioning;
using Workflows.GoogleCloud.TpuEmulator.Api;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.Capacity.Bench.Product;

/// <summary>
/// Connects the product's activities to the emulated cloud in the same process: the same clients and the same service,
/// without a network between them.
/// </summary>
internal sealed class InProcessCloud : ITpuCloud, IDisposable
{
    private readonly TpuConnection _connection;

    /// <summary>Initializes the connection.</summary>
    /// <param name="cloud">The emulated cloud.</param>
    /// <param name="fault">Returns the fault of the next call of a method; null for none.</param>
    /// <param name="answered">Is given each request that the caller got the cloud's own answer to; null for
    /// nobody.</param>
    public InProcessCloud(
        EmulatedCloud cloud, Func<string, CallFault>? fault = null, Action<object>? answered = null)
    {
        var calls = new Calls(fault ?? (_ => CallFault.None), answered ?? (_ => { }));
        Tpu.BindService(calls.Binder, new TpuApi(cloud));
        Operations.BindService(calls.Binder, new OperationsApi(cloud));
        Locations.BindService(calls.Binder, new LocationsApi(cloud));
        _connection = new TpuConnection(calls);
    }

    /// <inheritdoc />
    public Task<TpuConnection> ConnectAsync(
        string project, bool isRehearsal, CancellationToken cancellationToken) => Task.FromResult(_connection);

    /// <inheritdoc />
    public void Dispose() => _connection.Dispose();

    private sealed class Calls(Func<string, CallFault> fault, Action<object> answered) : CallInvoker
    {
        public MethodTable Binder { get; } = new();

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => new(
                AnswerAsync(method, request), Task.FromResult(new Metadata()), () => Status.DefaultSuccess,
                () => [], () => { });

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException("The product calls the cloud asynchronously.");

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException("The cloud has no streams.");

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException("The cloud has no streams.");

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException("The cloud has no streams.");

        private async Task<TResponse> AnswerAsync<TRequest, TResponse>(
            Method<TRequest, TResponse> method, TRequest request)
            where TRequest : class
            where TResponse : class
        {
            var serve = (UnaryServerMethod<TRequest, TResponse>)Binder.Methods[method.FullName];
            switch (fault(method.Name))
            {
                case CallFault.LostRequest:
                    throw Failed(StatusCode.Unavailable, "The request was lost.");
                case CallFault.InternalError:
                    throw Failed(StatusCode.Internal, "Internal error encountered.");
                case CallFault.LostAnswer:
                    await ServeInVainAsync(serve, request);
                    throw Failed(StatusCode.Unavailable, "The answer was lost.");
                case CallFault.InternalErrorAfter:
                    await ServeInVainAsync(serve, request);
                    throw Failed(StatusCode.Internal, "Internal error encountered.");
                case CallFault.LateAnswer:
                    await ServeInVainAsync(serve, request);
                    throw Failed(StatusCode.DeadlineExceeded, "The answer was late.");
                case CallFault.Twice:
                    answered(request);
                    await serve(Copy(request), null!);
                    return await serve(Copy(request), null!);
                default:
                    answered(request);
                    return await serve(Copy(request), null!);
            }
        }

        /// <summary>Does what is asked; a refusal is lost as any other answer.</summary>
        private static async Task ServeInVainAsync<TRequest, TResponse>(
            UnaryServerMethod<TRequest, TResponse> serve, TRequest request)
            where TRequest : class
            where TResponse : class
        {
            try
            {
                await serve(Copy(request), null!);
            }
            catch (RpcException)
            {
                // Its caller never hears of it.
            }
        }

        private static RpcException Failed(StatusCode code, string text) => new(new Status(code, text));

        private static T Copy<T>(T message)
            where T : class => ((IDeepCloneable<T>)message).Clone();
    }

    private sealed class MethodTable : ServiceBinderBase
    {
        public Dictionary<string, Delegate> Methods { get; } = new(StringComparer.Ordinal);

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
            Methods[method.FullName] = handler!;
    }
}

/// <summary>Faults of a call to the cloud.</summary>
internal enum CallFault
{
    /// <summary>None.</summary>
    None,

    /// <summary>UNAVAILABLE; the cloud never received the request.</summary>
    LostRequest,

    /// <summary>UNAVAILABLE, after the cloud did what was asked.</summary>
    LostAnswer,

    /// <summary>INTERNAL; the cloud did nothing.</summary>
    InternalError,

    /// <summary>INTERNAL, after the cloud did what was asked.</summary>
    InternalErrorAfter,

    /// <summary>DEADLINE_EXCEEDED, after the cloud did what was asked.</summary>
    LateAnswer,

    /// <summary>The request arrives twice.</summary>
    Twice,
}
