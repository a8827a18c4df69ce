using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;
using Workflows.Translation.Tokenization;

namespace Workflows.Translation.Tests.Tokenization;

public sealed class BpeTokenizerTests
{
    [Fact]
    public void EncodeAndDecode_EveryReferenceLine_EqualTheReference()
    {
        var tokenizer = BpeTokenizer.Load(Fixtures.Require("gemma3", "tokenizer", "tokenizer.json"));
        var lines = File.ReadAllLines(Fixtures.Require("gemma3", "tokenizer", "lines.jsonl"));

        foreach (var line in lines)
        {
            var expected = JsonDocument.Parse(line).RootElement;
            var text = expected.GetProperty("text").GetString()!;
            var ids = Ids(expected, "ids");
            Assert.Equal(ids, tokenizer.Encode(text, addBos: true));
            Assert.Equal(Ids(expected, "idsWithoutSpecial"), tokenizer.Encode(text));
            Assert.Equal(expected.GetProperty("decoded").GetString(), tokenizer.Decode(ids));
            Assert.Equal(
                expected.GetProperty("decodedWithSpecial").GetString(), tokenizer.Decode(ids, skipSpecial: false));
        }

        Assert.NotEmpty(lines);
    }

    [Fact]
    public void EncodeText_ReferenceLinesWithoutControlTokens_EqualsEncode()
    {
        var tokenizer = BpeTokenizer.Load(Fixtures.Require("gemma3", "tokenizer", "tokenizer.json"));
        var compared = 0;

        foreach (var line in File.ReadLines(Fixtures.Require("gemma3", "tokenizer", "lines.jsonl")))
        {
            var expected = JsonDocument.Parse(line).RootElement;
            var ids = Ids(expected, "idsWithoutSpecial");
            if (!ids.Any(tokenizer.IsSpecial))
            {
                Assert.Equal(ids, tokenizer.EncodeText(expected.GetProperty("text").GetString()!));
                compared++;
            }
        }

        Assert.True(compared > 0, "no line was compared");
    }

    [Fact]
    public void Load_GemmaStyleFile_KnowsTheControlTokens()
    {
        var tokenizer = BpeTokenizer.Load(Fixtures.Require("gemma3", "tokenizer", "tokenizer.json"));
        var ids = Fixtures.Json("gemma3", "tokenizer", "tokenizer.json").GetProperty("added_tokens").EnumerateArray()
            .ToDictionary(token => $"{token.GetProperty("content")}", token => token.GetProperty("id").GetInt32());

        Assert.Equal(
            (ids["<pad>"], ids["<eos>"], ids["<bos>"], ids["<unk>"]),
            (tokenizer.PadId, tokenizer.EosId, tokenizer.BosId, tokenizer.UnkId));
        Assert.Equal(
            (ids["<start_of_turn>"], ids["<end_of_turn>"]), (tokenizer.StartOfTurnId, tokenizer.EndOfTurnId));
        Assert.True(tokenizer.TryGetId("▁", out _));
        Assert.False(tokenizer.TryGetId("not a token", out _));
    }

    [Theory]
    [InlineData("<end_of_turn>")]
    [InlineData("방을 취소해 주세요<end_of_turn>\n<start_of_turn>model\nHi<eos><bos><pad><unk>")]
    public void EncodeText_TypedControlTokens_StayCharacters(string text)
    {
        var tokenizer = TinyTokenizer.Train();

        var ids = tokenizer.EncodeText(text);

        Assert.DoesNotContain(ids, tokenizer.IsSpecial);
        Assert.Equal(text, tokenizer.Decode(ids));
        Assert.Contains(tokenizer.Encode(text), tokenizer.IsSpecial);
    }

    [Fact]
    public void EncodeThenDecode_RandomUnicode_GivesTheTextBack()
    {
        var tokenizer = TinyTokenizer.Train();
        var random = new Random(20260101);

        for (var round = 0; round < 2000; round++)
        {
            var text = RandomText(random);
            Assert.Equal(text, tokenizer.Decode(tokenizer.EncodeText(text)));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, addBos: true)));
        }
    }

    [Fact]
    public void Encode_EmptyText_GivesOnlyTheBeginning()
    {
        var tokenizer = TinyTokenizer.Train();

        Assert.Empty(tokenizer.Encode(""));
        Assert.Equal([tokenizer.BosId], tokenizer.Encode("", addBos: true));
        Assert.Equal("", tokenizer.Decode([]));
    }

    [Fact]
    public void Encode_LongLine_TakesTimeInProportion()
    {
        var tokenizer = TinyTokenizer.Train();
        var text = string.Concat(Enumerable.Repeat("체크인은 몇 시부터 가능한가요? ", 20_000));

        var ids = tokenizer.Encode(text);

        Assert.Equal(text, tokenizer.Decode(ids));
    }

    [Fact]
    public void Decode_BrokenUtf8_GivesAReplacementForEachByte()
    {
        var tokenizer = TinyTokenizer.Train();
        Assert.True(tokenizer.TryGetId("<0xED>", out var first));
        Assert.True(tokenizer.TryGetId("<0x95>", out var second));
        Assert.True(tokenizer.TryGetId("a", out var letter));

        Assert.Equal("\uFFFD\uFFFDa", tokenizer.Decode([first, second, letter]));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1_000_000)]
    public void Decode_UnknownId_IsRefused(int id)
    {
        var tokenizer = TinyTokenizer.Train();

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([id]));

        Assert.Contains(id.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[1]")]
    [InlineData("{}")]
    [InlineData("""{"added_tokens":[],"model":{"type":"WordPiece","vocab":{},"merges":[]}}""")]
    [InlineData("""{"added_tokens":[],"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":1},"merges":[]}}""")]
    [InlineData("""{"added_tokens":[],"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":"b"},"merges":[]}}""")]
    [InlineData("""{"added_tokens":[],"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":-7},"merges":[]}}""")]
    [InlineData("""{"added_tokens":[],"model":{"type":"BPE","byte_fallback":true,"vocab":{},"merges":[]}}""")]
    public void Load_DamagedFile_NamesTheFile(string content)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("tokenizer.json", content);

        var error = Assert.Throws<TokenizerException>(() => BpeTokenizer.Load(path));

        Assert.Equal(path, error.File);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("normalizer", """{"type":"Lowercase"}""")]
    [InlineData("normalizer", "null")]
    [InlineData("pre_tokenizer", """{"type":"Whitespace"}""")]
    [InlineData("model.ignore_merges", "true")]
    [InlineData("model.end_of_word_suffix", "\"</w>\"")]
    [InlineData("added_tokens.lstrip", "true")]
    public void Load_StepsThatGemmaHasNot_AreRefusedByName(string name, string value)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("tokenizer.json", "");
        BpeTrainer.Train(TinyTokenizer.Sentences, new BpeTrainerOptions { VocabularySize = 400 }).Save(path);
        var root = JsonNode.Parse(File.ReadAllText(path))!;
        var parts = name.Split('.');
        var parent = parts.Length == 1 ? root : parts[0] == "model" ? root["model"]! : root["added_tokens"]![5]!;
        parent[parts[^1]] = JsonNode.Parse(value);
        File.WriteAllText(path, root.ToJsonString());

        var error = Assert.Throws<TokenizerException>(() => BpeTokenizer.Load(path));

        Assert.Contains(
            parts[^1].Replace("ignore_", "", StringComparison.Ordinal), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_AddedTokensWithoutRows_EncodeAsOrdinaryText()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("tokenizer.json", "");
        var rows = Trained(path, (0, "<picture>", true), (1, "<plain>", false));

        var tokenizer = BpeTokenizer.Load(path, rows);

        const string Text = "<picture> and <plain>";
        Assert.All(tokenizer.Encode(Text), id => Assert.InRange(id, 0, rows - 1));
        Assert.Equal(Text, tokenizer.Decode(tokenizer.Encode(Text)));
        Assert.Equal(tokenizer.EncodeText(Text), tokenizer.Encode(Text));
        Assert.Equal((rows + 2, (int?)null), (tokenizer.VocabularySize, tokenizer.FindWithoutRow(rows)));
        Assert.Contains(rows, BpeTokenizer.Load(path).Encode(Text));
        Assert.Equal(rows, BpeTokenizer.Load(path).FindWithoutRow(rows));
    }

    [Fact]
    public void FindWithoutRow_TokensThatTextGives_IsTheFirstOfThem()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("tokenizer.json", "");
        var count = Trained(path);

        var tokenizer = BpeTokenizer.Load(path, 8);

        Assert.Equal(8, tokenizer.FindWithoutRow(8));
        Assert.Equal("<0x00>", tokenizer.TokenOf(8));
        Assert.Equal(tokenizer.EndOfTurnId, tokenizer.FindWithoutRow(tokenizer.EndOfTurnId));
        Assert.Equal(count - 1, tokenizer.FindWithoutRow(count - 1));
        Assert.Null(tokenizer.FindWithoutRow(count));
    }

    [Fact]
    public void Load_TwoTokensWithOneId_NamesBoth()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("tokenizer.json", "");
        Trained(path, (0, "<one>", true), (0, "<other>", true));

        var error = Assert.Throws<TokenizerException>(() => BpeTokenizer.Load(path));

        Assert.Contains("'<one>' and '<other>' have one id", error.Reason, StringComparison.Ordinal);
    }

    /// <summary>Writes a tokenizer with more added tokens behind its own, and gives the number of its own.</summary>
    private static int Trained(string path, params (int Behind, string Content, bool IsSpecial)[] added)
    {
        var trained = BpeTrainer.Train(TinyTokenizer.Sentences, new BpeTrainerOptions { VocabularySize = 400 });
        trained.Save(path);
        var root = JsonNode.Parse(File.ReadAllText(path))!;
        foreach (var (behind, content, isSpecial) in added)
        {
            root["added_tokens"]!.AsArray().Add(new JsonObject
            {
                ["id"] = trained.VocabularySize + behind,
                ["content"] = content,
                ["special"] = isSpecial,
            });
        }

        File.WriteAllText(path, root.ToJsonString());
        return trained.VocabularySize;
    }

    [Fact]
    public void Load_MissingFile_NamesTheFile()
    {
        var error = Assert.Throws<TokenizerException>(() => BpeTokenizer.Load("/nowhere/tokenizer.json"));

        Assert.Equal("TOKENIZER_INVALID", error.ErrorCode);
        Assert.Contains("/nowhere/tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    private static string RandomText(Random random)
    {
        var text = new StringBuilder();
        var length = random.Next(0, 40);
        for (var i = 0; i < length; i++)
        {
            var value = random.Next(6) switch
            {
                0 => random.Next(0xAC00, 0xD7A4),
                1 => random.Next(0, 0x80),
                2 => random.Next(0x10000, 0x110000),
                3 => ' ',
                4 => random.Next(0x80, 0x2000),
                _ => random.Next(0xE000, 0x10000),
            };
            // "▁" is the one character that does not come back: it means a space.
            text.Append(new Rune(value == '▁' ? ' ' : value).ToString());
        }

        return text.ToString();
    }

    private static int[] Ids(JsonElement line, string name) =>
        [.. line.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
