using System.Text.RegularExpressions;

namespace Workflows.Translation.Metrics;

/// <summary>Tokenizes a line for TER by the rules of Tercom, into space-separated words.</summary>
internal static partial class TerTokenization
{
    private const string AsianMarks = @"[\u3001\u3002\u3008-\u3011\u3014-\u301f\uff61-\uff65\u30fb]"
        + @"|[\uff0e\uff0c\uff1f\uff1a\uff1b\uff01\uff02\uff08\uff09]";

    public static string Tokenize(TerOptions options, string line)
    {
        line = options.CaseSensitive ? line : PythonText.Lower(line);
        if (options.Normalized)
        {
            line = Western(line);
            line = options.AsianSupport ? Asian(line) : line;
        }

        if (options.NoPunctuation)
        {
            line = Punctuation().Replace(line, "");
            line = options.AsianSupport ? AsianPunctuation().Replace(line, "") : line;
        }

        return PythonText.Collapse(line);
    }

    private static string Western(string line)
    {
        line = line.Replace("\n-", "", StringComparison.Ordinal)
            .Replace('\n', ' ')
            .Replace("&quot;", "\"", StringComparison.Ordinal)
            .Replace("&amp;", "&", StringComparison.Ordinal)
            .Replace("&lt;", "<", StringComparison.Ordinal)
            .Replace("&gt;", ">", StringComparison.Ordinal);
        line = Apart().Replace($" {line} ", " $0 ").Replace("'s ", " 's ", StringComparison.Ordinal);
        line = MarkAfterOther().Replace(line, "$1 $2 ");
        line = MarkBeforeOther().Replace(line, " $1 $2");
        return DashAfterDigit().Replace(line, "$1 $2 ");
    }

    // The original's rules for kana are anchored at both ends of the line, which by then begins and ends with a space,
    // so they never apply. Its range for enclosed letters ends at U+3F22, as here; the marks of both kinds are
    // disjoint, so one pass replaces two.
    private static string Asian(string line)
    {
        line = Ideographs().Replace(line, " $0 ");
        line = Strokes().Replace(line, " $0 ");
        line = Compatibility().Replace(line, " $0 ");
        line = Enclosed().Replace(line, " $0 ");
        return AsianPunctuation().Replace(line, " $0 ");
    }

    [GeneratedRegex(@"[{-~\[-` -&(-+:-@/]")]
    private static partial Regex Apart();

    [GeneratedRegex(@"([^0-9])([.,])", RegexOptions.Singleline)]
    private static partial Regex MarkAfterOther();

    [GeneratedRegex(@"([.,])([^0-9])", RegexOptions.Singleline)]
    private static partial Regex MarkBeforeOther();

    [GeneratedRegex(@"([0-9])(-)")]
    private static partial Regex DashAfterDigit();

    [GeneratedRegex(@"[\u4e00-\u9fff\u3400-\u4dbf]")]
    private static partial Regex Ideographs();

    [GeneratedRegex(@"[\u31c0-\u31ef\u2e80-\u2eff]")]
    private static partial Regex Strokes();

    [GeneratedRegex(@"[\u3300-\u33ff\uf900-\ufaff\ufe30-\ufe4f]")]
    private static partial Regex Compatibility();

    [GeneratedRegex(@"[\u3200-\u3f22]")]
    private static partial Regex Enclosed();

    [GeneratedRegex(@"[.,?:;!""()]")]
    private static partial Regex Punctuation();

    [GeneratedRegex(AsianMarks)]
    private static partial Regex AsianPunctuation();
}
