using Workflows.Translation;

namespace Workflows.Samples;

/// <summary>
/// Sentences in which each Korean one has one translation and the other way round, over all frames and files: what is
/// learnt is then never contradicted, and nothing that is tested was seen.
/// </summary>
internal sealed class SentenceSet
{
    private readonly Dictionary<string, string> _korean = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _english = new(StringComparer.Ordinal);

    /// <summary>Adds a pair unless it is there; fails where one of its sides is there with another partner.</summary>
    public bool TryAdd(SentencePair pair)
    {
        var isKnown = _korean.TryGetValue(pair.Ko, out var english);
        if (_english.TryGetValue(pair.En, out var korean) != isKnown || (isKnown && english != pair.En))
        {
            throw new InvalidOperationException(
                $"'{pair.Ko}' = '{pair.En}' contradicts '{korean ?? pair.Ko}' = '{english ?? pair.En}'.");
        }

        return !isKnown && _korean.TryAdd(pair.Ko, pair.En) && _english.TryAdd(pair.En, pair.Ko);
    }
}
