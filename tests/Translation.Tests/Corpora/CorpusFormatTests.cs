using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Workflows.TestKit;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

public sealed class CorpusFormatTests
{
    [Fact]
    public void Read_ReferenceTmx_GivesTheReferenceRows()
    {
        var path = Fixtures.Require("formats", "sample.tmx");
        var units = XDocument.Load(path).Descendants("tu").Count();

        var corpus = CorpusReader.Read(path);

        Assert.NotEmpty(corpus.Pairs);
        Assert.Equal(ReferenceRows().Take(units), corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    }

    /// <summary>What is expected is counted in the file's own text.</summary>
    [Fact]
    public void Read_ReferencePo_LeavesOutFuzzyAndUntranslated()
    {
        var path = Fixtures.Require("formats", "sample.po");
        var text = File.ReadAllText(path);
        int Count(string pattern) => Regex.Count(text, pattern, RegexOptions.Multiline);
        var obsolete = Regex.Matches(text, "^#~ msgid \"(.*)\"", RegexOptions.Multiline)
            .Select(match => match.Groups[1].Value).ToHashSet();

        var corpus = CorpusReader.Read(path);

        // The header is a message without a text of its own.
        Assert.Equal(Count("^msgid ") - 1, corpus.RowCount);
        Assert.Equal(Count("^#,.*fuzzy"), corpus.BadRows.GetValueOrDefault(RowFault.Fuzzy));
        Assert.Equal(Count("^msgstr \"\"\n(?!\")"), corpus.BadRows.GetValueOrDefault(RowFault.Untranslated));
        Assert.Equal(corpus.RowCount - corpus.Pairs.Count, corpus.BadRows.Values.Sum());
        Assert.DoesNotContain(corpus.Pairs, pair => obsolete.Contains(pair.En));
        // What is no reference row has been given escapes.
        Assert.All(corpus.Pairs.Except(ReferenceRows()), pair => Assert.Matches("[\n\t\"\\\\]", pair.En));
        Assert.NotEmpty(corpus.Pairs.Intersect(ReferenceRows()));
    }

    [Fact]
    public void Read_PoWithContextsPluralsAndEscapes_GivesTheirText()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a.po", Encoding.UTF8.GetBytes("""
            msgid ""
            msgstr "Language: ko\n"

            msgctxt "menu"
            msgid "I don't buy it."
            msgstr "못 믿어."

            msgid "one key"
            msgid_plural "many keys"
            msgstr[0] "열쇠 하나"
            msgstr[1] "열쇠 여럿"

            msgid ""
            "Close your eyes.\n"
            "\tsecond \"line\" \\ %s"
            msgstr ""
            "눈을 감으세요.\n"
            "\t둘째 \"줄\" \\ %s"

            #~ msgid "gone"
            #~ msgstr "없음"
            """));

        var corpus = CorpusReader.Read(path);

        Assert.Equal(
            [
                new SentencePair("못 믿어.", "I don't buy it."),
                new SentencePair("열쇠 하나", "one key"),
                new SentencePair("눈을 감으세요.\n\t둘째 \"줄\" \\ %s", "Close your eyes.\n\tsecond \"line\" \\ %s"),
            ],
            corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    }

    [Fact]
    public void Read_ReferenceMo_HasTheTranslationsOfThePo()
    {
        var source = CorpusReader.Read(Fixtures.Require("formats", "sample.po")).Pairs;

        var corpus = CorpusReader.Read(Fixtures.Require("formats", "sample.mo"));

        Assert.Empty(corpus.BadRows);
        Assert.NotEmpty(corpus.Pairs);
        Assert.Empty(corpus.Pairs.Except(source));
        Assert.Equal(source.Select(pair => pair.En).Distinct().Order(),
            corpus.Pairs.Select(pair => pair.En).Distinct().Order());
    }

    [Fact]
    public void Read_ReferenceParquet_GivesTheReferenceRows()
    {
        var reference = ReferenceRows().ToHashSet();
        var folder = Path.GetDirectoryName(Fixtures.Require("formats", "rows.json"))!;
        var read = 0;
        foreach (var path in Directory.EnumerateFiles(folder, "*.parquet"))
        {
            if (Path.GetFileName(path).StartsWith("truncated", StringComparison.Ordinal))
            {
                var error = Assert.Throws<CorpusException>(() => CorpusReader.Read(path));
                Assert.Equal((CorpusError.FileUnreadable, path), (error.Error, error.File));
                continue;
            }

            var corpus = CorpusReader.Read(path);

            Assert.Equal(reference.Count, (int)corpus.RowCount);
            Assert.Equal(corpus.RowCount - corpus.Pairs.Count, corpus.BadRows.GetValueOrDefault(RowFault.MissingField));
            Assert.Empty(corpus.Pairs.Except(reference));
            read++;
        }

        Assert.True(read > 0, $"No Parquet file in '{folder}'.");
    }

    [Fact]
    public void Read_ReferenceParquetWithNulls_LeavesThoseRowsOut()
    {
        var corpus = CorpusReader.Read(Fixtures.Require("formats", "nulls.snappy.parquet"));

        // What is left are reference rows in their order.
        var rows = ReferenceRows().ToList();
        var at = 0;
        Assert.Equal(rows.Count, corpus.RowCount);
        foreach (var pair in corpus.Pairs)
        {
            var found = rows.IndexOf(pair, at);
            Assert.True(found >= 0, $"{pair} is no reference row after number {at}.");
            at = found + 1;
        }

        Assert.InRange(corpus.BadRows[RowFault.MissingField], 1, rows.Count - 1);
        Assert.Equal(rows.Count - corpus.Pairs.Count, corpus.BadRows[RowFault.MissingField]);
        Assert.NotEmpty(corpus.Samples);
    }

    [Fact]
    public void Read_ParquetWithoutTheColumn_NamesTheColumnsThatItHas()
    {
        var path = Fixtures.Require("formats", "nested.snappy.parquet");

        var error = Assert.Throws<CorpusException>(
            () => CorpusReader.Read(path, new CorpusReadOptions { KoColumn = "kor" }));

        Assert.Equal(CorpusError.ColumnMissing, error.Error);
        Assert.Contains("'kor'", error.Message, StringComparison.Ordinal);
        Assert.Contains("'translation.ko'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ParquetDamagedAnywhere_IsAnErrorOrTruth()
    {
        var bytes = File.ReadAllBytes(Fixtures.Require("formats", "flat.zstd.parquet"));
        var random = new Random(1);
        using var folder = new TemporaryFolder();
        var refused = 0;
        for (var round = 0; round < 200; round++)
        {
            var damaged = (byte[])bytes.Clone();
            for (var hit = 0; hit < 3; hit++)
            {
                damaged[random.Next(damaged.Length)] ^= (byte)random.Next(1, 256);
            }

            try
            {
                CorpusReader.Read(folder.Write("a.parquet", damaged));
            }
            catch (CorpusException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1, 200);
    }

    /// <summary>Among others the schema's own repetition becomes "repeated", where it may have none.</summary>
    [Fact]
    public void Read_ParquetWithAFalseFooter_IsAnErrorOrTruth()
    {
        var bytes = File.ReadAllBytes(Fixtures.Require("formats", "nested.snappy.parquet"));
        var end = bytes.Length - 8;
        using var folder = new TemporaryFolder();
        var refused = 0;
        for (var at = end - BitConverter.ToInt32(bytes, end); at < end; at++)
        {
            var before = bytes[at];
            bytes[at] = 4;
            var error = Record.Exception(() => CorpusReader.Read(folder.Write("a.parquet", bytes)));
            bytes[at] = before;
            if (error is not null)
            {
                Assert.IsType<CorpusException>(error);
                refused++;
            }
        }

        Assert.True(refused > 0, "no damage was noticed");
    }

    [Fact]
    public void Read_TmxOfAllKinds_TakesTextAndLeavesCodesOut()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a.tmx", """
            <tmx version="1.1"><header/><body>
            <tu><tuv lang="KO-kr"><seg>방<bpt i="1">&lt;b&gt;</bpt>이 <hi>있</hi>나요?</seg></tuv>
                <tuv xml:lang="en_US"><seg>Is there a <ph>{0}</ph>room &amp; bed?</seg></tuv></tu>
            <tu><tuv xml:lang="ko"><seg>혼자</seg></tuv></tu>
            <tu/>
            </body></tmx>
            """);

        var corpus = CorpusReader.Read(path);

        Assert.Equal([new SentencePair("방이 있나요?", "Is there a room & bed?")], corpus.Pairs);
        Assert.Equal((3, 2), (corpus.RowCount, corpus.BadRows[RowFault.MissingField]));
        Assert.Equal([4, 5], corpus.Samples.Select(sample => sample.Line));
    }

    [Theory]
    [InlineData("a.tmx", "<tmx version=\"1.4\"><body><tu>")]
    [InlineData("a.tmx", "<html/>")]
    [InlineData("a.mo", "not a catalogue, though it is long enough")]
    [InlineData("a.po", "msgid \"\"\nmsgstr \"Content-Type: text/plain; charset=ISO-2022-KR\\n\"\n")]
    public void Read_DamagedFile_NamesTheFile(string name, string content)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write(name, content);

        var error = Assert.Throws<CorpusException>(() => CorpusReader.Read(path));

        Assert.Equal((CorpusError.FileUnreadable, path), (error.Error, error.File));
    }

    [Fact]
    public void Read_ReferenceMoCutShort_NeverFailsOtherwise()
    {
        var bytes = File.ReadAllBytes(Fixtures.Require("formats", "sample.mo"));
        using var folder = new TemporaryFolder();
        for (var length = 0; length < bytes.Length; length += 97)
        {
            var path = folder.Write("a.mo", bytes[..length]);
            Assert.Throws<CorpusException>(() => CorpusReader.Read(path));
        }
    }

    [Fact]
    public void Read_PoWithBadEntries_CountsThemAndGoesOn()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a.po", Encoding.UTF8.GetBytes("""
            msgid ""
            msgstr "Language: en\n"
            msgid "방"
            msgstr "room"
            msgid "열쇠"
            msgstr "key

            msgid "침대"

            msgstr "\x41bed"
            nonsense
            """));

        var corpus = CorpusReader.Read(path);

        Assert.Equal([new SentencePair("방", "room")], corpus.Pairs);
        Assert.Equal(3, corpus.BadRows[RowFault.InvalidEntry]);
    }

    private static IEnumerable<SentencePair> ReferenceRows()
    {
        var rows = Fixtures.Json("formats", "rows.json");
        return rows.GetProperty("ko").EnumerateArray().Zip(rows.GetProperty("en").EnumerateArray(),
            (ko, en) => new SentencePair(ko.GetString()!, en.GetString()!));
    }
}
