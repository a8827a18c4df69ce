using ParquetSharp;
using Workflows.TestKit;
using Workflows.Translation.Corpora;
using Encoding = System.Text.Encoding;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>A bad row of a Parquet file is counted and sampled, and the others are read.</summary>
public sealed class ParquetRowTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Read_BytesThatAreNotUtf8_AreOneBadRow()
    {
        var corpus = Read([[0xed, 0x95, (byte)'x'], "방"u8.ToArray()], ["broken"u8.ToArray(), "room"u8.ToArray()]);

        Assert.Equal([new SentencePair("방", "room")], corpus.Pairs);
        Assert.Equal((2, 1), (corpus.RowCount, corpus.BadRows[RowFault.InvalidUtf8]));
        var sample = Assert.Single(corpus.Samples);
        Assert.Equal((1L, RowFault.InvalidUtf8, "\uFFFDx"), (sample.Line, sample.Fault, sample.Text));
    }

    /// <summary>171 syllables are 513 bytes, one more than a sample takes.</summary>
    [Fact]
    public void Read_LongTextWithoutItsOtherSide_IsOneBadRow()
    {
        var corpus = Read(
            [Encoding.UTF8.GetBytes(new string('한', 171)), "방"u8.ToArray()], [null, "room"u8.ToArray()]);

        Assert.Equal([new SentencePair("방", "room")], corpus.Pairs);
        Assert.Equal(1, corpus.BadRows[RowFault.MissingField]);
        Assert.Equal(new string('한', 120), Assert.Single(corpus.Samples).Text);
    }

    [Fact]
    public void Read_TextOverTheLimit_IsOneBadRow()
    {
        var corpus = Read(
            ["방"u8.ToArray(), Encoding.UTF8.GetBytes(new string('한', 400_000))],
            ["room"u8.ToArray(), "long"u8.ToArray()]);

        Assert.Equal([new SentencePair("방", "room")], corpus.Pairs);
        Assert.Equal(1, corpus.BadRows[RowFault.LineTooLong]);
        Assert.Equal(new string('한', 120), Assert.Single(corpus.Samples).Text);
    }

    [Fact]
    public void Read_SampleThatEndsInAPair_DoesNotKeepHalfOfIt()
    {
        var corpus = Read([Encoding.UTF8.GetBytes("a" + string.Concat(Enumerable.Repeat("😀", 100)))], [null]);

        Assert.Equal("a" + string.Concat(Enumerable.Repeat("😀", 59)), Assert.Single(corpus.Samples).Text);
    }

    public void Dispose() => _folder.Dispose();

    private ReadCorpus Read(byte[]?[] korean, byte[]?[] english)
    {
        var path = Path.Combine(_folder.Path, "rows.parquet");
        using (var file = new ParquetFileWriter(path, [new Column<byte[]>("ko"), new Column<byte[]>("en")]))
        {
            using var group = file.AppendRowGroup();
            foreach (var side in new[] { korean, english })
            {
                using var column = group.NextColumn().LogicalWriter<byte[]?>();
                column.WriteBatch(side);
            }

            file.Close();
        }

        return CorpusReader.Read(path);
    }
}
