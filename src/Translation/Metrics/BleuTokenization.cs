using System.Buffers;
using System.Globalization;
using System.Text;

namespace Workflows.Translation.Metrics;

/// <summary>BLEU's tokenizers, which turn a line into space-separated words.</summary>
internal static class BleuTokenization
{
    // Ranges as the original writes them: "{-~", "[-`", " -&", "(-+", ":-@" and "/".
    private static readonly bool[] AlwaysApart = Table("{|}~[\\]^_` !\"#$%&()*+:;<=>?@/");

    public static string Name(BleuTokenizer tokenizer) => tokenizer switch
    {
        BleuTokenizer.Mteval13a => "13a",
        BleuTokenizer.Character => "char",
        BleuTokenizer.None => "none",
        BleuTokenizer.International => "intl",
        BleuTokenizer.Chinese => "zh",
        BleuTokenizer.KoreanMecab => "ko-mecab-0.996/ko-0.9.2-KO",
        _ => throw new ArgumentOutOfRangeException(nameof(tokenizer), tokenizer, "Unknown BLEU tokenizer."),
    };

    public static string Tokenize(BleuTokenizer tokenizer, string line) => tokenizer switch
    {
        BleuTokenizer.Mteval13a => Mteval13a(line),
        BleuTokenizer.Character => Characters(line),
        BleuTokenizer.International => International(line),
        BleuTokenizer.Chinese => Chinese(line),
        _ => line,
    };

    /// <summary>Tokenizes a line and appends a number for each word, without building the tokenized line.</summary>
    public static void Read(BleuTokenizer tokenizer, string line, SymbolReader reader, List<int> symbols)
    {
        switch (tokenizer)
        {
            case BleuTokenizer.Character:
                SymbolReader.Characters(line, symbols, keepSpaces: false);
                break;
            case BleuTokenizer.Mteval13a:
                var (length, source, target) = Western(Unescaped13a(line), edge: " ");
                reader.Words(source.AsSpan(0, length), symbols);
                Return(source, target);
                break;
            default:
                reader.Words(Tokenize(tokenizer, line), symbols);
                break;
        }
    }

    private static string Mteval13a(string line) => Collapsed(Unescaped13a(line), edge: " ");

    private static string Unescaped13a(string line)
    {
        if (line.AsSpan().IndexOfAny('<', '\n', '&') < 0)
        {
            return line;
        }

        line = line.Replace("<skipped>", "", StringComparison.Ordinal)
            .Replace("-\n", "", StringComparison.Ordinal)
            .Replace('\n', ' ');
        if (line.Contains('&'))
        {
            line = line.Replace("&quot;", "\"", StringComparison.Ordinal)
                .Replace("&amp;", "&", StringComparison.Ordinal)
                .Replace("&lt;", "<", StringComparison.Ordinal)
                .Replace("&gt;", ">", StringComparison.Ordinal);
        }

        return line;
    }

    private static string Collapsed(string line, string edge)
    {
        var (length, source, target) = Western(line, edge);
        var collapsed = PythonText.Collapse(source.AsSpan(0, length));
        Return(source, target);
        return collapsed;
    }

    private static void Return(char[] source, char[] target)
    {
        ArrayPool<char>.Shared.Return(source);
        ArrayPool<char>.Shared.Return(target);
    }

    private static bool[] Table(string marks)
    {
        var table = new bool[128];
        foreach (var mark in marks)
        {
            table[mark] = true;
        }

        return table;
    }

    // Four passes as in mteval, each a regular expression there: a pass does not match again within its own match.
    // The edge stands at both ends of the line. The arrays are given back by the caller; the first has the result.
    private static (int Length, char[] Source, char[] Target) Western(string line, string edge)
    {
        // Every pass at most triples a character, and the later ones only near marks that the first left unchanged.
        var source = ArrayPool<char>.Shared.Rent(line.Length * 9 + 34);
        var target = ArrayPool<char>.Shared.Rent(line.Length * 9 + 34);
        var length = Apart(line, edge, source, out var hasMark, out var hasDash);
        if (hasMark)
        {
            length = MarkAfterOther(source.AsSpan(0, length), target);
            length = MarkBeforeOther(target.AsSpan(0, length), source);
        }

        if (hasDash)
        {
            length = DashAfterDigit(source.AsSpan(0, length), target);
            (source, target) = (target, source);
        }

        return (length, source, target);
    }

    /// <summary>Copies a line between its edges, with spaces around the marks that are always apart.</summary>
    private static int Apart(string line, string edge, char[] target, out bool hasMark, out bool hasDash)
    {
        var apart = AlwaysApart;
        (hasMark, hasDash) = (false, false);
        edge.CopyTo(target);
        var length = edge.Length;
        foreach (var value in line)
        {
            if (value < apart.Length && apart[value])
            {
                target[length++] = ' ';
                target[length++] = value;
                target[length++] = ' ';
                continue;
            }

            hasMark |= value is '.' or ',';
            hasDash |= value == '-';
            target[length++] = value;
        }

        edge.CopyTo(target.AsSpan(length));
        return length + edge.Length;
    }

    private static int MarkAfterOther(ReadOnlySpan<char> source, Span<char> target)
    {
        var length = 0;
        for (var i = 0; i < source.Length; i++)
        {
            target[length++] = source[i];
            if (i + 1 < source.Length && source[i + 1] is '.' or ',' && !char.IsAsciiDigit(source[i]))
            {
                target[length++] = ' ';
                target[length++] = source[++i];
                target[length++] = ' ';
            }
        }

        return length;
    }

    private static int MarkBeforeOther(ReadOnlySpan<char> source, Span<char> target)
    {
        var length = 0;
        for (var i = 0; i < source.Length; i++)
        {
            if (i + 1 < source.Length && source[i] is '.' or ',' && !char.IsAsciiDigit(source[i + 1]))
            {
                target[length++] = ' ';
                target[length++] = source[i++];
                target[length++] = ' ';
            }

            target[length++] = source[i];
        }

        return length;
    }

    private static int DashAfterDigit(ReadOnlySpan<char> source, Span<char> target)
    {
        var length = 0;
        for (var i = 0; i < source.Length; i++)
        {
            target[length++] = source[i];
            if (i + 1 < source.Length && source[i + 1] == '-' && char.IsAsciiDigit(source[i]))
            {
                target[length++] = ' ';
                target[length++] = source[++i];
                target[length++] = ' ';
            }
        }

        return length;
    }

    private static string Characters(string line)
    {
        var result = new StringBuilder(line.Length * 2);
        foreach (var rune in line.EnumerateRunes())
        {
            if (result.Length > 0)
            {
                result.Append(' ');
            }

            result.Append(rune.ToString());
        }

        return result.ToString();
    }

    private static string Chinese(string line)
    {
        line = PythonText.TrimStart(PythonText.TrimEnd(line));
        var result = new StringBuilder(line.Length * 2);
        foreach (var value in line)
        {
            if (IsChinese(value))
            {
                result.Append(' ').Append(value).Append(' ');
            }
            else
            {
                result.Append(value);
            }
        }

        return Collapsed(result.ToString(), edge: "");
    }

    // The original intends the ranges 20000-2A6D6 and 2F800-2FA1D, but compares strings whose escapes take four digits,
    // so U+2001-2A6D and U+2F81-2FA1 count in fact. Equal scores require the same here.
    private static bool IsChinese(char value) => value
        is >= '\u3400' and <= '\u4db5' or >= '\u4e00' and <= '\u9fbb' or >= '\uf900' and <= '\ufa2d'
        or >= '\ufa30' and <= '\ufa6a' or >= '\ufa70' and <= '\ufad9' or >= '\u2001' and <= '\u2a6d'
        or >= '\u2f81' and <= '\u2fa1' or >= '\uff00' and <= '\uffef' or >= '\u2e80' and <= '\u2eff'
        or >= '\u3000' and <= '\u303f' or >= '\u31c0' and <= '\u31ef' or >= '\u2f00' and <= '\u2fdf'
        or >= '\u2ff0' and <= '\u2fff' or >= '\u3100' and <= '\u312f' or >= '\u31a0' and <= '\u31bf'
        or >= '\ufe10' and <= '\ufe1f' or >= '\ufe30' and <= '\ufe4f' or >= '\u2600' and <= '\u27bf'
        or >= '\u3200' and <= '\u33ff';

    private static string International(string line)
    {
        var first = RunePairs(line, (left, right) => !IsNumber(left) && IsPunctuation(right), isSpaceAtEnd: true);
        var second = RunePairs(first, (left, right) => IsPunctuation(left) && !IsNumber(right), isSpaceAtEnd: false);
        var result = new StringBuilder(second.Length * 2);
        foreach (var rune in second.EnumerateRunes())
        {
            if (Rune.IsSymbol(rune))
            {
                result.Append(' ').Append(rune.ToString()).Append(' ');
            }
            else
            {
                result.Append(rune.ToString());
            }
        }

        return PythonText.Collapse(result.ToString());
    }

    private static bool IsNumber(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    private static bool IsPunctuation(Rune rune) => Rune.IsPunctuation(rune);

    private static string RunePairs(string text, Func<Rune, Rune, bool> qualifies, bool isSpaceAtEnd)
    {
        var runes = text.EnumerateRunes().ToArray();
        var result = new StringBuilder(text.Length * 2);
        var i = 0;
        while (i < runes.Length)
        {
            if (i + 1 == runes.Length || !qualifies(runes[i], runes[i + 1]))
            {
                result.Append(runes[i++].ToString());
                continue;
            }

            result.Append(isSpaceAtEnd ? "" : " ").Append(runes[i].ToString()).Append(' ')
                .Append(runes[i + 1].ToString()).Append(isSpaceAtEnd ? " " : "");
            i += 2;
        }

        return result.ToString();
    }
}
