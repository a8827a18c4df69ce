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
            var text = line.Text.Length > SampleCharacters ? line.Text[..SampleCharacters] : line.Text;
            _samples.Add(new RowSample(line.Number, fault, text));
        }
    }

    public ReadCorpus Result() => new(_pairs, _rows, _bad, _samples);
}
