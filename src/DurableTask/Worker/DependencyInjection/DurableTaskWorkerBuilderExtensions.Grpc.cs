using Grpc.Net.Client;
using Microsoft.DurableTask.Worker.Grpc;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.DurableTask.Worker;

public static partial class DurableTaskWorkerBuilderExtensions
{
    /// <summary>Uses gRPC to <c>http://localhost:4001</c>.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseGrpc(this IDurableTaskWorkerBuilder builder) =>
        builder.UseGrpc(_ => { });

    /// <summary>Uses gRPC to an address.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <param name="address">The engine's address.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseGrpc(this IDurableTaskWorkerBuilder builder, string address) =>
        builder.UseGrpc(options => options.Address = address);

    /// <summary>Uses gRPC over a channel.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <param name="channel">The channel; it stays the caller's to dispose.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseGrpc(this IDurableTaskWorkerBuilder builder, GrpcChannel channel) =>
        builder.UseGrpc(options => options.Channel = channel);

    /// <summary>Uses gRPC.</summary>
    /// <param name="builder">The worker's builder.</param>
    /// <param name="configure">Says where the engine is.</param>
    /// <returns>The builder.</returns>
    public static IDurableTaskWorkerBuilder UseGrpc(
        this IDurableTaskWorkerBuilder builder, Action<GrpcDurableTaskWorkerOptions> configure)
    {
        builder.Services.Configure(builder.Name, configure);
        return builder.UseBuildTarget<GrpcDurableTaskWorker, GrpcDurableTaskWorkerOptions>();
    }
}
