using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Microsoft.DurableTask.Worker.Grpc;

/// <summary>Where a gRPC worker finds the engine.</summary>
public sealed class GrpcDurableTaskWorkerOptions : DurableTaskWorkerOptions
{
    /// <summary>The least allowed <see cref="CompleteOrchestrationWorkItemChunkSizeInBytes"/>.</summary>
    public const int MinCompleteOrchestrationWorkItemChunkSizeInBytes = 1024 * 1024;

    /// <summary>The greatest allowed <see cref="CompleteOrchestrationWorkItemChunkSizeInBytes"/>.</summary>
    public const int MaxCompleteOrchestrationWorkItemChunkSizeInBytes = 4_089_446;

    private int _chunkSize = MaxCompleteOrchestrationWorkItemChunkSizeInBytes;

    /// <summary>The engine's address.</summary>
    /// <value>Default: null, for <c>http://localhost:4001</c>.</value>
    public string? Address { get; set; }

    /// <summary>The channel to use; it wins over the other two and stays the caller's to dispose.</summary>
    public GrpcChannel? Channel { get; set; }

    /// <summary>The call invoker to use; it wins over the address.</summary>
    public CallInvoker? CallInvoker { get; set; }

    /// <summary>What sees every call, the first one first.</summary>
    public IList<Interceptor> Interceptors { get; } = [];

    internal bool IsAzureManaged { get; set; }

    /// <summary>How many histories stay in memory for engines that send only what is new.</summary>
    internal int KeptHistories { get; set; } = 1000;

    /// <summary>How much memory they may take, as bytes on the wire.</summary>
    internal long KeptHistoryBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>How long the stream of results may take to open, and to acknowledge a result.</summary>
    internal TimeSpan ResultReceiptLimit { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The size above which an episode's result is sent in parts.</summary>
    /// <value>1 to 3.9 MiB; default: 3.9 MiB.</value>
    public int CompleteOrchestrationWorkItemChunkSizeInBytes
    {
        get => _chunkSize;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, MinCompleteOrchestrationWorkItemChunkSizeInBytes);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaxCompleteOrchestrationWorkItemChunkSizeInBytes);
            _chunkSize = value;
        }
    }
}
