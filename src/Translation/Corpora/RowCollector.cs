namespace Workflows.Translation.Corpora;

/// <summary>Gathers good rows and counts bad ones while a file is read.</summary>
internal sealed class RowCollector(int samplesPerFault)
{
    private const int SampleCharacters = 120;

    private readonly List<SentencePair> _pairs = [];
    private readonly SortedDictionary<RowFault, long> _bad = [];
    private readonly List<RowSample> _samples = [];
    private long _rows;

    public void Add(SentencePair pair)
    {
        _rows++;
        _pairs.Add(pair);
    }

    public void Reject(CorpusLine line, RowFault fault)
    {
        _rows++;
        var count = _bad.GetValueOrDefault(fault) + 1;
        _bad[fault] = count;
        if (count <= samplesPerFault)
        {
            _samples.Add(new RowSample(line.Number, fault, Beginning(line.Text)));
        }
    }

    public ReadCorpus Result() => new(_pairs, _rows, _bad, _samples);

    // Half of a surrogate pair could not be written to a report.
    private static string Beginning(string text) => text.Length <= SampleCharacters ? text
        : text[..(char.IsHighSurrogate(text[SampleCharacters - 1]) ? SampleCharacters - 1 : SampleCharacters)];
}
