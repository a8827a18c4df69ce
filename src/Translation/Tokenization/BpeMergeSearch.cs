namespace Workflows.Translation.Tokenization;

/// <summary>Repeatedly merges the most frequent pair everywhere, with counts kept up to date.</summary>
internal sealed class BpeMergeSearch
{
    private readonly List<(List<int> Symbols, long Count)> _words = [];
    private readonly List<string> _texts;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<(int Left, int Right), long> _counts = [];
    private readonly Dictionary<(int Left, int Right), HashSet<int>> _where = [];
    private readonly PriorityQueue<(int Left, int Right), Priority> _queue = new(new PriorityOrder());

    public BpeMergeSearch(Dictionary<string, long> pieces, IReadOnlyList<string> characters)
    {
        _texts = [.. characters];
        _ids = _texts.Select((text, id) => (text, id)).ToDictionary(entry => entry.text, entry => entry.id);
        foreach (var (piece, count) in pieces.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            // A character without a token is encoded as bytes later, so it takes part in no merge: -1 represents it.
            var symbols = piece.EnumerateRunes().Select(rune => _ids.GetValueOrDefault(rune.ToString(), -1)).ToList();
            _words.Add((symbols, count));
            Count(_words.Count - 1, 1);
        }
    }

    /// <summary>Returns the merges in order, at most <paramref name="limit"/> of them.</summary>
    public List<(string Left, string Right)> Run(int limit, int minimumCount)
    {
        foreach (var pair in _counts.Keys)
        {
            Enqueue(pair);
        }

        var merges = new List<(string Left, string Right)>();
        while (merges.Count < limit && _queue.TryDequeue(out var pair, out var priority))
        {
            var count = _counts.GetValueOrDefault(pair);
            if (count != priority.Count)
            {
                if (count > 0 && count < priority.Count)
                {
                    Enqueue(pair);
                }

                continue;
            }

            var text = _texts[pair.Left] + _texts[pair.Right];
            if (count < minimumCount)
            {
                break;
            }

            // Two ways to the same text would be one token with two merges; the first is enough.
            if (_ids.TryAdd(text, _texts.Count))
            {
                merges.Add((_texts[pair.Left], _texts[pair.Right]));
                _texts.Add(text);
                Apply(pair, _texts.Count - 1);
            }
            else
            {
                _counts.Remove(pair);
            }
        }

        return merges;
    }

    private void Apply((int Left, int Right) pair, int merged)
    {
        var changed = new HashSet<(int Left, int Right)>();
        foreach (var word in _where[pair].Order().ToArray())
        {
            Count(word, -1);
            var symbols = _words[word].Symbols;
            var kept = 0;
            for (var i = 0; i < symbols.Count; i++)
            {
                var isPair = i + 1 < symbols.Count && symbols[i] == pair.Left && symbols[i + 1] == pair.Right;
                symbols[kept++] = isPair ? merged : symbols[i];
                i += isPair ? 1 : 0;
            }

            symbols.RemoveRange(kept, symbols.Count - kept);
            Count(word, 1);
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                if (symbols[i] == merged || symbols[i + 1] == merged)
                {
                    changed.Add((symbols[i], symbols[i + 1]));
                }
            }
        }

        foreach (var neighbour in changed)
        {
            Enqueue(neighbour);
        }
    }

    private void Count(int word, int sign)
    {
        var (symbols, count) = _words[word];
        for (var i = 0; i + 1 < symbols.Count; i++)
        {
            var pair = (symbols[i], symbols[i + 1]);
            if (pair.Item1 < 0 || pair.Item2 < 0)
            {
                continue;
            }

            _counts[pair] = _counts.GetValueOrDefault(pair) + sign * count;
            if (!_where.TryGetValue(pair, out var words))
            {
                _where[pair] = words = [];
            }

            words.Add(word);
        }
    }

    private void Enqueue((int Left, int Right) pair)
    {
        if (pair.Left >= 0 && pair.Right >= 0 && _counts.GetValueOrDefault(pair) is > 0 and var count)
        {
            _queue.Enqueue(pair, new Priority(count, _texts[pair.Left], _texts[pair.Right]));
        }
    }

    private readonly record struct Priority(long Count, string Left, string Right);

    private sealed class PriorityOrder : IComparer<Priority>
    {
        public int Compare(Priority x, Priority y)
        {
            var order = y.Count.CompareTo(x.Count);
            order = order != 0 ? order : string.CompareOrdinal(x.Left, y.Left);
            return order != 0 ? order : string.CompareOrdinal(x.Right, y.Right);
        }
    }
}
