using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>Keeps the last episode of every execution that a worker was given and has answered.</summary>
internal sealed class EpisodeTap : Interceptor
{
    private readonly ConcurrentDictionary<string, OrchestratorRequest> _open = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly List<(string Execution, OrchestratorRequest Request, OrchestratorResponse Response)> _last = [];

    /// <summary>Gives the executions in the order in which they began.</summary>
    public IReadOnlyList<(OrchestratorRequest Request, OrchestratorResponse Response)> Executions()
    {
        lock (_lock)
        {
            return [.. _last.Select(item => (item.Request, item.Response))];
        }
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        if (request is OrchestratorResponse response && _open.TryRemove(response.CompletionToken, out var given))
        {
            Keep(given, response.Clone());
        }

        return continuation(request, context);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var call = continuation(request, context);
        return new AsyncServerStreamingCall<TResponse>(
            new Tapped<TResponse>(call.ResponseStream, See),
            call.ResponseHeadersAsync,
            call.GetStatus,
            call.GetTrailers,
            call.Dispose);
    }

    private void See(object message)
    {
        if (message is WorkItem { OrchestratorRequest: { } request } item)
        {
            _open[item.CompletionToken] = request.Clone();
        }
    }

    private void Keep(OrchestratorRequest request, OrchestratorResponse response)
    {
        var execution = request.PastEvents.Concat(request.NewEvents)
            .First(item => item.ExecutionStarted is not null).ExecutionStarted.OrchestrationInstance.ExecutionId;
        lock (_lock)
        {
            var index = _last.FindIndex(item => item.Execution == execution);
            if (index < 0)
            {
                _last.Add((execution, request, response));
            }
            else
            {
                _last[index] = (execution, request, response);
            }
        }
    }

    private sealed class Tapped<T>(IAsyncStreamReader<T> stream, Action<object> see) : IAsyncStreamReader<T>
        where T : class
    {
        public T Current => stream.Current;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            var has = await stream.MoveNext(cancellationToken);
            if (has)
            {
                see(Current);
            }

            return has;
        }
    }
}
