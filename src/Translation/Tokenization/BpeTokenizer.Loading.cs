using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Workflows.Translation.Tokenization;

public sealed partial class BpeTokenizer
{
    private BpeTokenizer(string file, Dictionary<string, int> ids, List<AddedToken> added,
        IEnumerable<(string Left, string Right)> merges, int rows)
    {
        _ids = ids;
        foreach (var token in added)
        {
            _ids[token.Content] = token.Id;
        }

        _tokens = TokensById(file, _ids);
        _isSpecial = new bool[_tokens.Length];
        foreach (var token in added)
        {
            _isSpecial[token.Id] |= token.IsSpecial;
        }

        _bytes = new int[256];
        _byteOfToken = new int[_tokens.Length];
        Array.Fill(_byteOfToken, -1);
        for (var value = 0; value < 256; value++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");
            _bytes[value] = IdOf(file, name);
            _byteOfToken[_bytes[value]] = value;
        }

        _characters = CharacterTokens();
        _merges = MergeTable(file, merges);
        _allAdded = new AddedTokenMatcher(added.Where(token => token.Id < rows));
        _plainAdded = new AddedTokenMatcher(added.Where(token => token.Id < rows && !token.IsSpecial));
        PadId = IdOf(file, "<pad>");
        EosId = IdOf(file, "<eos>");
        BosId = IdOf(file, "<bos>");
        UnkId = IdOf(file, "<unk>");
        StartOfTurnId = IdOf(file, "<start_of_turn>");
        EndOfTurnId = IdOf(file, "<end_of_turn>");
    }

    /// <summary>Reads a Hugging Face <c>tokenizer.json</c> of Gemma's kind.</summary>
    /// <param name="path">The file.</param>
    /// <param name="rows">
    /// Rows of the model's embedding. An added token whose id is not below it is not matched in text: its name encodes
    /// as ordinary text. <see cref="FindWithoutRow"/> returns any other token without a row.
    /// </param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">
    /// The file is missing or damaged, is not byte-fallback BPE, gives one id to two tokens, or lacks a token that the
    /// chat format needs.
    /// </exception>
    public static BpeTokenizer Load(string path, int rows = int.MaxValue)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        try
        {
            using var stream = File.OpenRead(path);
            using var document = JsonDocument.Parse(stream);
            return Read(path, document.RootElement, rows);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException(path, $"the file cannot be read ({error.Message})", error);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException
            or InvalidOperationException or FormatException)
        {
            throw new TokenizerException(path, $"it is not a tokenizer.json ({error.Message}).", error);
        }
    }

    private static BpeTokenizer Read(string file, JsonElement root, int rows)
    {
        var model = root.GetProperty("model");
        var type = model.TryGetProperty("type", out var kind) ? kind.GetString() : "BPE";
        if (type != "BPE" || !model.TryGetProperty("byte_fallback", out var fallback) || !fallback.GetBoolean())
        {
            throw new TokenizerException(file, $"expected a BPE model with byte_fallback, found '{type}'");
        }

        RequireGemmaSteps(file, root, model);
        var vocabulary = model.GetProperty("vocab");
        var ids = new Dictionary<string, int>(vocabulary.GetPropertyCount(), StringComparer.Ordinal);
        foreach (var entry in vocabulary.EnumerateObject())
        {
            if (!ids.TryAdd(entry.Name, ReadTokenId(file, entry.Value)))
            {
                throw new TokenizerException(file, $"its vocabulary has '{entry.Name}' twice");
            }
        }

        return new BpeTokenizer(file, ids, Added(file, root), Merges(file, model.GetProperty("merges")), rows);
    }

    private static List<AddedToken> Added(string file, JsonElement root)
    {
        var added = new List<AddedToken>();
        var contents = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in root.GetProperty("added_tokens").EnumerateArray())
        {
            foreach (var rule in (string[])["lstrip", "rstrip", "single_word"])
            {
                RequireGemma(
                    file, !entry.TryGetProperty(rule, out var set) || set.ValueKind == JsonValueKind.False,
                    $"added token {entry.GetProperty("content").GetRawText()} has {rule}, which Gemma's do not use");
            }

            var content = entry.GetProperty("content").GetString() ?? "";
            if (!contents.Add(content))
            {
                throw new TokenizerException(file, $"its added_tokens have '{content}' twice");
            }

            added.Add(new AddedToken(
                ReadTokenId(file, entry.GetProperty("id")), content, entry.GetProperty("special").GetBoolean()));
        }

        return added;
    }

    /// <summary>Refuses two tokens with one id, which would decode as one of them and be the same to the
    /// model.</summary>
    private static string[] TokensById(string file, Dictionary<string, int> ids)
    {
        if (ids.Count == 0)
        {
            throw new TokenizerException(file, "its vocabulary is empty");
        }

        var tokens = new string?[ids.Values.Max() + 1];
        foreach (var (token, id) in ids)
        {
            if (tokens[id] is { } other)
            {
                throw new TokenizerException(file, $"tokens '{other}' and '{token}' have one id, {id}");
            }

            tokens[id] = token;
        }

        return Array.ConvertAll(tokens, token => token ?? "");
    }

    /// <summary>
    /// Rejects a file that configures another normalizer, pre-tokenizer or affix than the hard-coded ones.
    /// </summary>
    private static void RequireGemmaSteps(string file, JsonElement root, JsonElement model)
    {
        var normalizer = PropertyOrNull(root, "normalizer");
        RequireGemma(
            file, normalizer is { } replace && HasText(replace, "type", "Replace") && HasText(replace, "content", "▁")
                && PropertyOrNull(replace, "pattern") is { } replaced && HasText(replaced, "String", " "),
            $"normalizer is {normalizer?.GetRawText() ?? "null"}, expected a Replace of ' ' by '▁'");
        var cut = PropertyOrNull(root, "pre_tokenizer");
        RequireGemma(
            file, cut is not { } split || (HasText(split, "type", "Split")
                && HasText(split, "behavior", "MergedWithPrevious")
                && PropertyOrNull(split, "pattern") is { } at && HasText(at, "String", " ")),
            $"pre_tokenizer is {cut?.GetRawText()}, expected none or a Split at ' ', MergedWithPrevious");
        foreach (var name in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            RequireGemma(
                file, PropertyOrNull(model, name) is not { } affix || affix.GetString() is "",
                $"the model has a {name}");
        }

        RequireGemma(
            file, PropertyOrNull(model, "ignore_merges") is not { } ignores || !ignores.GetBoolean(),
            "the model ignores merges");
    }

    private static JsonElement? PropertyOrNull(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static bool HasText(JsonElement element, string name, string value) =>
        element.TryGetProperty(name, out var said) && said.ValueKind == JsonValueKind.String && said.ValueEquals(value);

    private static void RequireGemma(string file, bool holds, string problem)
    {
        if (!holds)
        {
            throw new TokenizerException(file, $"{problem}: it is not a tokenizer of Gemma's kind");
        }
    }

    // A huge id would only fail later, as an array of that size.
    private static int ReadTokenId(string file, JsonElement element) =>
        element.GetInt32() is >= 0 and < 1 << 24 and var id
            ? id
            : throw new TokenizerException(file, $"token id {element.GetRawText()} is out of range");

    // Newer files write a merge as ["a", "b"], older ones as "a b".
    private static IEnumerable<(string Left, string Right)> Merges(string file, JsonElement merges)
    {
        foreach (var merge in merges.EnumerateArray())
        {
            if (merge.ValueKind == JsonValueKind.Array && merge.GetArrayLength() == 2)
            {
                yield return (merge[0].GetString() ?? "", merge[1].GetString() ?? "");
                continue;
            }

            var parts = merge.ValueKind == JsonValueKind.String ? merge.GetString()!.Split(' ') : [];
            yield return parts.Length == 2
                ? (parts[0], parts[1])
                : throw new TokenizerException(file, $"a merge has two parts, found {merge.GetRawText()}");
        }
    }

    private Dictionary<ulong, (int Rank, int Id)> MergeTable(
        string file, IEnumerable<(string Left, string Right)> merges)
    {
        var table = new Dictionary<ulong, (int Rank, int Id)>();
        var rank = 0;
        foreach (var (left, right) in merges)
        {
            var merged = IdOf(file, left + right);
            // A control token must not result from plain characters, even if a merge says so.
            if (!_isSpecial[merged])
            {
                table.TryAdd(Pair(IdOf(file, left), IdOf(file, right)), (rank, merged));
            }

            rank++;
        }

        return table;
    }

    private Dictionary<int, int> CharacterTokens()
    {
        var characters = new Dictionary<int, int>();
        foreach (var (token, id) in _ids)
        {
            if (Rune.DecodeFromUtf16(token, out var rune, out var length) == System.Buffers.OperationStatus.Done
                && length == token.Length && !_isSpecial[id])
            {
                characters[rune.Value] = id;
            }
        }

        return characters;
    }

    private int IdOf(string file, string token) =>
        _ids.TryGetValue(token, out var id) ? id : throw new TokenizerException(file, $"it has no token '{token}'");
}
