namespace Workflows.Translation.Tokenization;

/// <summary>Finds added tokens in raw text: leftmost first, and the longest if several begin at one position.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    // For each first character, the lengths of tokens, longest first.
    private readonly Dictionary<char, int[]> _lengths;

    public AddedTokenMatcher(IEnumerable<AddedToken> tokens)
    {
        _ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var token in tokens.Where(token => token.Content.Length > 0))
        {
            _ids.TryAdd(token.Content, token.Id);
        }

        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _lengths = _ids.Keys.GroupBy(content => content[0]).ToDictionary(
            group => group.Key,
            group => group.Select(content => content.Length).Distinct().OrderDescending().ToArray());
    }

    /// <summary>The ids that can be found.</summary>
    public IReadOnlyCollection<int> Ids => _ids.Values;

    /// <summary>Finds the first added token at or after <paramref name="from"/>.</summary>
    public bool TryFind(string text, int from, out int start, out int length, out int id)
    {
        for (start = from; start < text.Length; start++)
        {
            if (!_lengths.TryGetValue(text[start], out var lengths))
            {
                continue;
            }

            foreach (var candidate in lengths)
            {
                if (candidate <= text.Length - start && _lookup.TryGetValue(text.AsSpan(start, candidate), out id))
                {
                    length = candidate;
                    return true;
                }
            }
        }

        length = 0;
        id = 0;
        return false;
    }
}
