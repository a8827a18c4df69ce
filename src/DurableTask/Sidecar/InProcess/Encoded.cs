using System.Buffers;
using Grpc.Core;

namespace Workflows.DurableTask.Sidecar;

/// <summary>Converts a message of one class into another class's message with the same encoding.</summary>
internal static class Encoded
{
    public static TTo Convert<TFrom, TTo>(TFrom message, Marshaller<TFrom> from, Marshaller<TTo> to)
    {
        var encoder = new Encoder();
        from.ContextualSerializer(message, encoder);
        return to.ContextualDeserializer(new Decoder(encoder.Data));
    }

    private sealed class Encoder : SerializationContext
    {
        private readonly ArrayBufferWriter<byte> _writer = new();

        public byte[] Data { get; private set; } = [];

        public override void Complete(byte[] payload) => Data = payload;

        public override void Complete() => Data = _writer.WrittenSpan.ToArray();

        public override IBufferWriter<byte> GetBufferWriter() => _writer;

        public override void SetPayloadLength(int payloadLength)
        {
            // Only transports that frame messages use it.
        }
    }

    private sealed class Decoder(byte[] data) : DeserializationContext
    {
        public override int PayloadLength => data.Length;

        public override byte[] PayloadAsNewBuffer() => data;

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(data);
    }
}
