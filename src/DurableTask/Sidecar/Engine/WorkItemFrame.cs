using System.Buffers;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>
/// A work item on its way to a worker, with the history of an episode beside it if the worker is in another process. On
/// the wire it is a <see cref="WorkItem"/>.
/// </summary>
/// <param name="Item">The item; the episode in it has no past events if they are beside it.</param>
/// <param name="PastEvents">The encoded field <c>pastEvents</c> of the episode; otherwise empty.</param>
internal sealed record WorkItemFrame(WorkItem Item, ReadOnlyMemory<byte> PastEvents = default)
{
    private const byte RequestTag = 1 << 3 | 2;
    private const byte TokenTag = 10 << 3 | 2;
    private const int LongestLength = 5;

    /// <summary>Writes frames as work items; frames are never read.</summary>
    public static Marshaller<WorkItemFrame> Marshaller { get; } = new(
        (frame, context) => frame.WriteTo(context),
        _ => throw new NotSupportedException("The engine reads no work items."));

    private void WriteTo(SerializationContext context)
    {
        if (PastEvents.IsEmpty)
        {
            context.SetPayloadLength(Item.CalculateSize());
            Item.WriteTo(context.GetBufferWriter());
        }
        else
        {
            WriteEpisode(context);
        }

        context.Complete();
    }

    // Fields may come in any order, and a message may come in parts: the request without its past events is followed by
    // those.
    private void WriteEpisode(SerializationContext context)
    {
        OrchestratorRequest request = Item.OrchestratorRequest;
        int requestSize = request.CalculateSize() + PastEvents.Length;
        int tokenSize = Encoding.UTF8.GetByteCount(Item.CompletionToken);
        context.SetPayloadLength(
            1 + Varint.Size((uint)requestSize) + requestSize + 1 + Varint.Size((uint)tokenSize) + tokenSize);
        IBufferWriter<byte> writer = context.GetBufferWriter();
        WriteHeader(writer, RequestTag, requestSize);
        request.WriteTo(writer);
        writer.Write(PastEvents.Span);
        WriteHeader(writer, TokenTag, tokenSize);
        writer.Advance(Encoding.UTF8.GetBytes(Item.CompletionToken, writer.GetSpan(tokenSize)));
    }

    private static void WriteHeader(IBufferWriter<byte> writer, byte tag, int size)
    {
        Span<byte> header = writer.GetSpan(1 + LongestLength);
        header[0] = tag;
        writer.Advance(1 + Varint.Write(header[1..], (uint)size));
    }
}
