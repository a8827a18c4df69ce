using Workflows.TestKit;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

public sealed class CorpusFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("a.tsv", "ko\ten\n방\troom\n", "b.tsv", "ko\ten\n열쇠\tkey\n")]
    [InlineData("a.txt", "방\troom\n", "b.txt", "열쇠\tkey\n")]
    [InlineData("a.csv", "ko,en\n방,room\n", "b.csv", "en,ko\nkey,열쇠\n")]
    [InlineData("a.tsv", "방\troom\n", "b.jsonl", """{"ko": "열쇠", "en": "key"}""")]
    [InlineData("a,1.tsv", "방\troom\n", "a,2.tsv", "열쇠\tkey\n")]
    public void Read_TwoFilesOfPairs_AreReadOneAfterTheOther(
        string first, string firstText, string second, string secondText)
    {
        var files = CorpusFiles.Of($"{_folder.Write(first, firstText)},{_folder.Write(second, secondText)}");

        var corpus = CorpusReader.Read(files);

        Assert.False(files.IsAligned);
        Assert.Equal([new SentencePair("방", "room"), new SentencePair("열쇠", "key")], corpus.Pairs);
        Assert.Empty(corpus.BadRows);
    }

    [Theory]
    [InlineData("a.ko", "a.en")]
    [InlineData("ko.txt", "en.txt")]
    public void Read_TwoFilesOfPlainText_AreAligned(string ko, string en)
    {
        var files = CorpusFiles.Of($"{_folder.Write(ko, "방\n열쇠\n")}, {_folder.Write(en, "room\nkey\n")}");

        Assert.Equal(
            [new SentencePair("방", "room"), new SentencePair("열쇠", "key")], CorpusReader.Read(files).Pairs);
    }

    [Theory]
    [InlineData("a.tsv", "b.en")]
    [InlineData("a.ko", "b.jsonl")]
    public void Of_PairsAndPlainText_AreRefusedByName(string first, string second)
    {
        var given = $"{_folder.Write(first, "방\n")},{_folder.Write(second, "room\n")}";

        var error = Assert.Throws<CorpusException>(() => CorpusFiles.Of(given));

        Assert.Equal((CorpusError.MixedFormats, "CORPUS_MIXED_FORMATS"), (error.Error, error.ErrorCode));
        Assert.Contains($"'{first}'", error.Message, StringComparison.Ordinal);
        Assert.Contains($"'{second}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Folder_GivesItsShardsByNameAndSaysWhatIsNone()
    {
        _folder.Write("2.tsv", "열쇠\tkey\nbad\n");
        _folder.Write("1.tsv", "방\troom\n");
        _folder.Write(".DS_Store", "x");
        _folder.Write("README.md", "x");

        var corpus = CorpusReader.Read(CorpusFiles.Of(_folder.Path));

        Assert.Equal([new SentencePair("방", "room"), new SentencePair("열쇠", "key")], corpus.Pairs);
        Assert.Equal("2.tsv: bad", Assert.Single(corpus.Samples).Text);
        Assert.Contains("README.md", Assert.Single(corpus.Notes), StringComparison.Ordinal);
        _folder.Write("3.jsonl", "{}");
        Assert.Equal(
            CorpusError.MixedFormats, Assert.Throws<CorpusException>(() => CorpusFiles.Of(_folder.Path)).Error);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_ShardsOfParquet_AreReadOneAfterTheOther(bool isFolder)
    {
        SentencePair[] first = [new("방", "room"), new("열쇠", "key")], second = [new("침대", "bed")];
        ParquetShard.Write(_folder["train-00000-of-00002.parquet"], first);
        ParquetShard.Write(_folder["train-00001-of-00002.parquet"], second);

        var files = CorpusFiles.Of(isFolder ? _folder.Path
            : $"{_folder["train-00000-of-00002.parquet"]}, {_folder["train-00001-of-00002.parquet"]}");
        var corpus = CorpusReader.Read(files);

        Assert.False(files.IsAligned);
        Assert.Equal([.. first, .. second], corpus.Pairs);
        Assert.Equal(3, corpus.RowCount);
        Assert.Empty(corpus.BadRows);
    }

    /// <summary>A shard beside one side of aligned text, and one beside both of its sides.</summary>
    [Theory]
    [InlineData("a.ko")]
    [InlineData("a.en", "a.ko")]
    public void Of_ParquetAndPlainText_AreRefusedWithBothNames(params string[] plain)
    {
        ParquetShard.Write(_folder["1.parquet"], [new("방", "room")]);
        var given = string.Join(',', plain.Select(name => _folder.Write(name, "room\n")).Append(_folder["1.parquet"]));

        var error = Assert.Throws<CorpusException>(() => CorpusFiles.Of(given));

        Assert.Equal("CORPUS_MIXED_FORMATS", error.ErrorCode);
        Assert.Contains("'1.parquet' is a file of pairs", error.Message, StringComparison.Ordinal);
        Assert.All(plain, name => Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal));
        Assert.Contains("or two aligned files of plain text", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ShardsOfParquetOfWhichOneIsDamaged_NamesThatOne()
    {
        ParquetShard.Write(_folder["1.parquet"], [new("방", "room")]);
        _folder.Write("2.parquet", File.ReadAllBytes(_folder["1.parquet"])[..^9]);

        var error = Assert.Throws<CorpusException>(() => CorpusReader.Read(CorpusFiles.Of(_folder.Path)));

        Assert.Equal((CorpusError.FileUnreadable, _folder["2.parquet"]), (error.Error, error.File));
    }

    [Fact]
    public void Names_FileWhoseNameHasAComma_WinsOverTheList()
    {
        _folder.Write("a", "x");
        _folder.Write("b.tsv", "x");
        Assert.Equal(["a", "b.tsv"], CorpusFiles.Names("a, b.tsv", _folder.Path));

        _folder.Write("a, b.tsv", "x");

        Assert.Equal(["a, b.tsv"], CorpusFiles.Names("a, b.tsv", _folder.Path));
        Assert.Equal(["b.tsv", "a, b.tsv"], CorpusFiles.Names("b.tsv,a, b.tsv", _folder.Path));
    }

    [Fact]
    public void Read_LimitOfPairs_HoldsForAllShardsTogether()
    {
        _folder.Write("1.tsv", "방\troom\n열쇠\tkey\n");
        _folder.Write("2.tsv", "침대\tbed\n창\twindow\n");

        var corpus = CorpusReader.Read(CorpusFiles.Of(_folder.Path), new CorpusReadOptions { MaxPairs = 3 });

        Assert.Equal(3, corpus.Pairs.Count);
        Assert.Equal((4, 1), (corpus.RowCount, corpus.BadRows[RowFault.OverTheLimit]));
    }

    [Fact]
    public void Read_DeviceOrFolder_IsRefusedAtOnce()
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Devices are told from files on Linux alone.");
        foreach (var name in new[] { "a.tsv", "a.csv", "a.json", "a.tmx", "a.po", "a.mo", "a.parquet" })
        {
            File.CreateSymbolicLink(_folder[name], "/dev/zero");
            var error = Assert.Throws<CorpusException>(() => CorpusReader.Read(_folder[name]));
            Assert.Contains("not a regular file", error.Message, StringComparison.Ordinal);
        }
    }

    public void Dispose() => _folder.Dispose();
}
