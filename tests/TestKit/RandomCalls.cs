using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace Workflows.TestKit;

/// <summary>Calls the methods of a gRPC service with what <see cref="RandomMessages"/> makes.</summary>
public static class RandomCalls
{
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes);

    /// <summary>Calls a method once; of a stream, reads at most one message.</summary>
    /// <param name="invoker">The way to the service.</param>
    /// <param name="method">A method that takes one message.</param>
    /// <param name="request">The message.</param>
    /// <param name="patience">The most time; a call that still waits then counts as answered.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The status.</returns>
    public static async Task<Status> SendAsync(
        CallInvoker invoker, MethodDescriptor method, IMessage request, TimeSpan patience,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(invoker);
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(request);
        var raw = new Method<byte[], byte[]>(
            method.IsServerStreaming ? MethodType.ServerStreaming : MethodType.Unary,
            method.Service.FullName, method.Name, Bytes, Bytes);
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        late.CancelAfter(patience);
        var options = new CallOptions(cancellationToken: late.Token);
        try
        {
            if (method.IsServerStreaming)
            {
                using var stream = invoker.AsyncServerStreamingCall(raw, null, options, request.ToByteArray());
                await stream.ResponseStream.MoveNext(late.Token).ConfigureAwait(false);
            }
            else
            {
                using var call = invoker.AsyncUnaryCall(raw, null, options, request.ToByteArray());
                await call.ResponseAsync.ConfigureAwait(false);
            }

            return Status.DefaultSuccess;
        }
        catch (RpcException refusal)
        {
            return refusal.Status;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return Status.DefaultCancelled;
        }
    }

    /// <summary>Tells whether a status says that the service has a fault of its own, rather than the caller.</summary>
    /// <param name="status">The status.</param>
    /// <returns>true for a fault of the service.</returns>
    public static bool IsFault(Status status) => status.StatusCode
        is StatusCode.Unknown or StatusCode.Internal or StatusCode.DataLoss or StatusCode.Unavailable;
}
