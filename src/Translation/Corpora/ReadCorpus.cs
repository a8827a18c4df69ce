namespace Workflows.Translation.Corpora;

/// <summary>What a corpus file held.</summary>
/// <param name="Pairs">The whole rows in file order, not cleaned.</param>
/// <param name="RowCount">Rows seen, bad ones included, header and blank last line not.</param>
/// <param name="BadRows">Rows left out, by reason; a reason that did not occur is absent.</param>
/// <param name="Samples">The first few rows left out for each reason.</param>
public sealed record ReadCorpus(
    IReadOnlyList<SentencePair> Pairs,
    long RowCount,
    IReadOnlyDictionary<RowFault, long> BadRows,
    IReadOnlyList<RowSample> Samples)
{
    /// <summary>Kept rows whose text was decomposed (NFD, as macOS writes Hangul) and is composed (NFC).</summary>
    public long ComposedRows { get; init; }

    /// <summary>What is no fault and must be said, such as a first line that was read as data.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
