namespace Workflows.Translation.Metrics;

/// <summary>Maps words and characters to numbers, so that n-grams are compared as numbers.</summary>
internal sealed class SymbolReader
{
    // A table of its own, whose text is one array: a dictionary that is asked by spans is compiled at each start of a
    // program, and makes a string of each word.
    private int[] _slots = new int[1 << 12];
    private int[] _hashes = new int[1 << 11];
    private int[] _ends = new int[1 << 11];
    private char[] _text = new char[1 << 14];
    private int _count;

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

    /// <summary>Returns the number of a word, a new one for a word that it has not seen.</summary>
    private int Number(ReadOnlySpan<char> word)
    {
        // Seeded for each process, so that no corpus can be made of words that collide.
        var hash = string.GetHashCode(word);
        var mask = _slots.Length - 1;
        var slot = hash & mask;
        for (; _slots[slot] > 0; slot = (slot + 1) & mask)
        {
            var number = _slots[slot] - 1;
            if (_hashes[number] == hash && word.SequenceEqual(WordOf(number)))
            {
                return number;
            }
        }

        _slots[slot] = _count + 1;
        return Add(word, hash);
    }

    private ReadOnlySpan<char> WordOf(int number)
    {
        var start = number == 0 ? 0 : _ends[number - 1];
        return _text.AsSpan(start, _ends[number] - start);
    }

    private int Add(ReadOnlySpan<char> word, int hash)
    {
        var start = _count == 0 ? 0 : _ends[_count - 1];
        if (start + word.Length > _text.Length)
        {
            Array.Resize(ref _text, Math.Max(_text.Length * 2, start + word.Length));
        }

        word.CopyTo(_text.AsSpan(start));
        (_hashes[_count], _ends[_count]) = (hash, start + word.Length);
        _count++;
        if (_count == _ends.Length)
        {
            Grow();
        }

        return _count - 1;
    }

    /// <summary>Doubles the table, of which half at most is used.</summary>
    private void Grow()
    {
        Array.Resize(ref _hashes, _count * 2);
        Array.Resize(ref _ends, _count * 2);
        _slots = new int[_count * 4];
        var mask = _slots.Length - 1;
        for (var number = 0; number < _count; number++)
        {
            var slot = _hashes[number] & mask;
            while (_slots[slot] > 0)
            {
                slot = (slot + 1) & mask;
            }

            _slots[slot] = number + 1;
        }
    }
}
