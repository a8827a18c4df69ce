using System.IO.Compression;
using System.Text;
using System.Text.Unicode;
using Workflows.TestKit;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

public sealed class CorpusReaderTests
{
    [Theory]
    [InlineData("flat.jsonl.gz")]
    [InlineData("nested.jsonl")]
    public void Read_ReferenceJsonLines_GivesTheReferenceRows(string file)
    {
        var rows = Fixtures.Json("formats", "rows.json");
        var expected = rows.GetProperty("ko").EnumerateArray().Zip(rows.GetProperty("en").EnumerateArray(),
            (ko, en) => new SentencePair(ko.GetString()!, en.GetString()!));

        var corpus = CorpusReader.Read(Fixtures.Require("formats", file));

        Assert.Equal(expected, corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    }

    [Fact]
    public void Read_ReferenceDamagedTable_CountsEveryBadRow()
    {
        var path = Fixtures.Require("formats", "bad-utf8.tsv");
        var rows = Latin1Rows(path);
        bool IsUtf8(string row) => Utf8.IsValid(Encoding.Latin1.GetBytes(row));
        int Columns(string row) => row.Split('\t').Length;
        var whole = rows.Where(row => IsUtf8(row) && Columns(row) == 2)
            .Select(row => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(row)).Split('\t')).ToList();

        var corpus = CorpusReader.Read(path);
        var cleaned = CorpusCleaner.Clean(corpus.Pairs);

        Assert.Equal(rows.Length, corpus.RowCount);
        Assert.Equal(rows.Count(row => !IsUtf8(row)), corpus.BadRows.GetValueOrDefault(RowFault.InvalidUtf8));
        Assert.Equal(rows.Count(row => IsUtf8(row) && Columns(row) < 2),
            corpus.BadRows.GetValueOrDefault(RowFault.TooFewColumns));
        Assert.Equal(rows.Count(row => IsUtf8(row) && Columns(row) > 2),
            corpus.BadRows.GetValueOrDefault(RowFault.TooManyColumns));
        Assert.NotEmpty(corpus.BadRows);
        Assert.Equal(whole.Select(row => new SentencePair(row[0], row[1])), corpus.Pairs);
        Assert.Equal(whole.Count(row => row.Any(string.IsNullOrWhiteSpace)),
            cleaned.Removed.GetValueOrDefault(CleaningReason.Empty));
        Assert.Equal(whole.Count(row => row[0] == row[1] && !string.IsNullOrWhiteSpace(row[0])),
            cleaned.Removed.GetValueOrDefault(CleaningReason.IdenticalSides));
    }

    [Theory]
    [InlineData("ko\ten\n방\troom\n", HeaderLine.Automatic)]
    [InlineData("id\tEN\tKO\n1\troom\t방\n", HeaderLine.Automatic)]
    [InlineData("\uFEFFko\ten\r\n방\troom\r\n", HeaderLine.Present)]
    [InlineData("방\troom", HeaderLine.Automatic)]
    [InlineData("방\troom\n", HeaderLine.Absent)]
    public void ReadTsv_TablesOfAllKinds_GiveThePair(string content, HeaderLine header)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("corpus.tsv", content);

        var corpus = CorpusReader.ReadTsv(path, new CorpusReadOptions { Header = header });

        Assert.Equal([new SentencePair("방", "room")], corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    }

    [Fact]
    public void ReadTsv_OtherColumnNames_AreFound()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("corpus.tsv", "source\ttarget\tscore\n방\troom\t0.5\n");

        var corpus = CorpusReader.ReadTsv(path, new CorpusReadOptions { KoColumn = "source", EnColumn = "target" });

        Assert.Equal([new SentencePair("방", "room")], corpus.Pairs);
    }

    [Fact]
    public void ReadTsv_ColumnMissing_NamesFileLineAndColumns()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("corpus.tsv", "korean\ttarget\n방\troom\n");

        var error = Assert.Throws<CorpusException>(() =>
            CorpusReader.ReadTsv(path, new CorpusReadOptions { Header = HeaderLine.Present }));

        Assert.Equal((CorpusError.ColumnMissing, "CORPUS_COLUMN_MISSING"), (error.Error, error.ErrorCode));
        Assert.Equal((path, 1L), (error.File, error.Line));
        Assert.Contains("'korean', 'target'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingFile_SaysSo()
    {
        var error = Assert.Throws<CorpusException>(() => CorpusReader.Read("/nowhere/corpus.tsv"));

        Assert.Equal(CorpusError.FileNotFound, error.Error);
        Assert.Contains("/nowhere/corpus.tsv", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_UnknownEnding_SaysWhatIsKnown()
    {
        var error = Assert.Throws<CorpusException>(() => CorpusReader.Read("corpus.docx"));

        Assert.Equal(CorpusError.UnknownFormat, error.Error);
        Assert.Contains(".tsv", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DamagedGzip_IsAnUnreadableFile()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("corpus.tsv.gz", "this is not gzip"u8.ToArray());

        var error = Assert.Throws<CorpusException>(() => CorpusReader.Read(path));

        Assert.Equal(CorpusError.FileUnreadable, error.Error);
    }

    [Fact]
    public void Read_GzipTable_IsUnpacked()
    {
        using var folder = new TemporaryFolder();
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionMode.Compress))
        {
            gzip.Write(Encoding.UTF8.GetBytes("ko\ten\n방\troom\n"));
        }

        var corpus = CorpusReader.Read(folder.Write("corpus.tsv.gz", packed.ToArray()));

        Assert.Equal([new SentencePair("방", "room")], corpus.Pairs);
    }

    [Fact]
    public void ReadJsonLines_BadRows_AreCountedWithSamples()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("corpus.jsonl", """
            {"ko":"방","en":"room"}
            {"ko":"방"
            [1,2]
            {"ko":"방","en":null}
            {"translation":{"ko":"열쇠","en":"key"}}
            {"ko":"\ud83d","en":"half a pair"}
            """);

        var corpus = CorpusReader.Read(path);

        Assert.Equal([new SentencePair("방", "room"), new SentencePair("열쇠", "key")], corpus.Pairs);
        Assert.Equal(3, corpus.BadRows[RowFault.InvalidJson]);
        Assert.Equal(1, corpus.BadRows[RowFault.MissingField]);
        Assert.Equal([2, 3, 4, 6], corpus.Samples.Select(sample => sample.Line));
    }

    [Fact]
    public void ReadAligned_EqualLengths_PairsTheLines()
    {
        using var folder = new TemporaryFolder();
        var korean = folder.Write("a.ko", "방\n열쇠\n");
        var english = folder.Write("a.en", "room\r\nkey");

        var corpus = CorpusReader.ReadAligned(korean, english);

        Assert.Equal([new SentencePair("방", "room"), new SentencePair("열쇠", "key")], corpus.Pairs);
    }

    [Theory]
    [InlineData("방\n열쇠\n", "room\n", "a.en")]
    [InlineData("방\n", "room\nkey\n", "a.ko")]
    public void ReadAligned_DifferentLengths_NamesTheShorterFileAndLine(string korean, string english, string shorter)
    {
        using var folder = new TemporaryFolder();

        var error = Assert.Throws<CorpusException>(() =>
            CorpusReader.ReadAligned(folder.Write("a.ko", korean), folder.Write("a.en", english)));

        Assert.Equal(CorpusError.LineCountMismatch, error.Error);
        Assert.EndsWith(shorter, error.File, StringComparison.Ordinal);
        Assert.Equal(2, error.Line);
    }

    [Fact]
    public void Read_HugeLine_IsABadRowAndReadingGoesOn()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("corpus.tsv", "방\troom\n" + new string('x', 300_000) + "\n열쇠\tkey\n");

        var corpus = CorpusReader.Read(path, new CorpusReadOptions { MaxLineBytes = 100_000 });

        Assert.Equal(2, corpus.Pairs.Count);
        Assert.Equal(1, corpus.BadRows[RowFault.LineTooLong]);
    }

    [Fact]
    public void Read_RandomBytes_NeverFailsAndCountsEveryLine()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(3);

        for (var round = 0; round < 100; round++)
        {
            var bytes = new byte[random.Next(1, 2000)];
            random.NextBytes(bytes);
            var path = folder.Write("corpus.tsv", bytes);
            // Bytes without a line feed have the other break of lines.
            var ending = (byte)(bytes.Contains((byte)'\n') ? '\n' : '\r');
            var lines = bytes.Count(value => value == ending) + (bytes[^1] == ending ? 0 : 1);
            var corpus = CorpusReader.Read(path, new CorpusReadOptions { Header = HeaderLine.Absent });
            Assert.Equal(lines, corpus.RowCount);
            Assert.Equal(lines, corpus.Pairs.Count + corpus.BadRows.Values.Sum());
        }
    }

    /// <summary>Rows below the header; one character a byte, so that damaged text stays apart.</summary>
    private static string[] Latin1Rows(string path) =>
        File.ReadAllText(path, Encoding.Latin1).TrimEnd('\n').Split('\n')[1..];
}
