namespace Workflows.Translation.Metrics;

/// <summary>Maps words and characters to numbers, so that n-grams are compared as numbers.</summary>
internal sealed class SymbolReader
{
    private readonly Dictionary<string, int> _words = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    public SymbolReader() => _lookup = _words.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Appends the code points of a line.</summary>
    public static void Characters(string text, List<int> symbols, bool keepSpaces)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (keepSpaces || !rune.IsBmp || !PythonText.IsSpace((char)rune.Value))
            {
                symbols.Add(rune.Value);
            }
        }
    }

    /// <summary>Appends a number for each word between white space.</summary>
    public void Words(ReadOnlySpan<char> text, List<int> symbols)
    {
        while (TryNext(ref text, out var word))
        {
            symbols.Add(Number(word));
        }
    }

    /// <summary>
    /// Appends words as <see cref="Words"/> does, with one ASCII punctuation mark at a word's end, or else start,
    /// separated.
    /// </summary>
    public void PunctuatedWords(ReadOnlySpan<char> text, List<int> symbols)
    {
        while (TryNext(ref text, out var word))
        {
            if (word.Length > 1 && IsPunctuation(word[^1]))
            {
                symbols.Add(Number(word[..^1]));
                symbols.Add(Number(word[^1..]));
            }
            else if (word.Length > 1 && IsPunctuation(word[0]))
            {
                symbols.Add(Number(word[..1]));
                symbols.Add(Number(word[1..]));
            }
            else
            {
                symbols.Add(Number(word));
            }
        }
    }

    private static bool IsPunctuation(char value) =>
        value is > ' ' and < '\x7f' && !char.IsAsciiLetterOrDigit(value);

    private static bool TryNext(ref ReadOnlySpan<char> text, out ReadOnlySpan<char> word)
    {
        var start = 0;
        while (start < text.Length && PythonText.IsSpace(text[start]))
        {
            start++;
        }

        var end = start;
        while (end < text.Length && !PythonText.IsSpace(text[end]))
        {
            end++;
        }

        word = text[start..end];
        text = text[end..];
        return !word.IsEmpty;
    }

    private int Number(ReadOnlySpan<char> word)
    {
        if (!_lookup.TryGetValue(word, out var number))
        {
            number = _words.Count;
            _lookup[word] = number;
        }

        return number;
    }
}
