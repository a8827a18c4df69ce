using System.Text.Json;
using System.Text.Unicode;

namespace Workflows.ModelFiles;

/// <summary>Parses and checks the JSON header of a safetensors file.</summary>
public static class SafetensorsHeader
{
    /// <summary>The entry of the header that is no tensor.</summary>
    public const string Metadata = "__metadata__";

    /// <summary>Returns the size of an element.</summary>
    /// <param name="type">Element type as the format names it.</param>
    /// <returns>Bytes an element; 0 for a type that the format does not have.</returns>
    public static int ElementBytes(string type) => type switch
    {
        "BOOL" or "U8" or "I8" or "F8_E4M3" or "F8_E5M2" => 1,
        "BF16" or "F16" or "I16" or "U16" => 2,
        "F32" or "I32" or "U32" => 4,
        "F64" or "I64" or "U64" => 8,
        _ => 0,
    };

    internal static Dictionary<string, StoredTensor> Parse(
        string path, ReadOnlyMemory<byte> header, long dataLength)
    {
        // The JSON reader checks a string only when it is read, and would fail in the middle.
        if (!Utf8.IsValid(header.Span))
        {
            throw new ModelFileException(path, "its header is not UTF-8");
        }

        return JsonFile.ParseTensors(path, header, root =>
        {
            var tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
            foreach (var entry in root.EnumerateObject())
            {
                if (entry.Name != Metadata && !tensors.TryAdd(entry.Name, ParseTensor(path, entry)))
                {
                    throw new ModelFileException(path, $"tensor '{entry.Name}' occurs twice in its header");
                }
            }

            CheckCover(path, tensors, dataLength);
            return tensors;
        });
    }

    private static StoredTensor ParseTensor(string path, JsonProperty entry)
    {
        StoredTensor stored;
        long count;
        try
        {
            if (entry.Value.EnumerateObject().CountBy(property => property.Name).Any(name => name.Value > 1))
            {
                throw new FormatException("a key occurs twice");
            }

            var type = entry.Value.GetProperty("dtype").GetString() ?? "null";
            int[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())];
            count = Array.TrueForAll(shape, size => size >= 0)
                ? shape.Aggregate(1L, (product, size) => checked(product * size))
                : throw new FormatException("a size is negative");
            var offsets = entry.Value.GetProperty("data_offsets");
            stored = offsets.GetArrayLength() == 2
                ? new StoredTensor(type, shape, offsets[0].GetInt64(), offsets[1].GetInt64())
                : throw new FormatException("data_offsets are not two");
        }
        catch (Exception fault) when (fault is KeyNotFoundException or InvalidOperationException or FormatException
            or OverflowException)
        {
            throw new ModelFileException(
                path, $"tensor '{entry.Name}' has a malformed header entry", innerException: fault);
        }

        RequireFits(path, entry.Name, stored, count);
        return stored;
    }

    private static void RequireFits(string path, string name, StoredTensor stored, long count)
    {
        var elementBytes = ElementBytes(stored.Type);
        if (elementBytes == 0)
        {
            throw new ModelFileException(
                path, $"tensor '{name}' has the unknown type '{stored.Type}'", ModelFault.Unsupported);
        }

        if (count > Array.MaxLength)
        {
            throw new ModelFileException(
                path, $"tensor '{name}' {stored} has {count} elements, wanted {Array.MaxLength} at most");
        }

        var wanted = count * elementBytes;
        if (stored.Begin < 0 || stored.End - stored.Begin != wanted)
        {
            throw new ModelFileException(
                path, $"tensor '{name}' {stored} needs {wanted} bytes, its offsets {stored.Begin} to {stored.End} do "
                    + "not hold that");
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
                throw new ModelFileException(
                    path, $"tensor '{name}' begins at {stored.Begin}, wanted {position}: it {problem}");
            }

            position = stored.End;
        }

        if (position != dataLength)
        {
            throw new ModelFileException(
                path, $"it holds {dataLength} bytes of tensors, its header describes {position}: truncated or damaged");
        }
    }
}
