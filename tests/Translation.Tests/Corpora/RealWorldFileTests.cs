using System.Globalization;
using System.IO.Compression;
using System.Text;
using Workflows.TestKit;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>Files as spreadsheets, scripts and translators' tools write them.</summary>
public sealed class RealWorldFileTests : IDisposable
{
    private static readonly SentencePair Room = new("방", "room"), Key = new("열쇠", "key");

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> OneKoreanPair => new()
    {
        { "a.tsv", "ko\ten\n{0}\tcaf\u0065\u0301\n" },
        { "a.csv", "ko,en\n{0},caf\u0065\u0301\n" },
        { "a.jsonl", """{"ko": "{0}", "en": "cafe""" + "\u0301" + "\"}" },
        { "a.json", """[{"ko": "{0}", "en": "cafe""" + "\u0301" + "\"}]" },
        { "a.po", "msgid \"cafe\u0301\"\nmsgstr \"{0}\"\n" },
        {
            "a.tmx", "<tmx><body><tu><tuv xml:lang=\"ko-KR\"><seg>{0}</seg></tuv><tuv xml:lang=\"en\">"
                + "<seg>cafe\u0301</seg></tuv></tu></body></tmx>"
        },
    };

    [Theory]
    [MemberData(nameof(OneKoreanPair))]
    public void Read_DecomposedText_IsComposedAndCounted(string name, string content)
    {
        // 한글 and 값 in conjoining letters, with and without a last consonant.
        const string decomposed = "\u1112\u1161\u11AB\u1100\u1173\u11AF \u1100\u1161\u11B9 \u1103\u1161";

        var corpus = CorpusReader.Read(Write(name, content.Replace("{0}", decomposed, StringComparison.Ordinal)));

        Assert.Equal([new SentencePair("한글 값 다", "café")], corpus.Pairs);
        Assert.Equal(1, corpus.ComposedRows);
    }

    [Theory]
    [MemberData(nameof(OneKoreanPair))]
    public void Read_Utf16WithItsMark_IsReadInEveryTextFormat(string name, string content)
    {
        var text = content.Replace("{0}", "한글 😀", StringComparison.Ordinal);
        foreach (var encoding in new[] { Encoding.Unicode, Encoding.BigEndianUnicode })
        {
            var corpus = CorpusReader.Read(_folder.Write(name, [.. encoding.Preamble, .. encoding.GetBytes(text)]));

            Assert.Equal([new SentencePair("한글 😀", "café")], corpus.Pairs);
            Assert.Empty(corpus.BadRows);
        }
    }

    [Fact]
    public void Read_Utf16LongerThanABuffer_IsWholeAndCountsHalfAPair()
    {
        var lines = Enumerable.Range(0, 9000).Select(i => $"방 😀 {i}\troom {i}").ToList();
        var bytes = Encoding.Unicode.GetBytes("\uFEFF" + string.Join("\r\n", lines) + "\r\nx");

        var corpus = CorpusReader.Read(_folder.Write("a.tsv", [.. bytes, 0x00, 0xD8, 0x0A, 0x00]));

        Assert.Equal(lines, corpus.Pairs.Select(pair => $"{pair.Ko}\t{pair.En}"));
        Assert.Equal(1, corpus.BadRows[RowFault.InvalidUtf8]);
    }

    [Fact]
    public void Read_AlignedUtf16_IsRead()
    {
        byte[] Packed(string text) => [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes(text)];
        var (ko, en) = (_folder.Write("a.ko", Packed("방\r\n")), _folder.Write("a.en", Packed("room\r\n")));

        Assert.Equal([Room], CorpusReader.ReadAligned(ko, en).Pairs);
    }

    [Theory]
    [InlineData("ko\ten\n\"방\"\t\"room\"\n\"열쇠\"\t\"key\"\n")]
    [InlineData("\"ko\"\t\"en\"\r\n\"방\"\t\"room\"\r\n\"열쇠\"\t\"key\"\r\n")]
    public void ReadTsv_EveryFieldQuoted_IsUnquotedAndSaidSo(string content)
    {
        var corpus = CorpusReader.Read(Write("a.tsv", content));

        Assert.Equal([Room, Key], corpus.Pairs);
        Assert.Contains("quoted", Assert.Single(corpus.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadTsv_QuotedWithABreakInside_KeepsTheRecordWhole()
    {
        var corpus = CorpusReader.Read(Write("a.tsv",
            "ko\ten\n\"그가 \"\"방\"\"이라\r\n했다\"\t\"He said \"\"room\"\"\"\r\n열쇠\tkey\r\n"));

        Assert.Equal([new SentencePair("그가 \"방\"이라\n했다", "He said \"room\""), Key], corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    }

    [Fact]
    public void ReadTsv_OneDamagedQuotedRow_CostsItselfAlone()
    {
        var good = Enumerable.Range(0, 50).Select(i => $"\"방 \"\"{i}\"\"\"\t\"room \"\"{i}\"\"\"").ToList();
        var corpus = CorpusReader.Read(
            _folder.WriteLines("a.tsv", [.. good[..20], "\"열\"쇠\t\"key\"", .. good[20..]]));

        Assert.Equal(50, corpus.Pairs.Count);
        Assert.Equal(1, corpus.BadRows[RowFault.InvalidQuotes]);
        Assert.Equal(21, Assert.Single(corpus.Samples).Line);
    }

    [Theory]
    [InlineData("\"방\" 했다\tHe said \"room\"\n")]
    [InlineData("\"방.\t\"Room.\n열쇠.\"\tKey.\"\n")]
    [InlineData("\"방\"\t\"Room\"\n열쇠\tKey\n")]
    public void ReadTsv_QuotesThatAreText_StayText(string content)
    {
        var corpus = CorpusReader.Read(Write("a.tsv", content));

        Assert.Equal(content.TrimEnd('\n').Split('\n'), corpus.Pairs.Select(pair => $"{pair.Ko}\t{pair.En}"));
        Assert.Empty(corpus.Notes);
    }

    [Fact]
    public void ReadTsv_QuotesOfTwoKinds_AreRefusedWithBothLines()
    {
        var error = Assert.Throws<CorpusException>(() => CorpusReader.Read(
            Write("a.tsv", "\"방\" 했다\tHe said\n\"그 \"\"방\"\"\"\tthe room\n")));

        Assert.Contains("line 2 is quoted as CSV, in line 1", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\uFEFFko,en\r\n\"방, 네\",\"room, yes\"\r\n")]
    [InlineData("id;en;ko\n1;room, yes;방, 네\n")]
    [InlineData("sep=;\nko;en\n방, 네;room, yes\n")]
    [InlineData("\"방, 네\",\"room, yes\"\n")]
    public void Read_Csv_IsReadAsSpreadsheetsWriteIt(string content)
    {
        var corpus = CorpusReader.Read(Write("a.csv", content));

        Assert.Equal([new SentencePair("방, 네", "room, yes")], corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    }

    [Fact]
    public void Read_CsvWithACommaThatIsNotQuoted_CountsTheRow()
    {
        var corpus = CorpusReader.Read(Write("a.csv", "방,room\n네, 열쇠,key\n"));

        Assert.Equal([Room], corpus.Pairs);
        Assert.Equal(1, corpus.BadRows[RowFault.TooManyColumns]);
    }

    [Theory]
    [InlineData("a.json", """{"ko": "방", "en": "room"}"""
        + "\n" + """{"translation": {"ko": "열쇠", "en": "key"}}""")]
    [InlineData("a.json", """[{"ko": "방", "en": "room"}, {"english": "key", "korean": "열쇠"}]""")]
    [InlineData("a.jsonl", """[{"ko": "방", "en": "room"}, {"en": "key", "ko": "열쇠"}]""")]
    [InlineData("a.json", """{"data": [{"ko": "방", "en": "room"}, {"en": "key", "ko": "열쇠"}], "count": 2}""")]
    [InlineData("a.json", "[\n {\n  \"ko\": \"방\",\n  \"en\": \"room\"\n },\n {\"ko\": \"열쇠\", \"en\": \"key\"}\n]\n")]
    public void Read_JsonOfEveryForm_GivesItsRows(string name, string content)
    {
        var corpus = CorpusReader.Read(Write(name, content));

        Assert.Equal([Room, Key], corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    }

    [Fact]
    public void Read_JsonArrayWithBadRows_CountsThemWithTheirLines()
    {
        var deep = new string('[', 10_000) + new string(']', 10_000);
        var corpus = CorpusReader.Read(Write("a.json",
            $$"""
            [{"ko": "방", "en": "room"},
            7, "x",
            {"ko": "a},
            {"ko": "열쇠", "en": "key", "n": [{"}": 1}]},
            {"ko": {{deep}}, "en": "key"},
            {
             "ko": "b,
             "en": "c"
            },
            {"ko": "침대", "en": "bed"},
            {"ko": "잘린
            """));

        Assert.Equal([Room, Key, new SentencePair("침대", "bed")], corpus.Pairs);
        Assert.True(corpus.BadRows[RowFault.InvalidJson] >= 4, "Every damaged row is counted.");
        Assert.Equal(corpus.RowCount, corpus.Pairs.Count + corpus.BadRows.Values.Sum());
        Assert.Equal(2, corpus.Samples[0].Line);
    }

    [Theory]
    [InlineData("&#x1;")]
    [InlineData("&#0;")]
    [InlineData("\u0001")]
    [InlineData("\uFFFF")]
    public void Read_TmxWithAControlCharacter_CountsThatUnitAlone(string control)
    {
        var path = Write("a.tmx", $"""
            <?xml version="1.0" encoding="UTF-8"?>
            <tmx version="1.4"><body>
            {Unit("방", "room")}
            {Unit("침대", "b" + control + "ed")}
            {Unit("열쇠", "key")}
            </body></tmx>
            """);

        var corpus = CorpusReader.Read(path);

        Assert.Equal([Room, Key], corpus.Pairs);
        Assert.Equal((3, 1), (corpus.RowCount, corpus.BadRows[RowFault.InvalidCharacter]));
        Assert.Equal(4, Assert.Single(corpus.Samples).Line);
    }

    [Fact]
    public void Read_TmxWithABadByte_CountsThatUnitAlone()
    {
        var text = $"<tmx><body>{Unit("방", "room")}{Unit("침대", "b?ed")}{Unit("열쇠", "key")}</body></tmx>";
        var bytes = Encoding.UTF8.GetBytes(text);
        bytes[Array.IndexOf(bytes, (byte)'?')] = 0xFF;

        var corpus = CorpusReader.Read(_folder.Write("a.tmx", bytes));

        Assert.Equal([Room, Key], corpus.Pairs);
        Assert.Equal(1, corpus.BadRows[RowFault.InvalidUtf8]);
    }

    [Theory]
    [InlineData("a.tsv", "ko\ten\n방\troom\n")]
    [InlineData("a.csv", "ko,en\n방,room\n")]
    [InlineData("a.jsonl", """{"ko": "방", "en": "room"}""")]
    [InlineData("a.json", """[{"ko": "방", "en": "room"}]""")]
    [InlineData("a.po", "# 번역\nmsgid \"\"\nmsgstr \"Content-Type: text/plain; charset=EUC-KR\\n\"\n\n"
        + "msgid \"room\"\nmsgstr \"방\"\n")]
    [InlineData("a.tmx", "<tmx><body><tu><tuv xml:lang=\"ko\"><seg>방</seg></tuv><tuv xml:lang=\"en\">"
        + "<seg>room</seg></tuv></tu></body></tmx>")]
    public void Read_EucKr_SaysSoAndHowToConvert(string name, string content)
    {
        var korean = CodePagesEncodingProvider.Instance.GetEncoding(949)!;
        var path = _folder.Write(name, korean.GetBytes(content));

        var error = Assert.Throws<CorpusException>(() => CorpusReader.Read(path));

        Assert.Equal(CorpusError.FileUnreadable, error.Error);
        Assert.Contains("EUC-KR", error.Message, StringComparison.Ordinal);
        Assert.Contains("iconv -f cp949 -t utf-8", error.Message, StringComparison.Ordinal);
        Assert.Equal([Room], CorpusReader.Read(Write(name, content)).Pairs);
    }

    [Theory]
    [InlineData("Korean\tENGLISH\n방\troom\n")]
    [InlineData("eng\tkor\nroom\t방\n")]
    [InlineData("id\t한국어\t영어\n1\t방\troom\n")]
    [InlineData("en-US\tko_KR\nroom\t방\n")]
    public void ReadTsv_OtherNamesOfTheLanguages_AreRecognised(string content)
    {
        var corpus = CorpusReader.Read(Write("a.tsv", content));

        Assert.Equal([Room], corpus.Pairs);
        Assert.Empty(corpus.Notes);
    }

    [Theory]
    [InlineData("source\ttarget\n방\troom\n", 1)]
    [InlineData("원문\t번역문\n방\troom\n", 1)]
    [InlineData("방\troom\n열쇠\tkey\n", 0)]
    public void ReadTsv_FirstLineLikeAHeader_IsSaidWhereItIsData(string content, int notes)
    {
        var corpus = CorpusReader.Read(Write("a.tsv", content));

        Assert.Equal(
            Enumerable.Repeat("line 1 read as data: no header ko/en", notes), corpus.Notes);
        Assert.Equal(2, corpus.Pairs.Count);
    }

    [Fact]
    public void Read_MoreBytesThanTheLimit_IsRefusedWithTheLimit()
    {
        var packed = Pack(string.Concat(Enumerable.Repeat("방\troom\n", 100_000)));

        var error = Assert.Throws<CorpusException>(() => CorpusReader.Read(
            _folder.Write("a.tsv.gz", packed), new CorpusReadOptions { MaxBytes = 500_000 }));

        Assert.Equal((CorpusError.TooLarge, "CORPUS_TOO_LARGE"), (error.Error, error.ErrorCode));
        Assert.Contains(500_000.ToString("N0", CultureInfo.CurrentCulture), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MoreCharactersThanTheLimit_CountsTheRowsBehind()
    {
        var corpus = CorpusReader.Read(
            Write("a.tsv", "방\troom\n열쇠열쇠\tkey\n방\tr\n"), new CorpusReadOptions { MaxCharacters = 8 });

        Assert.Equal([Room], corpus.Pairs);
        Assert.Equal(2, corpus.BadRows[RowFault.OverTheLimit]);
    }

    [Fact]
    public void Read_TmxThatNestsOrGrowsWithoutEnd_IsRefusedOrCounted()
    {
        var deep = string.Concat(Enumerable.Repeat("<x>", 100_000));
        var error = Assert.Throws<CorpusException>(
            () => CorpusReader.Read(_folder.Write("a.tmx.gz", Pack($"<tmx><body>{deep}"))));
        Assert.Contains("deeper than 64", error.Message, StringComparison.Ordinal);

        var (run, pieces) = (new string('x', 5000), string.Concat(Enumerable.Repeat("<hi>x</hi>", 2000)));
        var corpus = CorpusReader.Read(
            Write("a.tmx", $"<tmx><body>{Unit("침대", run)}{Unit("침대", pieces)}{Unit("방", "room")}</body></tmx>"),
            new CorpusReadOptions { MaxLineBytes = 1000 });
        Assert.Equal([Room], corpus.Pairs);
        Assert.Equal(2, corpus.BadRows[RowFault.LineTooLong]);
    }

    [Fact]
    public void Read_LongRowsOfEveryFormat_AreCounted()
    {
        var words = new string('x', 5000);
        var lines = string.Concat(Enumerable.Repeat("\"xxxxxxxxx\"\n", 500));
        foreach (var (name, content) in new[]
        {
            ("a.csv", $"ko,en\n방,\"{words}\"\n"),
            ("a.json", $$"""[{"ko": "방", "en": "{{words}}"}]"""),
            ("a.po", $"msgid \"\"\n{lines}msgstr \"방\"\n"),
        })
        {
            var corpus = CorpusReader.Read(Write(name, content), new CorpusReadOptions { MaxLineBytes = 1000 });

            Assert.Equal(1, corpus.BadRows[RowFault.LineTooLong]);
            Assert.Empty(corpus.Pairs);
        }
    }

    /// <summary>The inputs that people brought, where they are at hand.</summary>
    [Theory]
    [InlineData("control-reference.tmx")]
    [InlineData("control-raw.tmx")]
    [InlineData("json-lines.json")]
    [InlineData("json-array.json")]
    [InlineData("quoted.tsv")]
    [InlineData("bare-quotes.tsv")]
    [InlineData("excel.csv")]
    [InlineData("utf16.tsv")]
    [InlineData("nfd.tsv")]
    public void Read_FilesThatPeopleBrought_GiveAllTheirPairs(string name)
    {
        var path = Fixtures.Above("shared", "cases", name);
        Skipped.Unless(path is not null, $"No reference data at '../shared/cases/{name}'.");

        var corpus = CorpusReader.Read(path);

        Assert.Equal(name.StartsWith("control", StringComparison.Ordinal) ? 1 : 0, corpus.BadRows.Values.Sum());
        Assert.Equal(name == "quoted.tsv" ? 61 : 60, CorpusCleaner.Clean(corpus.Pairs).Pairs.Count);
        Assert.Equal(name == "nfd.tsv", corpus.ComposedRows > 0);
    }

    public void Dispose() => _folder.Dispose();

    private static string Unit(string ko, string en) =>
        $"<tu><tuv xml:lang=\"ko\"><seg>{ko}</seg></tuv><tuv xml:lang=\"en\"><seg>{en}</seg></tuv></tu>";

    private static byte[] Pack(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }

    private string Write(string name, string content) => _folder.Write(name, content);
}
