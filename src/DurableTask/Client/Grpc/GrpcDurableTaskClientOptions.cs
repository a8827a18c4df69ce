using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Microsoft.DurableTask.Client.Grpc;

/// <summary>Where a gRPC client finds the engine.</summary>
public sealed class GrpcDurableTaskClientOptions : DurableTaskClientOptions
{
    /// <summary>The engine's address.</summary>
    /// <value>Default: null, for <c>http://localhost:4001</c>.</value>
    public string? Address { get; set; }

    /// <summary>The channel to use; it wins over the other two and stays the caller's to dispose.</summary>
    public GrpcChannel? Channel { get; set; }

    /// <summary>The call invoker to use; it wins over the address.</summary>
    public CallInvoker? CallInvoker { get; set; }

    /// <summary>What sees every call, the first one first.</summary>
    public IList<Interceptor> Interceptors { get; } = [];

    /// <summary>The longest that a call may take that does not wait for an orchestration.</summary>
    /// <value>Positive; default: null, for no limit. Later calls fail with DEADLINE_EXCEEDED.</value>
    public TimeSpan? GrpcCallTimeout { get; set; }
}
