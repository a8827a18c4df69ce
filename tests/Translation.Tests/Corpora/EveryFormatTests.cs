using ParquetSharp;
using Workflows.TestKit;
using Workflows.Translation.Corpora;
using Encoding = System.Text.Encoding;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>The same pairs, in every format, encoding and packing, come back as they are.</summary>
public sealed class EveryFormatTests : IDisposable
{
    private static readonly string[] Encodings = ["utf-8", "utf-8 with mark", "utf-16le", "utf-16be"];

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> TextFormats => [.. CorpusWriter.TextFormats];

    [Theory]
    [MemberData(nameof(TextFormats))]
    public void Read_RandomPairs_GivesThemBack(string format) => Seeds.Try(120, random =>
    {
        var pairs = CorpusWriter.Pairs(random, format);
        var text = CorpusWriter.Write(random, format, pairs);
        // A text of several lines keeps "\n" whatever ends the file's own lines.
        var ending = random.Next(3) == 0 && !format.EndsWith("json", StringComparison.Ordinal) ? "\r\n" : "\n";
        var bytes = CorpusWriter.Encode(
            ending == "\n" ? text : text.Replace("\n", ending, StringComparison.Ordinal),
            Encodings[random.Next(Encodings.Length)]);
        var members = random.Next(4);
        var path = members == 0
            ? _folder.Write($"a.{format}", bytes)
            : _folder.Write($"a.{format}.gz", CorpusWriter.Pack(bytes, members));

        var corpus = CorpusReader.Read(path);

        Assert.Equal(pairs, corpus.Pairs);
        Assert.Equal((pairs.Count, 0, 0), (corpus.RowCount, corpus.BadRows.Count, corpus.ComposedRows));
    });

    /// <summary>
    /// Excel for Mac and old tools end lines with "\r" alone: one line of the whole file is no corpus.
    /// </summary>
    [Theory]
    [InlineData("tsv")]
    [InlineData("quoted.tsv")]
    [InlineData("csv")]
    [InlineData("semicolon.csv")]
    [InlineData("jsonl")]
    [InlineData("po")]
    public void Read_LinesThatEndWithCarriageReturnsAlone_AreLines(string format) => Seeds.Try(40, random =>
    {
        var pairs = CorpusWriter.Pairs(random, format);
        var text = CorpusWriter.Write(random, format, pairs).Replace('\n', '\r');

        var corpus = CorpusReader.Read(_folder.Write(
            $"a.{format}", CorpusWriter.Encode(text, Encodings[random.Next(Encodings.Length)])));

        Assert.Equal(pairs, corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    });

    [Fact]
    public void ReadAligned_LinesThatEndWithCarriageReturnsAlone_AreAligned()
    {
        var (ko, en) = (_folder.Write("a.ko", "방\r열쇠\r"), _folder.Write("a.en", "room\nkey\n"));

        Assert.Equal(
            [new SentencePair("방", "room"), new SentencePair("열쇠", "key")],
            CorpusReader.ReadAligned(ko, en).Pairs);
    }

    /// <summary>A return inside a text of a file with line feeds is text, and an old line may end with both.</summary>
    [Fact]
    public void Read_CarriageReturnsInsideLines_StayText()
    {
        var corpus = CorpusReader.Read(_folder.Write("a.tsv", "ko\ten\n방\rx\troom\r\n열쇠\tkey\n"));

        Assert.Equal([new SentencePair("방\rx", "room"), new SentencePair("열쇠", "key")], corpus.Pairs);
    }

    /// <summary>The break of lines is found where the first bytes have none.</summary>
    [Fact]
    public void Read_LongFirstLine_DoesNotHideTheBreaksOfLines()
    {
        var words = new string('x', 100_000);

        var fed = CorpusReader.Read(_folder.Write("a.tsv", $"글\r{words}\troom\n열쇠\tkey\n"));
        var returned = CorpusReader.Read(_folder.Write("b.tsv", $"글{words}\troom\r열쇠\tkey\r"));

        Assert.Equal(["글\r" + words, "열쇠"], fed.Pairs.Select(pair => pair.Ko));
        Assert.Equal(["글" + words, "열쇠"], returned.Pairs.Select(pair => pair.Ko));
    }

    [Theory]
    [InlineData("방\troom\n열쇠\tkey\n")]
    [InlineData("ko\ten\n방\troom\n열쇠\tkey\n")]
    public void Read_Utf16WithoutItsMark_IsKnownByItsZeros(string text)
    {
        foreach (var encoding in new[] { Encoding.Unicode, Encoding.BigEndianUnicode })
        {
            var corpus = CorpusReader.Read(_folder.Write("a.tsv", encoding.GetBytes(text)));

            Assert.Equal([new SentencePair("방", "room"), new SentencePair("열쇠", "key")], corpus.Pairs);
        }
    }

    [Fact]
    public void Read_ZerosInUtf8_AreNoUtf16()
    {
        var corpus = CorpusReader.Read(_folder.Write("a.tsv", "ko\ten\n방\0a\0\troom\0\n"));

        Assert.Equal([new SentencePair("방\0a\0", "room\0")], corpus.Pairs);
    }

    [Fact]
    public void Read_CompiledCatalogue_GivesItsMessages() => Seeds.Try(60, random =>
    {
        var pairs = CorpusWriter.Pairs(random, "po");
        var path = _folder.Write("a.mo", CorpusWriter.Compiled(pairs, random.Next(2) == 0));

        Assert.Equal(pairs, CorpusReader.Read(path).Pairs);
    });

    /// <summary>Codecs, pages and shapes as pandas, Spark and Hugging Face's library write them.</summary>
    [Theory]
    [InlineData(Compression.Uncompressed, true)]
    [InlineData(Compression.Snappy, true)]
    [InlineData(Compression.Snappy, false)]
    [InlineData(Compression.Gzip, true)]
    [InlineData(Compression.Zstd, false)]
    [InlineData(Compression.Brotli, true)]
    [InlineData(Compression.Lz4, false)]
    public void Read_ParquetOfEveryCodec_GivesItsRows(Compression codec, bool hasDictionary) => Seeds.Try(4, random =>
    {
        var sentences = CorpusWriter.Pairs(random, "json", 30);
        SentencePair[] rows = [.. random.GetItems([.. sentences], 9000)];
        using var properties = hasDictionary
            ? new WriterPropertiesBuilder().Compression(codec).EnableDictionary().Build()
            : new WriterPropertiesBuilder().Compression(codec).DisableDictionary().DataPagesize(random.Next(99, 9999))
                .Build();
        var path = _folder["a.parquet"];
        using (var file = new ParquetFileWriter(
            path, [new Column<string>("en"), new Column<int>("id"), new Column<string>("ko")], properties))
        {
            foreach (var part in rows.Chunk(random.Next(2000, 9000)))
            {
                using var group = file.AppendRowGroup();
                Write(group, part.Select(row => row.En).ToArray());
                Write(group, part.Select((_, index) => index).ToArray());
                Write(group, part.Select(row => row.Ko).ToArray());
            }

            file.Close();
        }

        var corpus = CorpusReader.Read(path);

        Assert.Equal(rows, corpus.Pairs);
        Assert.Equal(rows.Length, corpus.RowCount);
    });

    [Fact]
    public void Read_ParquetWithNullsAndLongRows_CountsEachOnce() => Seeds.Try(8, random =>
    {
        string?[] kinds = [null, "방", new string('방', 900)];
        var ko = random.GetItems(kinds, 6000);
        var en = random.GetItems(kinds, 6000);
        var path = _folder["a.parquet"];
        using (var file = new ParquetFileWriter(path, [new Column<string>("ko"), new Column<string>("en")]))
        {
            using var group = file.AppendRowGroup();
            Write(group, ko);
            Write(group, en);
            file.Close();
        }

        var corpus = CorpusReader.Read(path, new CorpusReadOptions { MaxLineBytes = 1000 });

        var rows = ko.Zip(en).ToList();
        var missing = rows.Count(row => row.First is null || row.Second is null);
        var tooLong = rows.Count(row => row is { First: not null, Second: not null }
            && Math.Max(row.First.Length, row.Second.Length) > 1);
        Assert.Equal(rows.Count(row => row == ("방", "방")), corpus.Pairs.Count);
        Assert.Equal(missing, corpus.BadRows[RowFault.MissingField]);
        Assert.Equal(tooLong, corpus.BadRows[RowFault.LineTooLong]);
    });

    /// <summary>A dictionary page holds a long text once, however many rows have it.</summary>
    [Fact]
    public void Read_ParquetWhoseRowsShareOneLongText_CopiesNoRowOverTheLimit()
    {
        var path = _folder["a.parquet"];
        var words = new string('x', 1_500_000);
        using var properties = new WriterPropertiesBuilder().DictionaryPagesizeLimit(1 << 27).Build();
        using (var file = new ParquetFileWriter(path, [new Column<string>("ko"), new Column<string>("en")], properties))
        {
            using var group = file.AppendRowGroup();
            Write(group, [.. Enumerable.Repeat(words, 400)]);
            Write(group, [.. Enumerable.Repeat("en", 400)]);
            file.Close();
        }

        Assert.InRange(new FileInfo(path).Length, 0, 4_000_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var corpus = CorpusReader.Read(path);

        Assert.Equal(400, corpus.BadRows[RowFault.LineTooLong]);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000_000);
    }

    public void Dispose() => _folder.Dispose();

    private static void Write<T>(RowGroupWriter group, T[] values)
    {
        using var column = group.NextColumn().LogicalWriter<T>();
        column.WriteBatch(values);
    }
}
