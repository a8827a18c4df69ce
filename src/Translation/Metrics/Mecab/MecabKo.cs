using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Workflows.Translation.Metrics.Mecab;

/// <summary>
/// Splits Korean into morphemes as MeCab does with mecab-ko-dic: the cheapest path through all words of the dictionary.
/// Immutable and thread-safe.
/// </summary>
/// <remarks>Kudo et al. 2004; the penalty for white space before a word is mecab-ko's.</remarks>
internal sealed class MecabKo
{
    public const string FolderVariable = "WORKFLOWS_MECAB_KO_DIC";
    private const uint EntryCount = 811_795;
    private const int LongestGroup = 24;

    private static readonly ConcurrentDictionary<string, Lazy<MecabKo>> Loaded = new(StringComparer.Ordinal);

    private readonly MecabLexicon _words;
    private readonly MecabCharacters _characters;
    private readonly MecabToken[][] _unknown;
    private readonly short[] _matrix;
    private readonly int _leftSize;
    private readonly MecabCharacter _space;
    private readonly Dictionary<int, int> _penalties;

    private MecabKo(string folder)
    {
        _words = MecabLexicon.Read(folder, "sys.dic");
        MecabFile.Check(_words.Size == EntryCount, folder, "sys.dic", $"it has {_words.Size} words; scores are "
            + $"comparable only with the mecab-ko-dic of {EntryCount} words that sacreBLEU uses.");
        var unknown = MecabLexicon.Read(folder, "unk.dic");
        _characters = MecabCharacters.Read(folder);
        _unknown = [.. _characters.Names.Select(name => unknown.Find(name).ToArray())];
        MecabFile.Check(_unknown.All(tokens => tokens.Length > 0), folder, "unk.dic");
        _matrix = MecabFile.Array<short>(MecabFile.Read(folder, "matrix.bin"));
        _leftSize = _words.LeftSize;
        MecabFile.Check(_matrix.Length == 2 + _leftSize * _words.RightSize, folder, "matrix.bin");
        _space = _characters.First(" "u8, out _);
        _penalties = ReadPenalties(folder);
    }

    /// <summary>Returns the analyser of a folder; each folder is read once.</summary>
    /// <param name="folder">The folder; null for the one that the environment names.</param>
    public static MecabKo Load(string? folder)
    {
        folder ??= Environment.GetEnvironmentVariable(FolderVariable);
        if (string.IsNullOrEmpty(folder))
        {
            throw new MecabDictionaryException(null, "no dictionary is named; give the folder of the compiled "
                + $"mecab-ko-dic by option or in {FolderVariable}.");
        }

        return Loaded.GetOrAdd(Path.GetFullPath(folder), path => new Lazy<MecabKo>(
            () => new MecabKo(path), LazyThreadSafetyMode.PublicationOnly)).Value;
    }

    /// <summary>Returns the morphemes of a line, separated by spaces.</summary>
    public string Tokenize(string line)
    {
        var text = Encoding.UTF8.GetBytes(PythonText.TrimStart(PythonText.TrimEnd(line)));
        var nodes = new List<Node> { new(default, 0, 0, 0, -1, -1) };
        var ending = new int[text.Length + 1];
        Array.Fill(ending, -1, 1, text.Length);
        var found = new List<(int Length, int First, int Count)>();
        var starting = new List<Node>();
        for (var position = 0; position < text.Length; position++)
        {
            if (ending[position] >= 0)
            {
                starting.Clear();
                AddWords(text, position, found, starting);
                // The last word found comes first, and so is chosen among paths of the same cost.
                for (var i = starting.Count - 1; i >= 0; i--)
                {
                    Connect(nodes, starting[i], ending, position);
                }
            }
        }

        var last = text.Length;
        while (ending[last] < 0)
        {
            last--;
        }

        var (best, _) = Cheapest(nodes, default, ending[last], 0);
        var words = new Stack<string>();
        for (var node = best; nodes[node].Previous >= 0; node = nodes[node].Previous)
        {
            words.Push(Encoding.UTF8.GetString(text, nodes[node].Start, nodes[node].Length));
        }

        return PythonText.TrimEnd(PythonText.TrimStart(string.Join(' ', words)));
    }

    private static Dictionary<int, int> ReadPenalties(string folder)
    {
        const string Key = "left-space-penalty-factor";
        var line = Encoding.UTF8.GetString(MecabFile.Read(folder, "dicrc")).Split('\n')
            .Select(text => text.Trim()).FirstOrDefault(text => text.StartsWith(Key, StringComparison.Ordinal));
        MecabFile.Check(line is not null, folder, "dicrc", $"it has no {Key}; this is not a mecab-ko-dic.");
        var numbers = line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..].Split(',')
            .Select(text => int.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : -1).ToArray();
        MecabFile.Check(numbers.Length % 2 == 0 && numbers.All(number => number >= 0), folder, "dicrc");
        var penalties = new Dictionary<int, int>();
        for (var i = 0; i < numbers.Length; i += 2)
        {
            penalties.TryAdd(numbers[i], numbers[i + 1]);
        }

        return penalties;
    }

    private void AddWords(
        byte[] text, int position, List<(int Length, int First, int Count)> found, List<Node> starting)
    {
        var start = position + _characters.Span(text.AsSpan(position), _space, out _);
        if (start == text.Length)
        {
            return;
        }

        var rest = text.AsSpan(start);
        var first = _characters.First(rest, out var firstLength);
        _words.Prefixes(rest, found);
        foreach (var (length, index, count) in found)
        {
            AddTokens(_words.Tokens(index, count), start, length, starting);
        }

        if (starting.Count == 0 || first.IsAlwaysTried)
        {
            AddUnknown(rest, start, first, firstLength, starting);
        }
    }

    private void AddUnknown(
        ReadOnlySpan<byte> rest, int start, MecabCharacter first, int firstLength, List<Node> starting)
    {
        var tokens = _unknown[first.Class];
        var group = -1;
        if (first.IsGrouped)
        {
            group = firstLength + _characters.Span(rest[firstLength..], first, out var characters);
            if (characters <= LongestGroup)
            {
                AddTokens(tokens, start, group, starting);
            }
        }

        var length = firstLength;
        for (var i = 1; i <= first.Length && length <= rest.Length; i++)
        {
            // Lengths that the group has added already are not tried again, nor longer ones.
            if (length == group)
            {
                continue;
            }

            AddTokens(tokens, start, length, starting);
            if (length == rest.Length || !first.IsKindOf(_characters.First(rest[length..], out var next)))
            {
                break;
            }

            length += next;
        }

        if (starting.Count == 0)
        {
            AddTokens(tokens, start, length, starting);
        }
    }

    private static void AddTokens(ReadOnlySpan<MecabToken> tokens, int start, int length, List<Node> starting)
    {
        foreach (var token in tokens)
        {
            starting.Add(new Node(token, start, length, 0, -1, -1));
        }
    }

    private void Connect(List<Node> nodes, Node node, int[] ending, int position)
    {
        var penalty = node.Start > position ? _penalties.GetValueOrDefault(node.Token.PartOfSpeech) : 0;
        var (previous, cost) = Cheapest(nodes, node.Token, ending[position], penalty);
        var end = node.Start + node.Length;
        nodes.Add(node with { Cost = cost, Previous = previous, Sibling = ending[end] });
        ending[end] = nodes.Count - 1;
    }

    private (int Node, long Cost) Cheapest(List<Node> nodes, MecabToken token, int first, int penalty)
    {
        var (best, cost) = (-1, long.MaxValue);
        for (var left = first; left >= 0; left = nodes[left].Sibling)
        {
            var total = nodes[left].Cost + _matrix[2 + nodes[left].Token.Right + _leftSize * token.Left]
                + token.Cost + penalty;
            (best, cost) = total < cost ? (left, total) : (best, cost);
        }

        return (best, cost);
    }

    /// <summary>A word at a position; siblings end at the same position.</summary>
    private readonly record struct Node(
        MecabToken Token, int Start, int Length, long Cost, int Previous, int Sibling);
}
