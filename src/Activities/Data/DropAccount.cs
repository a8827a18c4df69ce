using Workflows.Orchestrations;

namespace Workflows.Activities.Data;

/// <summary>Counts the rows left out of a corpus by reason, and keeps a few of each as examples.</summary>
internal sealed class DropAccount
{
    private const int SamplesPerReason = 2, MaxSamples = 24, SampleCharacters = 120;

    private readonly SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);
    private readonly List<DroppedSample> _samples = [];
    private readonly List<string> _notes = [];

    public IReadOnlyDictionary<string, int> Counts => _counts;

    public IReadOnlyList<DroppedSample> Samples => _samples;

    /// <summary>Gets the notes about rows that were kept.</summary>
    public IReadOnlyList<string> Notes => _notes;

    public void Note(string text) => _notes.Add(text);

    public void Add(string reason, long count) => _counts[reason] = _counts.GetValueOrDefault(reason) + (int)count;

    public void Show(string reason, long? line, string text)
    {
        if (_samples.Count < MaxSamples && _samples.Count(each => each.Reason == reason) < SamplesPerReason)
        {
            var oneLine = text.ReplaceLineEndings(" ");
            _samples.Add(new DroppedSample(
                reason, line, oneLine.Length > SampleCharacters ? oneLine[..SampleCharacters] + "…" : oneLine));
        }
    }

    /// <summary>Turns a name into words: LengthRatio becomes "length ratio".</summary>
    public static string Words<T>(T reason)
        where T : struct, Enum => string.Concat($"{reason}".Select((letter, index) => char.IsUpper(letter) && index > 0
            ? $" {char.ToLowerInvariant(letter)}"
            : $"{char.ToLowerInvariant(letter)}"));
}
