using Grpc.Core;
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
}
