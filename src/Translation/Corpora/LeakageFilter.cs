namespace Workflows.Translation.Corpora;

/// <summary>Removes pairs of the test set from the training pairs, so that a score does not measure
/// memorisation.</summary>
public static class LeakageFilter
{
    /// <summary>Filters training pairs; the test set stays as it is.</summary>
    /// <param name="train">The training pairs.</param>
    /// <param name="test">The test pairs.</param>
    /// <param name="samplesPerReason">Removed pairs that are kept as samples, at least 0.</param>
    /// <returns>The remaining pairs, and the removed ones by reason.</returns>
    public static LeakFreeCorpus Remove(
        IEnumerable<SentencePair> train, IReadOnlyCollection<SentencePair> test, int samplesPerReason = 5)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);

        var korean = Keys(test.Select(pair => TextKey.Exact(pair.Ko)));
        var english = Keys(test.Select(pair => TextKey.Exact(pair.En)));
        var nearKorean = Keys(test.Select(pair => TextKey.Near(pair.Ko)));
        var nearEnglish = Keys(test.Select(pair => TextKey.Near(pair.En)));

        var kept = new List<SentencePair>();
        var removed = new SortedDictionary<LeakReason, long>();
        var samples = new List<LeakSample>();
        foreach (var pair in train)
        {
            LeakReason? reason = korean.Contains(TextKey.Exact(pair.Ko)) ? LeakReason.SameKorean
                : english.Contains(TextKey.Exact(pair.En)) ? LeakReason.SameEnglish
                : nearKorean.Contains(TextKey.Near(pair.Ko)) || nearEnglish.Contains(TextKey.Near(pair.En))
                    ? LeakReason.NearDuplicate
                : null;
            if (reason is not { } leak)
            {
                kept.Add(pair);
                continue;
            }

            var count = removed.GetValueOrDefault(leak) + 1;
            removed[leak] = count;
            if (count <= samplesPerReason)
            {
                samples.Add(new LeakSample(leak, pair));
            }
        }

        return new LeakFreeCorpus(kept, removed, samples);
    }

    // A side of punctuation only has the key "", which would match every other such side.
    private static HashSet<string> Keys(IEnumerable<string> keys) =>
        new(keys.Where(key => key.Length > 0), StringComparer.Ordinal);
}
