using System.Text;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

public sealed class CorpusFormatTests
{
    [Fact]
    public void Read_ReferenceTmx_GivesTheReferenceRows()
    {
        var corpus = CorpusReader.Read(Fixtures.Require("formats", "sample.tmx"));

        Assert.Equal(ReferenceRows().Take(50), corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    }

    [Fact]
    public void Read_ReferencePo_LeavesOutFuzzyAndUntranslated()
    {
        var corpus = CorpusReader.Read(Fixtures.Require("formats", "sample.po"));

        Assert.Equal(1, corpus.BadRows[RowFault.Fuzzy]);
        Assert.Equal(1, corpus.BadRows[RowFault.Untranslated]);
        Assert.Equal(2, corpus.BadRows.Count);
        Assert.Contains(new SentencePair("못 믿어.", "I don't buy it."), corpus.Pairs);
        Assert.Contains(new SentencePair("그게 내가 말하려던 거야.", "That's what I was going to say."), corpus.Pairs);
        Assert.Contains(
            new SentencePair("눈을 다시 감으세요.\n\t둘째 \"줄\" \\ %s", "Close your eyes again.\n\tsecond \"line\" \\ %s"),
            corpus.Pairs);
        Assert.DoesNotContain(corpus.Pairs, pair => pair.En == "I actually play the piano pretty well.");
        Assert.Equal(corpus.RowCount, corpus.Pairs.Count + 2);
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

        Assert.Equal((200, 188), ((int)corpus.RowCount, corpus.Pairs.Count));
        Assert.Equal(12, corpus.BadRows[RowFault.MissingField]);
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
    [InlineData("a.po", "msgid \"\"\nmsgstr \"Content-Type: text/plain; charset=EUC-KR\\n\"\n")]
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
