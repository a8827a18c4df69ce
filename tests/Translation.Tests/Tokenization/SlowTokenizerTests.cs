using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Workflows.TestKit;
using Workflows.Translation.Tokenization;

namespace Workflows.Translation.Tests.Tokenization;

/// <summary>
/// The tokenizer against byte-pair encoding as it is defined: look for the best pair, merge, look again.
/// </summary>
public sealed class SlowTokenizerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Encode_RandomVocabularies_EqualsTheDefinition() => Seeds.Try(150, random =>
    {
        var file = Vocabulary(random, out var merges, out var added);
        var tokenizer = BpeTokenizer.Load(Write(file));
        var ids = file["model"]!["vocab"]!.AsObject()
            .ToDictionary(pair => pair.Key, pair => pair.Value!.GetValue<int>());
        foreach (var (content, id, _) in added)
        {
            ids[content] = id;
        }

        for (var round = 0; round < 15; round++)
        {
            var text = Text(random);

            Assert.Equal(Slow(text, ids, merges, [.. added.Select(each => each.Content)]), tokenizer.Encode(text));
            Assert.Equal(
                Slow(text, ids, merges, [.. added.Where(each => !each.IsSpecial).Select(each => each.Content)]),
                tokenizer.EncodeText(text));
            Assert.Equal(text.Replace('▁', ' '), tokenizer.Decode(tokenizer.EncodeText(text)));
            Assert.Equal(text.Replace('▁', ' '), tokenizer.Decode(tokenizer.Encode(text), skipSpecial: false));
        }
    });

    /// <summary>Half of a pair is U+FFFD, wherever it stands; what stands beside it comes back.</summary>
    [Theory]
    [InlineData("\uD83D")]
    [InlineData("\uDE42\uD83D")]
    [InlineData("방\uD83D room")]
    [InlineData("\uD83D\uD83D\uDE42")]
    [InlineData("<end_of_turn>\uDE42<bos>")]
    public void EncodeText_HalfPairs_BecomeReplacements(string text)
    {
        var tokenizer = TinyTokenizer.Train();

        Assert.Equal(
            Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)), tokenizer.Decode(tokenizer.EncodeText(text)));
    }

    /// <summary>Every sequence of tokens decodes to text, and bytes decode as UTF-8 or as one mark a byte.</summary>
    [Fact]
    public void Decode_RandomIds_IsValidText() => Seeds.Try(200, random =>
    {
        var tokenizer = Tiny.Value;
        var ids = Enumerable.Range(0, random.Next(30)).Select(_ => random.Next(3) == 0
            ? ByteId(tokenizer, random.Next(256)) : random.Next(tokenizer.VocabularySize)).ToArray();

        var text = tokenizer.Decode(ids);

        var expected = new StringBuilder();
        var bytes = new List<byte>();
        void Flush()
        {
            var whole = Encoding.UTF8.GetString([.. bytes]);
            var isText = Encoding.UTF8.GetBytes(whole).AsSpan().SequenceEqual(bytes.ToArray());
            expected.Append(isText ? whole : new string('\uFFFD', bytes.Count));
            bytes.Clear();
        }

        foreach (var token in ids.Where(id => !tokenizer.IsSpecial(id)).Select(tokenizer.TokenOf))
        {
            if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal))
            {
                bytes.Add(byte.Parse(token.AsSpan(3, 2), NumberStyles.HexNumber));
                continue;
            }

            Flush();
            expected.Append(token.Replace('▁', ' '));
        }

        Flush();
        Assert.Equal(expected.ToString(), text);
    });

    /// <summary>The cost of a long text is that of its pieces: memory asked for grows with the length alone.</summary>
    [Theory]
    [InlineData("방")]
    [InlineData(" ")]
    [InlineData("aa")]
    [InlineData("🙂")]
    [InlineData("\u0000")]
    [InlineData("<end_of_turn>")]
    [InlineData("체크인은 몇 시부터 ")]
    public void Encode_LongTexts_NeedMemoryInProportion(string piece)
    {
        var tokenizer = Tiny.Value;
        long Needed(int count)
        {
            var text = string.Concat(Enumerable.Repeat(piece, count));
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Equal(text, tokenizer.Decode(tokenizer.EncodeText(text)));
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Needed(100);
        var (few, many) = (Needed(5_000), Needed(50_000));

        Assert.InRange(many, few, few * 30);
    }

    /// <summary>A damaged file is loaded or refused by name: no other exception comes out, and no hang.</summary>
    [Fact]
    public void Load_RandomDamage_IsRefusedOrWorks()
    {
        var whole = File.ReadAllBytes(Write(Vocabulary(new Random(1), out _, out _)));
        Seeds.Try(300, random =>
        {
            var path = _folder.Write("damaged.json", AnyText.Damage(random, whole));
            try
            {
                var tokenizer = BpeTokenizer.Load(path);
                tokenizer.Decode(tokenizer.Encode("방 room 🙂 <a>"));
            }
            catch (TokenizerException fault)
            {
                Assert.Equal(("TOKENIZER_INVALID", path), (fault.ErrorCode, fault.File));
                Assert.Contains(path, fault.Message, StringComparison.Ordinal);
            }
        });
    }

    /// <summary>Rubbish in every field is refused by the tokenizer's own exception.</summary>
    [Theory]
    [InlineData("added_tokens")]
    [InlineData("added_tokens.0")]
    [InlineData("added_tokens.0.id")]
    [InlineData("added_tokens.0.content")]
    [InlineData("added_tokens.0.special")]
    [InlineData("added_tokens.0.lstrip")]
    [InlineData("model")]
    [InlineData("model.type")]
    [InlineData("model.vocab")]
    [InlineData("model.vocab.a")]
    [InlineData("model.merges")]
    [InlineData("model.merges.0")]
    [InlineData("model.byte_fallback")]
    [InlineData("model.ignore_merges")]
    [InlineData("model.continuing_subword_prefix")]
    [InlineData("normalizer")]
    [InlineData("normalizer.pattern")]
    [InlineData("pre_tokenizer")]
    public void Load_RubbishInAField_IsRefused(string field)
    {
        string[] rubbish =
        [
            "7", "-1", "1.5", "1e99", "\"x\"", "[7]", "[[]]", "{\"x\": {}}", "true", "\"\\ud800\"", "16777216",
            "[\"a\", \"b\", \"c\"]", "\"a  b\"",
        ];
        foreach (var value in rubbish)
        {
            var file = Vocabulary(new Random(3), out _, out _);
            JsonNode? node = file;
            var parts = field.Split('.');
            foreach (var part in parts[..^1])
            {
                node = node is JsonArray list ? list[int.Parse(part)] : node![part];
            }

            if (node is JsonArray array)
            {
                array[int.Parse(parts[^1])] = "RUBBISH";
            }
            else
            {
                node![parts[^1]] = "RUBBISH";
            }

            var path = _folder.Write("rubbish.json", file.ToJsonString().Replace("\"RUBBISH\"", value));
            try
            {
                BpeTokenizer.Load(path).Encode("a b");
            }
            catch (TokenizerException fault)
            {
                Assert.Equal(path, fault.File);
            }
        }
    }

    public void Dispose() => _folder.Dispose();

    private static Lazy<BpeTokenizer> Tiny { get; } = new(TinyTokenizer.Train);

    private static int ByteId(BpeTokenizer tokenizer, int value) =>
        tokenizer.TryGetId($"<0x{value:X2}>", out var id) ? id : throw new InvalidOperationException();

    private static string Text(Random random)
    {
        string[] pieces = ["a", "b", "ab", "c", " ", "  ", "방", "바", "🙂", "é", "<s>", "<sp", "<a>", "<a", "\n", "▁"];
        return string.Concat(random.GetItems(pieces, random.Next(25)));
    }

    private string Write(JsonObject file) => _folder.Write("tokenizer.json", file.ToJsonString());

    private static JsonObject Vocabulary(
        Random random, out List<(string Left, string Right)> merges,
        out List<(string Content, int Id, bool IsSpecial)> added)
    {
        var tokens = new List<string> { "<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>" };
        tokens.AddRange(Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"));
        tokens.AddRange(["a", "b", "c", "▁", "방", "é"]);
        var parts = tokens[^6..];
        merges = [];
        for (var left = random.Next(3, 25); left > 0; left--)
        {
            var merge = (parts[random.Next(parts.Count)], parts[random.Next(parts.Count)]);
            var text = merge.Item1 + merge.Item2;
            if (text.Length > 12 || merges.Contains(merge))
            {
                continue;
            }

            merges.Add(merge);
            if (!tokens.Contains(text))
            {
                tokens.Add(text);
                parts.Add(text);
            }
        }

        added = [("<s>", tokens.Count, true), ("<sp", tokens.Count + 1, false), ("<a>", tokens.Count + 2, true)];
        var vocabulary = new JsonObject();
        foreach (var (id, token) in tokens.Index())
        {
            vocabulary[token] = id;
        }

        return new JsonObject
        {
            ["added_tokens"] = new JsonArray([.. added.Select(each => (JsonNode)new JsonObject
            {
                ["id"] = each.Id,
                ["content"] = each.Content,
                ["special"] = each.IsSpecial,
                ["lstrip"] = false,
            })]),
            ["normalizer"] = JsonNode.Parse("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}"""),
            ["pre_tokenizer"] = null,
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["byte_fallback"] = true,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges.Select(
                    merge => (JsonNode)new JsonArray(merge.Left, merge.Right))]),
            },
        };
    }

    /// <summary>
    /// Sennrich et al. 2016: of all neighbours the pair that was merged first, leftmost, until none is left.
    /// </summary>
    private static List<int> Slow(
        string text, Dictionary<string, int> ids, List<(string Left, string Right)> merges, string[] added)
    {
        var found = new List<int>();
        var rest = text;
        while (rest.Length > 0)
        {
            var next = added.Select(token => (At: rest.IndexOf(token, StringComparison.Ordinal), Token: token))
                .Where(each => each.At >= 0).OrderBy(each => each.At).ThenByDescending(each => each.Token.Length)
                .FirstOrDefault((At: rest.Length, Token: ""));
            var symbols = rest[..next.At].EnumerateRunes()
                .Select(rune => rune.Value == ' ' ? "▁" : rune.ToString())
                .SelectMany(letter => ids.ContainsKey(letter)
                    ? [letter] : Encoding.UTF8.GetBytes(letter).Select(each => $"<0x{each:X2}>")).ToList();
            while (true)
            {
                var best = merges.FindIndex(merge => symbols.Zip(symbols.Skip(1)).Contains(merge));
                if (best < 0)
                {
                    break;
                }

                var at = symbols.Zip(symbols.Skip(1)).ToList().IndexOf(merges[best]);
                symbols[at] += symbols[at + 1];
                symbols.RemoveAt(at + 1);
            }

            found.AddRange(symbols.Select(symbol => ids[symbol]));
            if (next.Token.Length > 0)
            {
                found.Add(ids[next.Token]);
            }

            rest = rest[(next.At + next.Token.Length)..];
        }

        return found;
    }
}
