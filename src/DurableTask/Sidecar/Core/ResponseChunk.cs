using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>
/// Reads the fields with which a worker sends one large result as several messages. The package marks them as obsolete,
/// but its own worker still sends them.
/// </summary>
internal static class ResponseChunk
{
#pragma warning disable CS0612
    /// <summary>Returns whether more messages of this result follow.</summary>
    public static bool IsPartial(OrchestratorResponse response) => response.IsPartial;

    /// <summary>Returns the index of a message in its result, from 0; null if the worker gives none.</summary>
    public static int? Index(OrchestratorResponse response) => response.ChunkIndex;
#pragma warning restore CS0612
}
