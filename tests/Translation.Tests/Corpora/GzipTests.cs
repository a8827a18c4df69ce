using System.IO.Compression;
using System.Text;
using Workflows.TestKit;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>A packed file gives what the plain one does, and is never taken for whole when it is not.</summary>
public sealed class GzipTests : IDisposable
{
    private const int PairCount = 3000;

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("sample.tmx")]
    [InlineData("sample.po")]
    [InlineData("sample.mo")]
    public void Read_PackedReferenceFile_GivesTheRowsOfThePlainOne(string name)
    {
        var plain = Fixtures.Require("formats", name);

        var corpus = CorpusReader.Read(_folder.Write($"{name}.gz", Pack(File.ReadAllBytes(plain))));

        Assert.NotEmpty(corpus.Pairs);
        Assert.Equal(CorpusReader.Read(plain).Pairs, corpus.Pairs);
    }

    [Fact]
    public void Read_HalfOfATable_IsAnUnreadableFile()
    {
        var packed = Pack(Table());

        var error = Assert.Throws<CorpusException>(
            () => CorpusReader.Read(_folder.Write("half.tsv.gz", packed[..(packed.Length / 2)])));

        Assert.Equal(CorpusError.FileUnreadable, error.Error);
        Assert.Contains("half.tsv.gz", error.Message, StringComparison.Ordinal);
        Assert.Contains("gzip -t", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.tmx", "<tmx version=\"1.4\"><body><tu><tuv xml:lang=\"ko\"><seg>방</seg></tuv></tu></body></tmx>")]
    [InlineData("a.po", "msgid \"room\"\nmsgstr \"방\"\n")]
    [InlineData("a.jsonl", "{\"ko\":\"방\",\"en\":\"room\"}\n")]
    [InlineData("a.tsv", "방\troom\n")]
    public void Read_CutAnywhere_IsAnUnreadableFile(string name, string content)
    {
        var packed = Pack(Encoding.UTF8.GetBytes(content));
        for (var length = 0; length < packed.Length; length++)
        {
            var path = _folder.Write($"{name}.gz", packed[..length]);

            var error = Record.Exception(() => CorpusReader.Read(path));

            Assert.True(error is CorpusException { Error: CorpusError.FileUnreadable },
                $"{name}: {length} of {packed.Length} bytes gave {error?.Message ?? "no error"}");
        }
    }

    [Fact]
    public void Read_MoCutShort_IsAnUnreadableFile()
    {
        var packed = Pack(File.ReadAllBytes(Fixtures.Require("formats", "sample.mo")));

        // Only the length in the trailer is missing: everything was unpacked, but nothing says that it is all.
        Assert.Throws<CorpusException>(() => CorpusReader.Read(_folder.Write("a.mo.gz", packed[..^4])));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(4)]
    public void Read_FalseTrailer_IsAnUnreadableFile(int fromEnd)
    {
        var packed = Pack(Table());
        packed[^fromEnd] ^= 1;

        var error = Assert.Throws<CorpusException>(() => CorpusReader.Read(_folder.Write("a.tsv.gz", packed)));

        Assert.Equal(CorpusError.FileUnreadable, error.Error);
    }

    /// <summary>bgzip and "cat a.gz b.gz" make such files.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(777)]
    [InlineData(50_000)]
    public void Read_SeveralMembers_AreOneFile(int bytesOfMember)
    {
        var table = bytesOfMember == 1 ? Table()[..3000] : Table();
        byte[] packed = [.. table.Chunk(bytesOfMember).SelectMany(Pack)];
        var expected = CorpusReader.Read(_folder.Write("a.tsv", table)).Pairs;

        Assert.Equal(expected, CorpusReader.Read(_folder.Write("a.tsv.gz", packed)).Pairs);
        Assert.Throws<CorpusException>(() => CorpusReader.Read(_folder.Write("b.tsv.gz", packed[..^3])));
        Assert.Throws<CorpusException>(() => CorpusReader.Read(_folder.Write("c.tsv.gz", [.. packed, 0x1f, 0x8b])));
    }

    [Fact]
    public void ReadSegments_CutShort_IsAnError()
    {
        var packed = Pack(Table());

        Assert.Equal(PairCount, SegmentFile.Read(_folder.Write("whole.gz", packed)).Count);
        Assert.Throws<CorpusException>(() => SegmentFile.Read(_folder.Write("half.gz", packed[..(packed.Length / 2)])));
        Assert.Throws<CorpusException>(() => SegmentFile.Read(_folder.Write("end.gz", packed[..^8])));
    }

    public void Dispose() => _folder.Dispose();

    private static byte[] Table()
    {
        var random = new Random(5);
        return Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, PairCount).Select(
            i => $"방 {random.Next()} 호\troom {random.Next()} of {i}\n")));
    }

    private static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionMode.Compress))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }
}
