using System.Text;
using System.Text.RegularExpressions;
using System.Xml;

namespace Workflows.Translation.Corpora;

/// <summary>Reads translation memories (TMX 1.1 to 1.4).</summary>
internal sealed partial class TmxFile
{
    private const int HeadBytes = 1 << 16;

    // Deeper than any real memory: inline codes nest a few times.
    private const int MaxDepth = 64;

    // Codes of the text's own format, such as HTML tags, whose content is not text.
    private static readonly HashSet<string> Codes = new(StringComparer.Ordinal) { "bpt", "ept", "it", "ph", "ut" };

    // References to characters that XML forbids are accepted: their unit is counted as bad, and the others are read.
    private static readonly XmlReaderSettings Settings = new()
    {
        DtdProcessing = DtdProcessing.Ignore,
        XmlResolver = null,
        MaxCharactersInDocument = 0,
        CheckCharacters = false,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
    };

    private readonly string _path;
    private readonly XmlReader _reader;
    private readonly RowCollector _rows;

    private TmxFile(string path, XmlReader reader, RowCollector rows) =>
        (_path, _reader, _rows) = (path, reader, rows);

    public static void Read(string path, RowCollector rows)
    {
        var encoding = EncodingOf(path);
        try
        {
            using var stream = CorpusStream.OpenText(path, rows);
            using var text = new TmxText(new StreamReader(stream, encoding), rows.Options.MaxLineBytes);
            var settings = Settings.Clone();
            settings.NameTable = new FewNames(path);
            using var reader = XmlReader.Create(text, settings);
            if (reader.MoveToContent() != XmlNodeType.Element || reader.LocalName != "tmx")
            {
                throw new CorpusException(CorpusError.FileUnreadable, path, "it is XML but not a TMX file.");
            }

            new TmxFile(path, reader, rows).ReadUnits();
        }
        catch (XmlException error)
        {
            throw new CorpusException(CorpusError.FileUnreadable, path, error.Message, error.LineNumber, error);
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            throw new CorpusException(CorpusError.FileUnreadable, path, error.Message, null, error);
        }
    }

    /// <summary>Returns the encoding of the declaration; UTF-16 has been converted to UTF-8 before.</summary>
    private static Encoding EncodingOf(string path)
    {
        var head = CorpusStream.Head(path, HeadBytes);
        var declared = Declared().Match(Encoding.Latin1.GetString(head)) is { Success: true } match
            ? match.Groups[1].Value.ToUpperInvariant() : "UTF-8";
        var whole = head.AsSpan(0, Math.Max(0, head.AsSpan().LastIndexOf((byte)'<')));
        if (!System.Text.Unicode.Utf8.IsValid(whole) && EncodingCheck.IsKorean(whole))
        {
            throw EncodingCheck.Korean(path);
        }

        return declared switch
        {
            "ISO-8859-1" or "LATIN1" => Encoding.Latin1,
            "UTF-8" or "UTF8" or "UTF-16" or "UTF-16LE" or "UTF-16BE" or "ASCII" or "US-ASCII" => TmxText.Utf8,
            // The text was converted to UTF-8, but its declaration was not changed.
            _ when System.Text.Unicode.Utf8.IsValid(whole) && !Ascii.IsValid(whole) => TmxText.Utf8,
            _ => throw new CorpusException(CorpusError.FileUnreadable, path,
                $"its text is in {declared}; convert it to UTF-8, for example with iconv.", 1),
        };
    }

    [GeneratedRegex("""\A\W*<\?xml[^>]{0,200}encoding\s*=\s*["']([^"']+)["']""", RegexOptions.CultureInvariant)]
    private static partial Regex Declared();

    // "ko" also matches "ko-KR" and "KO_kr".
    private static bool IsLanguage(string given, string wanted) =>
        LanguageName.Is(given, wanted)
        || (given.StartsWith(wanted, StringComparison.OrdinalIgnoreCase)
            && given.Length > wanted.Length && given[wanted.Length] is '-' or '_');

    private void ReadUnits()
    {
        while (Advance())
        {
            if (_reader.NodeType == XmlNodeType.Element && _reader.LocalName == "tu")
            {
                AddUnit();
            }
        }
    }

    private bool Advance()
    {
        var hasMore = _reader.Read();
        return _reader.Depth <= MaxDepth ? hasMore : throw new CorpusException(CorpusError.TooLarge, _path,
            $"its elements are nested deeper than {MaxDepth} levels, the limit.",
            (_reader as IXmlLineInfo)?.LineNumber);
    }

    private void AddUnit()
    {
        var line = (_reader as IXmlLineInfo)?.LineNumber ?? 0;
        var (korean, english) = ((string?)null, (string?)null);
        var language = "";
        if (!_reader.IsEmptyElement)
        {
            var depth = _reader.Depth;
            while (Advance() && _reader.Depth > depth)
            {
                if (_reader.NodeType == XmlNodeType.Element && _reader.LocalName == "tuv")
                {
                    language = _reader.GetAttribute("xml:lang") ?? _reader.GetAttribute("lang") ?? "";
                }
                else if (_reader.NodeType == XmlNodeType.Element && _reader.LocalName == "seg")
                {
                    var text = Segment();
                    korean ??= IsLanguage(language, _rows.Options.KoColumn) ? text : null;
                    english ??= IsLanguage(language, _rows.Options.EnColumn) ? text : null;
                }
            }
        }

        if (korean is null || english is null)
        {
            _rows.Reject(new CorpusLine(line, korean ?? english ?? "", null), RowFault.MissingField);
        }
        else if (Fault(korean) is { } koFault)
        {
            _rows.Reject(new CorpusLine(line, korean, null), koFault);
        }
        else if (Fault(english) is { } enFault)
        {
            _rows.Reject(new CorpusLine(line, english, null), enFault);
        }
        else
        {
            _rows.Add(new SentencePair(korean, english), line);
        }
    }

    private RowFault? Fault(string segment) =>
        segment.Length > _rows.Options.MaxLineBytes ? RowFault.LineTooLong : TmxText.Fault(segment);

    private string Segment()
    {
        var text = new StringBuilder();
        if (_reader.IsEmptyElement)
        {
            return "";
        }

        var depth = _reader.Depth;
        var code = int.MaxValue;
        while (Advance() && _reader.Depth > depth)
        {
            if (code < int.MaxValue && _reader.Depth > code)
            {
                continue;
            }

            code = _reader.NodeType == XmlNodeType.Element && !_reader.IsEmptyElement
                && Codes.Contains(_reader.LocalName) ? _reader.Depth : int.MaxValue;
            var isText = _reader.NodeType is XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.SignificantWhitespace
                or XmlNodeType.Whitespace;
            if (isText && text.Length <= _rows.Options.MaxLineBytes)
            {
                text.Append(_reader.Value);
            }
        }

        return text.ToString();
    }

    /// <summary>Limits the names of elements and attributes, which a reader keeps: a memory has some dozens of
    /// them.</summary>
    private sealed class FewNames(string path) : NameTable
    {
        private const int Most = 10_000;
        private int _count;

        public override string Add(char[] key, int start, int len)
        {
            Count(Get(key, start, len));
            return base.Add(key, start, len);
        }

        public override string Add(string key)
        {
            Count(Get(key));
            return base.Add(key);
        }

        private void Count(string? known)
        {
            if (known is null && ++_count > Most)
            {
                throw new CorpusException(CorpusError.TooLarge, path,
                    $"its elements and attributes have more than {Most:N0} names, the limit.");
            }
        }
    }
}
