using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Workflows.TestKit;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>Writes pairs in every text format by the format's own rules, which the readers know nothing of.</summary>
internal static class CorpusWriter
{
    public static readonly string[] TextFormats =
        ["tsv", "quoted.tsv", "csv", "semicolon.csv", "jsonl", "json", "wrapped.json", "po", "tmx"];

    /// <summary>Pieces of text that only this format can hold.</summary>
    public static string[] PiecesOf(string format) => format switch
    {
        "tsv" => [",", "a\"b", "''"],
        "quoted.tsv" or "csv" or "semicolon.csv" => [",", "\"", "\t", "\n", ";"],
        "jsonl" or "json" or "wrapped.json" => ["\"", "\t", "\n", "\r\n", "\u0001", "\\u0041", ","],
        "po" => ["\"", "\t", "\n", "\\\\", ","],
        _ => ["\"", "\t", "\n", ",", "]]>", "<!--"],
    };

    /// <summary>
    /// The file's text with "\n" for the breaks of its own lines, and "\u0000" for them while it is made.
    /// </summary>
    public static string Write(Random random, string format, IReadOnlyList<SentencePair> pairs) => format switch
    {
        "tsv" => Lines(pairs.Select(pair => $"{pair.Ko}\t{pair.En}").Prepend("ko\ten")),
        "quoted.tsv" => Lines(pairs.Prepend(new SentencePair("ko", "en")).Select(pair => Row(pair, '\t'))),
        "csv" => Lines(pairs.Prepend(new SentencePair("ko", "en")).Select(pair => Row(pair, ','))),
        "semicolon.csv" => Lines(pairs.Prepend(new SentencePair("ko", "en")).Select(pair => Row(pair, ';'))),
        "jsonl" => Lines(pairs.Select(pair => Json(random, pair, breaks: false))),
        "json" => $"[{string.Join(",\n", pairs.Select(pair => Json(random, pair, breaks: true)))}]",
        "wrapped.json" => $"{{\"data\": [{string.Join(", ", pairs.Select(pair => Json(random, pair, true)))}]}}\n",
        "po" => string.Join("\n", pairs.Select((pair, index) => Message(random, pair, index))),
        _ => "<?xml version=\"1.0\"?>\n<tmx version=\"1.4\"><header/><body>\n"
            + string.Join("\n", pairs.Select(pair => Unit(random, pair))) + "\n</body></tmx>\n",
    };

    /// <summary>Bytes in one of the encodings that a text file may have.</summary>
    public static byte[] Encode(string text, string encoding) => encoding switch
    {
        "utf-8" => Encoding.UTF8.GetBytes(text),
        "utf-8 with mark" => [.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(text)],
        "utf-16le" => [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes(text)],
        _ => [.. Encoding.BigEndianUnicode.Preamble, .. Encoding.BigEndianUnicode.GetBytes(text)],
    };

    /// <summary>Gzip of several members, as "cat a.gz b.gz" makes it.</summary>
    public static byte[] Pack(byte[] bytes, int members)
    {
        using var packed = new MemoryStream();
        foreach (var part in bytes.Chunk(Math.Max(1, bytes.Length / members)))
        {
            using var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true);
            gzip.Write(part);
        }

        return packed.ToArray();
    }

    /// <summary>A compiled gettext catalogue, in either byte order.</summary>
    public static byte[] Compiled(IReadOnlyList<SentencePair> pairs, bool isBigEndian)
    {
        var texts = pairs.Select(pair => pair.En).Concat(pairs.Select(pair => pair.Ko))
            .Select(Encoding.UTF8.GetBytes).ToList();
        var at = 28 + (8 * texts.Count);
        var bytes = new byte[at + texts.Sum(text => text.Length + 1)];
        void Word(int place, int value)
        {
            if (isBigEndian)
            {
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(place), value);
            }
            else
            {
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(place), value);
            }
        }

        Word(0, unchecked((int)0x950412de));
        Word(8, pairs.Count);
        Word(12, 28);
        Word(16, 28 + (8 * pairs.Count));
        foreach (var (index, text) in texts.Index())
        {
            Word(28 + (8 * index), text.Length);
            Word(32 + (8 * index), at);
            text.CopyTo(bytes, at);
            at += text.Length + 1;
        }

        return bytes;
    }

    public static List<SentencePair> Pairs(Random random, string format, int most = 12) =>
        [.. Enumerable.Range(0, random.Next(1, most)).Select(_ => new SentencePair(
            AnyText.Of(random, 8, PiecesOf(format)), AnyText.Of(random, 8, PiecesOf(format))))];

    private static string Lines(IEnumerable<string> lines) => string.Concat(lines.Select(line => line + "\n"));

    private static string Row(SentencePair pair, char separator) =>
        $"\"{pair.Ko.Replace("\"", "\"\"")}\"{separator}\"{pair.En.Replace("\"", "\"\"")}\"";

    private static string Json(Random random, SentencePair pair, bool breaks)
    {
        var (ko, en) = (JsonSerializer.Serialize(pair.Ko), JsonSerializer.Serialize(pair.En));
        var gap = breaks ? "\n  " : " ";
        return random.Next(4) switch
        {
            0 => $"{{{gap}\"ko\": {ko},{gap}\"en\": {en}}}",
            1 => $"{{\"id\": [1, {{\"x\": \"}}]\"}}],{gap}\"en\": {en}, \"ko\": {ko}}}",
            2 => $"{{\"translation\":{gap}{{\"en\":{en},\"ko\":{ko}}}, \"n\": null}}",
            _ => $"{{\"korean\": {ko}, \"english\":{gap}{en}}}",
        };
    }

    private static string Message(Random random, SentencePair pair, int index)
    {
        var comments = random.Next(3) switch { 0 => "", 1 => "# note\n#: a.c:1\n", _ => "#| msgid \"old\"\n" };
        var context = random.Next(2) == 0 ? $"msgctxt \"{index}\"\n" : "";
        var blank = random.Next(2) == 0 ? "\n" : "";
        return $"{comments}{context}msgid {Quoted(random, pair.En)}msgstr {Quoted(random, pair.Ko)}{blank}";
    }

    private static string Quoted(Random random, string text)
    {
        var lines = new StringBuilder(random.Next(2) == 0 ? "\"\"\n\"" : "\"");
        foreach (var rune in text.EnumerateRunes())
        {
            lines.Append(rune.Value switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\t' => "\\t",
                _ when random.Next(9) == 0 => Escaped(random, rune),
                _ => rune.ToString(),
            });
            lines.Append(random.Next(12) == 0 ? "\"\n\"" : "");
        }

        return lines.Append("\"\n").ToString();
    }

    // GNU gettext reads bytes as three octal digits.
    private static string Escaped(Random random, Rune rune) => string.Concat(
        Encoding.UTF8.GetBytes(rune.ToString()).Select(each => random.Next(2) == 0
            ? $"\\{Convert.ToString(each, 8).PadLeft(3, '0')}" : $"\\x{each:x2}\"\n\""));

    private static string Unit(Random random, SentencePair pair)
    {
        var ko = $"<tuv xml:lang=\"ko-KR\"><seg>{Segment(random, pair.Ko)}</seg></tuv>";
        var en = $"<tuv lang=\"EN\"><prop>x</prop><seg>{Segment(random, pair.En)}</seg></tuv>";
        return random.Next(2) == 0 ? $"<tu>{ko}{en}</tu>" : $"<tu tuid=\"1\"><note>a &lt; b</note>{en}{ko}</tu>";
    }

    private static string Segment(Random random, string text)
    {
        var segment = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            segment.Append(random.Next(12) switch
            {
                0 => $"&#{rune.Value};",
                1 => $"&#x{rune.Value:X};",
                2 when rune.Value != ']' => $"<![CDATA[{rune}]]>",
                3 => $"<bpt i=\"1\">&lt;i&gt;</bpt>{System.Security.SecurityElement.Escape(rune.ToString())}<ph/>",
                4 => $"<!-- < & > -->{System.Security.SecurityElement.Escape(rune.ToString())}",
                _ => System.Security.SecurityElement.Escape(rune.ToString()),
            });
        }

        return segment.ToString();
    }
}
