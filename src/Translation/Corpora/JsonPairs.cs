using System.Text.Json;
using System.Text.RegularExpressions;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Reads JSON objects, flat or with the pair inside "translation": one a line, one after the other, or in an array.
/// </summary>
internal static partial class JsonPairs
{
    private const int HeadBytes = 4096;

    /// <summary>Reads one object a line, unless the file is one array.</summary>
    public static void ReadLines(string path, RowCollector rows)
    {
        var lines = Depth(path) == 0 ? CorpusLine.Read(path, rows) : JsonObjects.Read(path, Depth(path), rows);
        Add(lines, rows);
    }

    /// <summary>Reads objects on any lines, or in an array, or in the array of an object.</summary>
    public static void Read(string path, RowCollector rows) =>
        Add(JsonObjects.Read(path, Depth(path), rows), rows);

    private static void Add(IEnumerable<CorpusLine> objects, RowCollector rows)
    {
        foreach (var line in objects)
        {
            if (line.Fault is { } fault)
            {
                rows.Reject(line, fault);
                continue;
            }

            var wrong = TryParse(line.Text, rows.Options, out var pair);
            if (wrong is { } reason)
            {
                rows.Reject(line, reason);
            }
            else
            {
                rows.Add(pair, line.Number);
            }
        }
    }

    /// <summary>Counts the brackets around the rows: none, an array's, or those of an object and its array.</summary>
    private static int Depth(string path)
    {
        var head = System.Text.Encoding.UTF8.GetString(CorpusStream.Head(path, HeadBytes)).TrimStart('\uFEFF');
        return head.AsSpan().TrimStart().StartsWith("[") ? 1 : Wrapped().IsMatch(head) ? 2 : 0;
    }

    private static RowFault? TryParse(string text, CorpusReadOptions options, out SentencePair pair)
    {
        pair = default;
        try
        {
            using var document = JsonDocument.Parse(text);
            var row = document.RootElement;
            if (row.ValueKind != JsonValueKind.Object)
            {
                return RowFault.InvalidJson;
            }

            if (row.TryGetProperty("translation", out var nested) && nested.ValueKind == JsonValueKind.Object)
            {
                row = nested;
            }

            if (Text(row, options.KoColumn) is not { } korean || Text(row, options.EnColumn) is not { } english)
            {
                return RowFault.MissingField;
            }

            pair = new SentencePair(korean, english);
            return null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // An escaped half of a surrogate pair parses, and only fails when its string is read.
            return RowFault.InvalidJson;
        }
    }

    private static string? Text(JsonElement row, string name)
    {
        if (!row.TryGetProperty(name, out var value))
        {
            value = row.EnumerateObject().FirstOrDefault(each => LanguageName.Is(each.Name, name)).Value;
        }

        return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }

    [GeneratedRegex("""^\s*\{\s*"[^"\\]*"\s*:\s*\[\s*\{""", RegexOptions.CultureInvariant)]
    private static partial Regex Wrapped();
}
