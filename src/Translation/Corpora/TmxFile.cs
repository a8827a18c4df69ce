using System.Xml;

namespace Workflows.Translation.Corpora;

/// <summary>Reads translation memories (TMX 1.1 to 1.4).</summary>
internal static class TmxFile
{
    // Codes of the text's own format, such as HTML tags; what they hold is not text.
    private static readonly HashSet<string> Codes = new(StringComparer.Ordinal) { "bpt", "ept", "it", "ph", "ut" };

    private static readonly XmlReaderSettings Settings = new()
    {
        DtdProcessing = DtdProcessing.Ignore, XmlResolver = null, MaxCharactersInDocument = 0,
    };

    public static ReadCorpus Read(string path, CorpusReadOptions options)
    {
        var rows = new RowCollector(options.SamplesPerFault);
        try
        {
            using var stream = CorpusLine.Open(path);
            using var reader = XmlReader.Create(stream, Settings);
            if (reader.MoveToContent() != XmlNodeType.Element || reader.LocalName != "tmx")
            {
                throw new CorpusException(CorpusError.FileUnreadable, path, "it is XML but not a TMX file.");
            }

            while (reader.Read())
            {
                if (reader.NodeType == XmlNodeType.Element && reader.LocalName == "tu")
                {
                    AddUnit(reader, options, rows);
                }
            }
        }
        catch (XmlException error)
        {
            throw new CorpusException(CorpusError.FileUnreadable, path, error.Message, error.LineNumber, error);
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            throw new CorpusException(CorpusError.FileUnreadable, path, error.Message, null, error);
        }

        return rows.Result();
    }

    private static void AddUnit(XmlReader reader, CorpusReadOptions options, RowCollector rows)
    {
        var line = (reader as IXmlLineInfo)?.LineNumber ?? 0;
        var (korean, english) = ((string?)null, (string?)null);
        var language = "";
        if (!reader.IsEmptyElement)
        {
            var depth = reader.Depth;
            while (reader.Read() && reader.Depth > depth)
            {
                if (reader.NodeType == XmlNodeType.Element && reader.LocalName == "tuv")
                {
                    language = reader.GetAttribute("xml:lang") ?? reader.GetAttribute("lang") ?? "";
                }
                else if (reader.NodeType == XmlNodeType.Element && reader.LocalName == "seg")
                {
                    var text = Segment(reader);
                    korean ??= IsLanguage(language, options.KoColumn) ? text : null;
                    english ??= IsLanguage(language, options.EnColumn) ? text : null;
                }
            }
        }

        if (korean is not null && english is not null)
        {
            rows.Add(new SentencePair(korean, english));
        }
        else
        {
            rows.Reject(new CorpusLine(line, korean ?? english ?? "", null), RowFault.MissingField);
        }
    }

    // "ko" means "ko-KR" and "KO_kr" as well.
    private static bool IsLanguage(string given, string wanted) =>
        given.StartsWith(wanted, StringComparison.OrdinalIgnoreCase)
        && (given.Length == wanted.Length || given[wanted.Length] is '-' or '_');

    private static string Segment(XmlReader reader)
    {
        var text = new System.Text.StringBuilder();
        if (reader.IsEmptyElement)
        {
            return "";
        }

        var depth = reader.Depth;
        reader.Read();
        while (reader.Depth > depth)
        {
            if (reader.NodeType == XmlNodeType.Element && Codes.Contains(reader.LocalName))
            {
                reader.Skip();
                continue;
            }

            if (reader.NodeType is XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.SignificantWhitespace
                or XmlNodeType.Whitespace)
            {
                text.Append(reader.Value);
            }

            if (!reader.Read())
            {
                break;
            }
        }

        return text.ToString();
    }
}
