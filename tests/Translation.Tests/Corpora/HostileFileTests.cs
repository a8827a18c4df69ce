using System.Text;
using Workflows.TestKit;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>Files that are damaged, or made to mislead, to fill the memory or to take for ever.</summary>
public sealed class HostileFileTests : IDisposable
{
    private static readonly SentencePair Room = new("방", "room"), Key = new("열쇠", "key");

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> TextFormats => [.. CorpusWriter.TextFormats, "mo"];

    /// <summary>
    /// Damage costs rows or the file, never more rows than there are, and no other exception comes out.
    /// </summary>
    [Theory]
    [MemberData(nameof(TextFormats))]
    public void Read_DamagedFile_IsCountedOrRefused(string format) => Seeds.Try(300, random =>
    {
        var pairs = CorpusWriter.Pairs(random, format == "mo" ? "po" : format);
        var whole = format == "mo"
            ? CorpusWriter.Compiled(pairs, isBigEndian: false)
            : Encoding.UTF8.GetBytes(CorpusWriter.Write(random, format, pairs));
        var bytes = AnyText.Damage(random, whole);
        var path = random.Next(3) == 0
            ? _folder.Write($"a.{format}.gz", AnyText.Damage(random, CorpusWriter.Pack(bytes, random.Next(1, 3))))
            : _folder.Write($"a.{format}", bytes);
        try
        {
            var corpus = CorpusReader.Read(path);

            Assert.Equal(corpus.RowCount, corpus.Pairs.Count + corpus.BadRows.Values.Sum());
            Assert.All(corpus.Samples, sample => Assert.InRange(sample.Text.Length, 0, 200));
            Assert.All(corpus.Samples, sample => Assert.True(sample.Line >= 0));
            Assert.DoesNotContain(corpus.Pairs, pair => IsHalf(pair.Ko) || IsHalf(pair.En));
        }
        catch (CorpusException fault)
        {
            Assert.Contains(path, fault.Message, StringComparison.Ordinal);
            Assert.StartsWith("CORPUS_", fault.ErrorCode, StringComparison.Ordinal);
        }
    });

    /// <summary>The rows before the damage of one row, and those behind it, are kept.</summary>
    [Theory]
    [InlineData("jsonl")]
    [InlineData("json")]
    [InlineData("tsv")]
    [InlineData("csv")]
    [InlineData("po")]
    public void Read_OneDamagedRow_CostsThatRowAlone(string format) => Seeds.Try(80, random =>
    {
        var before = Rows(random, "앞");
        var behind = Rows(random, "뒤");
        string Text(List<SentencePair> pairs) => CorpusWriter.Write(new Random(1), format, pairs);
        var damaged = format switch
        {
            "jsonl" => random.GetItems(["{\"ko\": \"a\n", "}\n", "\"x\n", "{]\n", "[[1]\n", "nul\n"], 1)[0],
            "json" => random.GetItems([",{\"ko\": \"a},\n", ",{\"ko\": \"x\"},\n", ",nul\n", ",7,\n"], 1)[0],
            "po" => random.GetItems(["\nmsgid \"x\nmsgstr \"y\"\n\n", "\nmsgid \"x\"\n\n", "\nrubbish\n\n"], 1)[0],
            "csv" => random.GetItems(["x\n", "\"x\"y,\"z\"\n", "a,b,c\n", "x\"y,z\n"], 1)[0],
            _ => random.GetItems(["x\n", "a\tb\tc\n", "\n"], 1)[0],
        };
        var text = format == "json"
            ? $"{Text(before).TrimEnd(']')}{damaged}{Text(behind).TrimStart('[')}"
            : Text(before) + damaged + (format is "tsv" or "csv" ? Text(behind).Split('\n', 2)[1] : Text(behind));

        var corpus = CorpusReader.Read(_folder.Write($"a.{format}", text));

        Assert.Equal([.. before, .. behind], corpus.Pairs);
        Assert.InRange(corpus.BadRows.Values.Sum(), 1, 3);
    });

    /// <summary>Markup without an end, which a reader of XML would gather: it is skipped or cut.</summary>
    [Theory]
    [InlineData("<!--", "-->")]
    [InlineData("<?x ", "?>")]
    [InlineData("<tu><tuv xml:lang=\"ko\"><seg><![CDATA[", "]]></seg></tuv></tu>")]
    [InlineData("<tu><tuv xml:lang=\"ko\"><seg><!-- a -->", "</seg></tuv></tu>")]
    public void Read_TmxWithMarkupOfManyBytes_NeedsNoMemoryForIt(string begin, string end)
    {
        // Other signs of markup within it must not begin anything anew.
        var inside = string.Concat(Enumerable.Repeat(
            begin.Contains("a -->", StringComparison.Ordinal) ? "<hi/>xxxxxxxxxx" : "< <x </ <!", 100));
        var body = new StringBuilder($"<tmx><body>{Unit("방", "room")}{begin}");
        for (var i = 0; i < 20_000; i++)
        {
            body.Append(inside);
        }

        var path = _folder.Write("a.tmx.gz", CorpusWriter.Pack(
            Encoding.UTF8.GetBytes($"{body}{end}{Unit("열쇠", "key")}</body></tmx>"), 1));
        body.Clear();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var corpus = CorpusReader.Read(path, new CorpusReadOptions { MaxLineBytes = 10_000 });

        Assert.Equal([Room, Key], corpus.Pairs);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 40_000_000);
    }

    [Fact]
    public void Read_TmxOfCountlessNames_IsRefused()
    {
        var names = string.Concat(Enumerable.Range(0, 200_000).Select(i => $"<n{i}/>"));

        var fault = Assert.Throws<CorpusException>(
            () => CorpusReader.Read(_folder.Write("a.tmx", $"<tmx><body>{names}</body></tmx>")));

        Assert.Equal(CorpusError.TooLarge, fault.Error);
        Assert.Contains("names", fault.Message, StringComparison.Ordinal);
    }

    /// <summary>Entities and references that XML has not: their unit is counted, the memory is read.</summary>
    [Theory]
    [InlineData("Tom & Jerry")]
    [InlineData("a &nbsp; b")]
    [InlineData("&")]
    [InlineData("x &lt y")]
    [InlineData("&#x110000;")]
    [InlineData("&#99999999999999999999;")]
    [InlineData("&#xD800;")]
    [InlineData("&#;")]
    [InlineData("&#x;")]
    [InlineData("&unknown;")]
    public void Read_TmxWithAReferenceToNothing_CountsThatUnitAlone(string text)
    {
        var corpus = CorpusReader.Read(_folder.Write(
            "a.tmx", $"<tmx><body>{Unit("방", "room")}{Unit("침대", text)}{Unit("열쇠", "key")}</body></tmx>"));

        Assert.Equal([Room, Key], corpus.Pairs);
        Assert.Equal((3, 1), (corpus.RowCount, corpus.BadRows[RowFault.InvalidCharacter]));
    }

    /// <summary>References that XML has are text in every part of a buffer.</summary>
    [Fact]
    public void Read_TmxWithReferencesAtEveryPlace_ResolvesThem()
    {
        var units = Enumerable.Range(0, 4000)
            .Select(i => Unit($"방{new string('x', i % 13)}", $"R&amp;D &#65;&#x42; &lt;{i}&gt; &quot;&apos;")).ToList();

        var corpus = CorpusReader.Read(_folder.Write("a.tmx", $"<tmx><body>{string.Concat(units)}</body></tmx>"));

        Assert.Equal(4000, corpus.Pairs.Count);
        Assert.All(corpus.Pairs.Index(), row => Assert.Equal($"R&D AB <{row.Index}> \"'", row.Item.En));
    }

    [Theory]
    [InlineData("msgid\"room\"\nmsgstr\"방\"\nmsgid\"key\"\nmsgstr\"열쇠\"\n")]
    [InlineData("msgid\t\"room\"\nmsgstr\t\"방\"\nmsgid\t\"key\"\nmsgstr\t\"열쇠\"\n")]
    public void Read_PoWithoutTheUsualSpaces_KeepsMessagesApart(string content) =>
        Assert.Equal([Room, Key], CorpusReader.Read(_folder.Write("a.po", content)).Pairs);

    [Theory]
    [InlineData("msgid \"a\"\nmsgid \"b\"\nmsgstr \"방\"\n", RowFault.InvalidEntry)]
    [InlineData("msgid \"a\"\nmsgstr \"방\"\nmsgstr \"침대\"\n", RowFault.InvalidEntry)]
    [InlineData("msgid \"a\"\nmsgstr \"\\377\\376\"\n", RowFault.InvalidUtf8)]
    [InlineData("msgid \"a\\\"\nmsgstr \"방\"\n", RowFault.InvalidEntry)]
    [InlineData("msgid \"a\"b\"\nmsgstr \"방\"\n", RowFault.InvalidEntry)]
    [InlineData("msgid a\nmsgstr \"방\"\n", RowFault.InvalidEntry)]
    public void Read_PoEntryThatContradictsItself_IsOneBadRow(string content, RowFault fault)
    {
        var corpus = CorpusReader.Read(_folder.Write("a.po", $"{content}\nmsgid \"room\"\nmsgstr \"방\"\n"));

        Assert.Equal([Room], corpus.Pairs);
        Assert.Equal((fault, 1), (Assert.Single(corpus.BadRows).Key, Assert.Single(corpus.BadRows).Value));
    }

    [Theory]
    [InlineData("\\353\\260\\251", "방")]
    [InlineData("\\xeb\\xb0\\xa9", "방")]
    [InlineData("\\353\\260\"\n\"\\251", "방")]
    [InlineData("방\\\\n", "방\\n")]
    [InlineData("방\\1011", "방A1")]
    [InlineData("방\\🙂", "방🙂")]
    [InlineData("방\\xZ", "방xZ")]
    public void Read_PoEscapes_AreBytesOfUtf8(string written, string text)
    {
        var corpus = CorpusReader.Read(_folder.Write("a.po", $"msgid \"room\"\nmsgstr \"{written}\"\n"));

        Assert.Equal([new SentencePair(text, "room")], corpus.Pairs);
    }

    /// <summary>A list of a million commas is answered as quickly as one of ten.</summary>
    [Fact]
    public void Names_CommasWithoutEnd_AreLookedAtOnceEach()
    {
        var given = new string(',', 300_000);

        Assert.Equal(300_001, CorpusFiles.Names(given).Count);
        Assert.Equal(CorpusError.TooLarge, Assert.Throws<CorpusException>(() => CorpusFiles.Of(given)).Error);
    }

    /// <summary>Every cut of a list whose names may have commas: the longest names that exist are found.</summary>
    [Fact]
    public void Names_RandomLists_FindTheFilesThatExist() => Seeds.Try(200, random =>
    {
        using var folder = new TemporaryFolder();
        string[] possible = ["a.tsv", "b,c.tsv", "a", "c.tsv", "d, e.tsv", "a.tsv,b"];
        var there = possible.Where(_ => random.Next(2) == 0).ToList();
        there.ForEach(name => folder.Write(name, ""));
        var given = string.Join(random.Next(2) == 0 ? "," : ", ", random.GetItems(possible, random.Next(1, 5)));

        var names = CorpusFiles.Names(given, folder.Path);

        // By hand: from each place the longest stretch of parts that is a file, else one part.
        var parts = given.Split(',');
        var expected = new List<string>();
        for (var at = 0; at < parts.Length;)
        {
            var count = Enumerable.Range(1, parts.Length - at).Reverse()
                .FirstOrDefault(n => there.Contains(string.Join(',', parts[at..(at + n)]).Trim()), 1);
            expected.Add(string.Join(',', parts[at..(at + count)]).Trim());
            at += count;
        }

        Assert.Equal(expected, names);
    });

    [Fact]
    public void Read_FolderWithALinkToNothing_SaysThatTheFileIsMissing()
    {
        Directory.CreateDirectory(_folder["shards"]);
        File.CreateSymbolicLink(_folder["shards/b.tsv"], _folder["gone.tsv"]);

        var files = CorpusFiles.Of(_folder["shards"]);

        Assert.Equal(
            CorpusError.FileNotFound, Assert.Throws<CorpusException>(() => CorpusReader.Read(files)).Error);
    }

    /// <summary>A small file that unpacks to gigabytes stops at the limit, in every format.</summary>
    [Theory]
    [InlineData("tsv", "방\troom\n")]
    [InlineData("csv", "방,room\n")]
    [InlineData("jsonl", "{\"ko\": \"방\", \"en\": \"room\"}\n")]
    [InlineData("json", "{\"ko\": \"방\", \"en\": \"room\"}\n")]
    [InlineData("po", "msgid \"room\"\nmsgstr \"방\"\n\n")]
    [InlineData("tsv", "xxxxxxxxxxxxxxxxxxxx")]
    [InlineData("json", "[[[[[[[[[[[[[[[[[[[[")]
    [InlineData("csv", "\"aaaaaaaaaaaaaaaaaaa\n")]
    public void Read_GzipThatGrows_StopsAtTheLimit(string format, string piece)
    {
        var packed = CorpusWriter.Pack(
            Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(piece, 200_000))), 1);
        var path = _folder.Write($"a.{format}.gz", packed);

        var fault = Assert.Throws<CorpusException>(
            () => CorpusReader.Read(path, new CorpusReadOptions { MaxBytes = 400_000 }));

        Assert.Equal(CorpusError.TooLarge, fault.Error);
    }

    /// <summary>A compiled catalogue is read whole: the limit holds before its tables are looked at.</summary>
    [Fact]
    public void Read_PackedCatalogueThatGrows_StopsAtTheLimit()
    {
        var whole = CorpusWriter.Compiled([new SentencePair("방", "room")], isBigEndian: false);
        var path = _folder.Write("a.mo.gz", CorpusWriter.Pack([.. whole, .. new byte[100_000_000]], 1));
        Assert.InRange(new FileInfo(path).Length, 0, 1_000_000);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var fault = Assert.Throws<CorpusException>(
            () => CorpusReader.Read(path, new CorpusReadOptions { MaxBytes = 1_000_000 }));

        Assert.Equal((CorpusError.TooLarge, path), (fault.Error, fault.File));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000_000);
        Assert.Equal([Room], CorpusReader.Read(path).Pairs);
    }

    /// <summary>Messages of a compiled catalogue may lie at one place, so a small file has gigabytes of text.</summary>
    [Fact]
    public void Read_CatalogueWhoseMessagesShareOneText_StopsAtTheLimit()
    {
        const int count = 20_000;
        var text = CorpusWriter.Compiled([new SentencePair(new string('x', 100_000), "room")], isBigEndian: false);
        var shared = new byte[28 + (16 * count) + 100_001];
        text.AsSpan(0, 8).CopyTo(shared);
        foreach (var (at, value) in ((int, int)[])[(8, count), (12, 28), (16, 28 + (8 * count))])
        {
            BitConverter.TryWriteBytes(shared.AsSpan(at), value);
        }

        for (var entry = 0; entry < 2 * count; entry++)
        {
            BitConverter.TryWriteBytes(shared.AsSpan(28 + (8 * entry)), 100_000);
            BitConverter.TryWriteBytes(shared.AsSpan(32 + (8 * entry)), 28 + (16 * count));
        }

        shared.AsSpan(28 + (16 * count), 100_000).Fill((byte)'y');
        var before = GC.GetAllocatedBytesForCurrentThread();

        var fault = Assert.Throws<CorpusException>(() => CorpusReader.Read(
            _folder.Write("a.mo", shared), new CorpusReadOptions { MaxBytes = 10_000_000 }));

        Assert.Equal(CorpusError.TooLarge, fault.Error);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 150_000_000);
    }

    [Fact]
    public void Read_Cancelled_EndsInTheMiddle()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        var path = _folder.WriteLines("a.tsv", Enumerable.Repeat("방\troom", 10));

        Assert.Throws<OperationCanceledException>(
            () => CorpusReader.Read(path, new CorpusReadOptions { Cancellation = source.Token }));
    }

    public void Dispose() => _folder.Dispose();

    private static List<SentencePair> Rows(Random random, string ko) =>
        [.. Enumerable.Range(0, random.Next(1, 6)).Select(i => new SentencePair($"{ko} {i}", AnyText.Line(random)))];

    private static bool IsHalf(string text) =>
        !Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Equals(text, StringComparison.Ordinal);

    private static string Unit(string ko, string en) =>
        $"<tu><tuv xml:lang=\"ko\"><seg>{ko}</seg></tuv><tuv xml:lang=\"en\"><seg>{en}</seg></tuv></tu>";
}
