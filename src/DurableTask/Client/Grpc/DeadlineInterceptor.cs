using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Microsoft.DurableTask.Client.Grpc;

/// <summary>Limits every unary call but those that wait for an orchestration. An earlier deadline stays.</summary>
internal sealed class DeadlineInterceptor(TimeSpan timeout, TimeProvider time) : Interceptor
{
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        DateTime deadline = time.GetUtcNow().UtcDateTime + timeout;
        return context.Method.Name.StartsWith("WaitForInstance", StringComparison.Ordinal)
            || context.Options.Deadline <= deadline
            ? continuation(request, context)
            : continuation(request, new(context.Method, context.Host, context.Options.WithDeadline(deadline)));
    }
}
