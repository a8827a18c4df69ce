namespace Workflows.Translation.Corpora;

/// <summary>The content of a corpus file.</summary>
/// <param name="Pairs">The valid rows in file order, not cleaned.</param>
/// <param name="RowCount">Rows read, including bad ones, without header and blank last line.</param>
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

    /// <summary>Notes that are no faults, for example about a first line that was read as data.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
