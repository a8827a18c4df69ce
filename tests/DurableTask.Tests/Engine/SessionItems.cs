using System.Diagnostics.CodeAnalysis;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>Takes work items as the worker of a connection would see them.</summary>
internal static class SessionItems
{
    public static bool TryTake(this WorkerSession session, [NotNullWhen(true)] out WorkItem? item)
    {
        bool isTaken = session.Items.Reader.TryRead(out WorkItemFrame? frame);
        item = !isTaken ? null : session.IsEncoded ? Decoded(frame!) : frame!.Item;
        return isTaken;
    }

    public static WorkItem Decoded(WorkItemFrame frame)
    {
        var bytes = new Bytes();
        WorkItemFrame.Marshaller.ContextualSerializer(frame, bytes);
        Assert.Equal(bytes.Announced, bytes.Written);
        return WorkItem.Parser.ParseFrom(bytes.Data);
    }

    private sealed class Bytes : SerializationContext
    {
        private readonly System.Buffers.ArrayBufferWriter<byte> _writer = new();

        public int Announced { get; private set; }

        public int Written => _writer.WrittenCount;

        public byte[] Data => _writer.WrittenSpan.ToArray();

        public override void SetPayloadLength(int payloadLength) => Announced = payloadLength;

        public override System.Buffers.IBufferWriter<byte> GetBufferWriter() => _writer;

        public override void Complete()
        {
            // Nothing follows.
        }
    }
}
