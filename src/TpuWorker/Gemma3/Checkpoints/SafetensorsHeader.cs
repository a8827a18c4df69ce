using System.Text.Json;
using System.Text.Unicode;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>Parses and checks the JSON header of a safetensors file.</summary>
internal static class SafetensorsHeader
{
    public const string Metadata = "__metadata__";

    public static Dictionary<string, StoredTensor> Parse(string path, ReadOnlyMemory<byte> header, long dataLength)
    {
        // The reader looks at text only when it is asked for, and would fail in the middle.
        if (!Utf8.IsValid(header.Span))
        {
            throw new CheckpointFormatException(path, "header is not UTF-8");
        }

        using var document = JsonDocument.Parse(header);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new CheckpointFormatException(path, "header is not a JSON object");
        }

        var tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach (var entry in document.RootElement.EnumerateObject())
        {
            if (entry.Name != Metadata && !tensors.TryAdd(entry.Name, ParseTensor(path, entry)))
            {
                throw new CheckpointFormatException(path, $"tensor '{entry.Name}' occurs twice");
            }
        }

        CheckCover(path, tensors, dataLength);
        return tensors;
    }

    /// <summary>Bytes an element, or 0 for a type that the format does not have.</summary>
    public static int ElementBytes(string type) => type switch
    {
        "BOOL" or "U8" or "I8" or "F8_E4M3" or "F8_E5M2" => 1,
        "BF16" or "F16" or "I16" or "U16" => 2,
        "F32" or "I32" or "U32" => 4,
        "F64" or "I64" or "U64" => 8,
        _ => 0,
    };

    private static StoredTensor ParseTensor(string path, JsonProperty entry)
    {
        try
        {
            var type = entry.Value.GetProperty("dtype").GetString() ?? "null";
            var shape = new Shape(entry.Value.GetProperty("shape").EnumerateArray()
                .Select(size => size.GetInt32()).ToArray());
            var offsets = entry.Value.GetProperty("data_offsets");
            var stored = new StoredTensor(type, shape, offsets[0].GetInt64(), offsets[1].GetInt64());
            var elementBytes = ElementBytes(type);
            if (elementBytes == 0)
            {
                throw new CheckpointFormatException(path, $"tensor '{entry.Name}' has the unknown type '{type}'");
            }

            var wanted = (long)shape.Count * elementBytes;
            return stored.End - stored.Begin == wanted
                ? stored
                : throw new CheckpointFormatException(
                    path, $"tensor '{entry.Name}' {type}{shape} needs {wanted} bytes, "
                        + $"its offsets {stored.Begin} to {stored.End} do not hold that");
        }
        catch (Exception fault) when (fault is KeyNotFoundException or InvalidOperationException or FormatException
            or IndexOutOfRangeException or OverflowException or TensorShapeException)
        {
            throw new CheckpointFormatException(path, $"tensor '{entry.Name}' has a malformed header entry", fault);
        }
    }

    private static void CheckCover(string path, Dictionary<string, StoredTensor> tensors, long dataLength)
    {
        var position = 0L;
        foreach (var (name, stored) in tensors.OrderBy(entry => entry.Value.Begin).ThenBy(entry => entry.Value.End))
        {
            if (stored.Begin != position)
            {
                var problem = stored.Begin < position ? "overlaps the one before it" : "leaves a hole before it";
                throw new CheckpointFormatException(
                    path, $"tensor '{name}' begins at {stored.Begin}, wanted {position}: it {problem}");
            }

            position = stored.End;
        }

        if (position != dataLength)
        {
            throw new CheckpointFormatException(
                path, $"holds {dataLength} bytes of tensors, its header describes {position}: truncated or damaged");
        }
    }
}
