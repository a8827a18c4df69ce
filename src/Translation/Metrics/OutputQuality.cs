using Workflows.Translation.Corpora;

namespace Workflows.Translation.Metrics;

/// <summary>Counts degenerate outputs, which an average score can hide.</summary>
public static class OutputQuality
{
    private const int LongestPhraseWords = 12;
    private const int LongestPhraseCharacters = 24;
    private const double EnglishPerKorean = 1.9;
    private const double GrantedCharacters = 10;

    /// <summary>Inspects the outputs of one direction.</summary>
    /// <param name="sources">The sources, one a segment.</param>
    /// <param name="hypotheses">As many outputs, in the same order.</param>
    /// <param name="direction">The direction.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="wasCutOff">
    /// For each output whether the token limit ended it; null if that is not known, and only the length is judged.
    /// </param>
    /// <returns>The counts with samples.</returns>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public static OutputQualityReport Inspect(
        IReadOnlyList<string> sources, IReadOnlyList<string> hypotheses, TranslationDirection direction,
        OutputQualityOptions? options = null, IReadOnlyList<bool>? wasCutOff = null)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(hypotheses);
        options ??= new OutputQualityOptions();
        if (sources.Count != hypotheses.Count || (wasCutOff is not null && wasCutOff.Count != hypotheses.Count))
        {
            throw new ArgumentException(
                $"Cannot inspect {hypotheses.Count} outputs of {sources.Count} sources: one a source is needed.",
                nameof(hypotheses));
        }

        var faults = Enum.GetValues<OutputFault>().ToDictionary(fault => fault, _ => 0);
        var samples = new List<OutputSample>();
        var degenerate = 0;
        for (var i = 0; i < hypotheses.Count; i++)
        {
            var found = Faults(sources[i], hypotheses[i], direction, options, wasCutOff?[i] ?? false).ToArray();
            degenerate += found.Length > 0 ? 1 : 0;
            foreach (var fault in found)
            {
                if (++faults[fault] <= options.SamplesPerFault)
                {
                    samples.Add(new OutputSample(fault, i, sources[i], hypotheses[i]));
                }
            }
        }

        return new OutputQualityReport(hypotheses.Count, degenerate, faults, samples);
    }

    private static IEnumerable<OutputFault> Faults(
        string source, string output, TranslationDirection direction, OutputQualityOptions options, bool wasCutOff)
    {
        if (ScriptShare.IsBlank(output))
        {
            yield return OutputFault.Empty;
            yield break;
        }

        var key = TextKey.Near(output);
        if (key.Any(char.IsLetter) && string.Equals(key, TextKey.Near(source), StringComparison.Ordinal))
        {
            yield return OutputFault.CopiedSource;
        }

        if (IsLoop(output, options.MinRepeats) && !IsLoop(source, options.MinRepeats))
        {
            yield return OutputFault.Repeated;
        }

        var script = ScriptShare.Of(output);
        var share = direction == TranslationDirection.KoToEn ? script.LatinShare : script.HangulShare;
        if (share < options.MinTargetScriptShare)
        {
            yield return OutputFault.WrongScript;
        }

        // A U+FFFD of the source may be copied; further ones are bytes that never became a character.
        if (output.Count(letter => letter == '\ufffd') > source.Count(letter => letter == '\ufffd'))
        {
            yield return OutputFault.BrokenCharacters;
        }

        var growth = direction == TranslationDirection.KoToEn ? EnglishPerKorean : 1 / EnglishPerKorean;
        var expected = source.Length * growth;
        if (wasCutOff || output.Length > options.MaxLengthRatio * (expected + GrantedCharacters))
        {
            yield return OutputFault.NeverEnding;
        }
    }

    private static bool IsLoop(string text, int repeats)
    {
        var words = new List<int>();
        new SymbolReader().Words(text, words);
        return Repeats([.. words], LongestPhraseWords, repeats, 0)
            // Without spaces the loop is one of characters; a single character, as in "ㅋㅋㅋㅋ" or "....", must repeat
            // longer.
            || Repeats([.. text.Select(value => (int)value)], LongestPhraseCharacters, repeats, 12);
    }

    private static bool Repeats(int[] symbols, int longest, int repeats, int atLeast)
    {
        for (var period = 1; period <= longest; period++)
        {
            var run = 0;
            var needed = Math.Max((repeats - 1) * period, atLeast);
            for (var i = period; i < symbols.Length; i++)
            {
                run = symbols[i] == symbols[i - period] ? run + 1 : 0;
                if (run >= needed)
                {
                    return true;
                }
            }
        }

        return false;
    }
}
