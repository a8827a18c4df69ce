namespace Workflows.Translation.Corpora;

/// <summary>Removes pairs that would teach a model errors from parallel text.</summary>
public static class CorpusCleaner
{
    // Measured over everyday and news text: 1.8 to 2.0.
    private const double EnglishPerKorean = 1.9;
    private const double GrantedCharacters = 8;

    /// <summary>Cleans a corpus.</summary>
    /// <param name="pairs">The pairs as they were read.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <returns>The remaining pairs, and the removed ones by reason. Cleaning the result again removes
    /// nothing.</returns>
    public static CleanedCorpus Clean(IEnumerable<SentencePair> pairs, CleaningOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        options ??= new CleaningOptions();

        var kept = new List<SentencePair>();
        var removed = new SortedDictionary<CleaningReason, long>();
        var samples = new List<CleaningSample>();
        var seen = new SeenSentences(options.DuplicateSources);
        foreach (var original in pairs)
        {
            var pair = new SentencePair(original.Ko.Trim(), original.En.Trim());
            if ((Fault(pair, options) ?? seen.Fault(pair)) is not { } reason)
            {
                kept.Add(pair);
                continue;
            }

            var count = removed.GetValueOrDefault(reason) + 1;
            removed[reason] = count;
            if (count <= options.SamplesPerReason)
            {
                samples.Add(new CleaningSample(reason, original));
            }
        }

        return new CleanedCorpus(kept, removed, samples);
    }

    private static CleaningReason? Fault(SentencePair pair, CleaningOptions options)
    {
        if (ScriptShare.IsBlank(pair.Ko) || ScriptShare.IsBlank(pair.En))
        {
            return CleaningReason.Empty;
        }

        if (Math.Max(pair.Ko.Length, pair.En.Length) > options.MaxCharacters)
        {
            return CleaningReason.TooLong;
        }

        if (string.Equals(TextKey.Exact(pair.Ko), TextKey.Exact(pair.En), StringComparison.Ordinal))
        {
            return CleaningReason.IdenticalSides;
        }

        if (ScriptShare.Of(pair.Ko).HangulShare < options.MinHangulShare
            || ScriptShare.Of(pair.En).LatinShare < options.MinLatinShare)
        {
            return CleaningReason.WrongScript;
        }

        var korean = pair.Ko.Length + GrantedCharacters;
        var english = pair.En.Length / EnglishPerKorean + GrantedCharacters;
        return Math.Max(korean / english, english / korean) > options.MaxLengthRatio
            ? CleaningReason.LengthRatio : null;
    }

    private sealed class SeenSentences(DuplicateSourceRule rule)
    {
        private readonly HashSet<(string Ko, string En)> _pairs = [];
        private readonly HashSet<string> _korean = new(StringComparer.Ordinal);
        private readonly HashSet<string> _english = new(StringComparer.Ordinal);

        public CleaningReason? Fault(SentencePair pair)
        {
            var (ko, en) = (TextKey.Exact(pair.Ko), TextKey.Exact(pair.En));
            if (_pairs.Contains((ko, en)))
            {
                return CleaningReason.DuplicatePair;
            }

            var isSeen = (rule is DuplicateSourceRule.RemoveKorean or DuplicateSourceRule.RemoveEither
                    && _korean.Contains(ko))
                || (rule is DuplicateSourceRule.RemoveEnglish or DuplicateSourceRule.RemoveEither
                    && _english.Contains(en));
            // Recorded even if it is removed, so that the same pair once more is a duplicate pair.
            _pairs.Add((ko, en));
            if (isSeen)
            {
                return CleaningReason.DuplicateSource;
            }

            _korean.Add(ko);
            _english.Add(en);
            return null;
        }
    }
}
