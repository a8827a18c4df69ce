using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>
/// Writes tensors as one safetensors file, in ordinal order of their names, and flushes it to the disk.
/// </summary>
internal static class SafetensorsWriter
{
    private const int Alignment = 8;
    private const int ChunkElements = 1 << 16;

    public static void Write(string path, IReadOnlyDictionary<string, HostTensor> tensors, WeightPrecision precision)
    {
        var ordered = tensors.OrderBy(entry => entry.Key, StringComparer.Ordinal).ToArray();
        var header = Header(ordered, precision);
        using var stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var (_, tensor) in ordered)
        {
            WriteValues(stream, tensor, precision);
        }

        stream.Flush(flushToDisk: true);
    }

    private static byte[] Header(KeyValuePair<string, HostTensor>[] tensors, WeightPrecision precision)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject(SafetensorsHeader.Metadata);
            json.WriteString("format", "pt");
            json.WriteEndObject();
            var position = 0L;
            foreach (var (name, tensor) in tensors)
            {
                var type = TypeName(tensor, precision);
                var end = position + ((long)tensor.Shape.Count * SafetensorsHeader.ElementBytes(type));
                json.WriteStartObject(name);
                json.WriteString("dtype", type);
                WriteArray(json, "shape", tensor.Shape.Dimensions.ToArray().Select(size => (long)size));
                WriteArray(json, "data_offsets", [position, end]);
                json.WriteEndObject();
                position = end;
            }

            json.WriteEndObject();
        }

        var padded = new byte[(buffer.WrittenCount + Alignment - 1) / Alignment * Alignment];
        buffer.WrittenSpan.CopyTo(padded);
        padded.AsSpan(buffer.WrittenCount).Fill((byte)' ');
        return padded;
    }

    private static void WriteArray(Utf8JsonWriter json, string name, IEnumerable<long> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }

    private static string TypeName(HostTensor tensor, WeightPrecision precision) => (tensor.DType, precision) switch
    {
        (DType.Int32, _) => "I32",
        (_, WeightPrecision.BF16) => "BF16",
        (_, WeightPrecision.F16) => "F16",
        _ => "F32",
    };

    private static void WriteValues(FileStream stream, HostTensor tensor, WeightPrecision precision)
    {
        if (tensor.DType == DType.Int32)
        {
            stream.Write(MemoryMarshal.AsBytes<int>(tensor.Ints));
            return;
        }

        // Written in chunks even if nothing is narrowed: a tensor may have more bytes than a span.
        var chunk = precision == WeightPrecision.F32 ? [] : new ushort[ChunkElements];
        for (var start = 0L; start < tensor.Floats.Length; start += ChunkElements)
        {
            var values = tensor.Floats.AsSpan((int)start, (int)Math.Min(ChunkElements, tensor.Floats.Length - start));
            if (precision == WeightPrecision.F32)
            {
                stream.Write(MemoryMarshal.AsBytes(values));
                continue;
            }

            for (var i = 0; i < values.Length; i++)
            {
                chunk[i] = precision == WeightPrecision.BF16
                    ? BrainFloat.Narrow(values[i])
                    : BitConverter.HalfToUInt16Bits((Half)values[i]);
            }

            stream.Write(MemoryMarshal.AsBytes(chunk.AsSpan(0, values.Length)));
        }
    }
}
