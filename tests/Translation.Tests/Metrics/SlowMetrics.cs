using System.Text;
using System.Text.RegularExpressions;

namespace Workflows.Translation.Tests.Metrics;

/// <summary>The metrics by their definitions, word for word and without any haste.</summary>
internal static partial class SlowMetrics
{
    /// <summary>Papineni et al. 2002 over the words between spaces, with sacreBLEU's exponential smoothing.</summary>
    public static double Bleu(
        IReadOnlyList<string[]> outputs, IReadOnlyList<IReadOnlyList<string[]>> references, int order,
        bool isEffective = false)
    {
        var (matches, totals) = (new long[order], new long[order]);
        var (length, wanted) = (0, 0);
        for (var i = 0; i < outputs.Count; i++)
        {
            length += outputs[i].Length;
            wanted += references[i].Select(each => each.Length)
                .OrderBy(each => Math.Abs(each - outputs[i].Length)).ThenBy(each => each).First();
            for (var n = 1; n <= order; n++)
            {
                var clipped = references[i].SelectMany(each => Grams(each, n).CountBy(gram => gram))
                    .GroupBy(pair => pair.Key).ToDictionary(group => group.Key, group => group.Max(pair => pair.Value));
                foreach (var (gram, count) in Grams(outputs[i], n).CountBy(gram => gram))
                {
                    matches[n - 1] += Math.Min(count, clipped.GetValueOrDefault(gram));
                    totals[n - 1] += count;
                }
            }
        }

        if (matches.Sum() == 0)
        {
            return 0;
        }

        var used = isEffective ? totals.TakeWhile(total => total > 0).Count() : order;
        if (!isEffective && totals.Contains(0))
        {
            return 0;
        }

        var (product, missed) = (1.0, 0);
        for (var n = 0; n < used; n++)
        {
            missed += matches[n] == 0 ? 1 : 0;
            product *= matches[n] > 0
                ? (double)matches[n] / totals[n] : 1 / (Math.Pow(2, missed) * totals[n]);
        }

        var penalty = length < wanted ? Math.Exp(1 - ((double)wanted / length)) : 1;
        return 100 * penalty * Math.Pow(product, 1.0 / used);
    }

    /// <summary>Popović 2015 and 2017: precision and recall averaged over the orders that both sides have.</summary>
    public static double Chrf(
        IReadOnlyList<string> outputs, IReadOnlyList<string> references, int characters, int words, double beta)
    {
        var orders = characters + words;
        var (shared, mine, theirs) = (new long[orders], new long[orders], new long[orders]);
        for (var i = 0; i < outputs.Count; i++)
        {
            for (var n = 0; n < orders; n++)
            {
                var (left, right) = n < characters
                    ? (Grams(Letters(outputs[i]), n + 1), Grams(Letters(references[i]), n + 1))
                    : (Grams(Words(outputs[i]), n + 1 - characters), Grams(Words(references[i]), n + 1 - characters));
                var counts = right.CountBy(gram => gram).ToDictionary();
                shared[n] += left.CountBy(gram => gram)
                    .Sum(pair => Math.Min(pair.Value, counts.GetValueOrDefault(pair.Key)));
                // Of a reference without any of this order nothing can be found.
                mine[n] += right.Count > 0 ? left.Count : 0;
                theirs[n] += right.Count;
            }
        }

        var usable = Enumerable.Range(0, orders).Where(n => mine[n] > 0 && theirs[n] > 0).ToList();
        if (usable.Count == 0)
        {
            return 0;
        }

        var precision = usable.Average(n => (double)shared[n] / mine[n]);
        var recall = usable.Average(n => (double)shared[n] / theirs[n]);
        var weight = beta * beta;
        return precision + recall == 0 ? 0 : 100 * (1 + weight) * precision * recall / ((weight * precision) + recall);
    }

    /// <summary>The edit distance by the recursion that defines it, without moves.</summary>
    public static int Edits(ReadOnlySpan<string> output, ReadOnlySpan<string> reference)
    {
        var costs = new int[output.Length + 1, reference.Length + 1];
        for (var i = 0; i <= output.Length; i++)
        {
            for (var j = 0; j <= reference.Length; j++)
            {
                costs[i, j] = i == 0 || j == 0 ? i + j : Math.Min(
                    costs[i - 1, j - 1] + (output[i - 1] == reference[j - 1] ? 0 : 1),
                    1 + Math.Min(costs[i - 1, j], costs[i, j - 1]));
            }
        }

        return costs[output.Length, reference.Length];
    }

    /// <summary>The words of mteval-v13a, by its own regular expressions.</summary>
    public static string[] Mteval(string line)
    {
        line = line.TrimEnd().Replace("<skipped>", "").Replace("-\n", "").Replace('\n', ' ')
            .Replace("&quot;", "\"").Replace("&amp;", "&").Replace("&lt;", "<").Replace("&gt;", ">");
        line = Marks().Replace($" {line} ", " $1 ");
        line = Before().Replace(line, "$1 $2 ");
        line = After().Replace(line, " $1 $2");
        return Dash().Replace(line, "$1 $2 ").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    public static string[] Letters(string text) =>
        [.. text.EnumerateRunes().Where(rune => !Rune.IsWhiteSpace(rune)).Select(rune => rune.ToString())];

    private static string[] Words(string text) =>
        [.. text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).SelectMany(word =>
            word.Length == 1 ? [word]
            : char.IsAscii(word[^1]) && (char.IsPunctuation(word[^1]) || char.IsSymbol(word[^1]))
                ? [word[..^1], word[^1..]]
            : char.IsAscii(word[0]) && (char.IsPunctuation(word[0]) || char.IsSymbol(word[0]))
                ? new[] { word[..1], word[1..] }
            : [word])];

    private static List<string> Grams(string[] tokens, int order) =>
        [.. Enumerable.Range(0, Math.Max(0, tokens.Length - order + 1))
            .Select(at => string.Join('\u0001', tokens[at..(at + order)]))];

    [GeneratedRegex(@"([\{-\~\[-\` -\&\(-\+\:-\@\/])")]
    private static partial Regex Marks();

    [GeneratedRegex(@"([^0-9])([\.,])", RegexOptions.Singleline)]
    private static partial Regex Before();

    [GeneratedRegex(@"([\.,])([^0-9])", RegexOptions.Singleline)]
    private static partial Regex After();

    [GeneratedRegex(@"([0-9])(-)")]
    private static partial Regex Dash();
}
