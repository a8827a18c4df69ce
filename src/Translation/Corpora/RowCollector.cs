namespace Workflows.Translation.Corpora;

/// <summary>Collects good rows and counts bad ones while files are read, and enforces the limits of all of
/// them.</summary>
internal sealed class RowCollector(CorpusReadOptions options)
{
    private const int SampleCharacters = 120;

    private readonly List<SentencePair> _pairs = [];
    private readonly SortedDictionary<RowFault, long> _bad = [];
    private readonly List<RowSample> _samples = [];
    private readonly List<string> _notes = [];
    private long _rows, _composed, _bytes, _characters;

    public CorpusReadOptions Options => options;

    /// <summary>The file that is being read, if there are several, for the samples and notes.</summary>
    public string? File { get; set; }

    public void Add(SentencePair pair, long line)
    {
        options.Cancellation.ThrowIfCancellationRequested();
        _characters += pair.Ko.Length + pair.En.Length;
        if (_pairs.Count >= options.MaxPairs || _characters > options.MaxCharacters)
        {
            // Shorter rows after it must not be added, so that the kept rows are the beginning of the file.
            _characters = Math.Max(_characters, options.MaxCharacters + 1);
            Reject(new CorpusLine(line, pair.Ko, null), RowFault.OverTheLimit);
            return;
        }

        _rows++;
        var composed = new SentencePair(Composition.Compose(pair.Ko), Composition.Compose(pair.En));
        _composed += ReferenceEquals(composed.Ko, pair.Ko) && ReferenceEquals(composed.En, pair.En) ? 0 : 1;
        _pairs.Add(composed);
    }

    public void Reject(CorpusLine line, RowFault fault)
    {
        _rows++;
        var count = _bad.GetValueOrDefault(fault) + 1;
        _bad[fault] = count;
        if (count <= options.SamplesPerFault)
        {
            _samples.Add(new RowSample(line.Number, fault, InFile(Beginning(line.Text))));
        }
    }

    /// <summary>Adds a note that is no fault.</summary>
    public void Note(string text) => _notes.Add(InFile(text));

    /// <summary>Counts bytes that were unpacked or copied, so that a small file cannot grow without limit.</summary>
    public void CountBytes(string path, long count)
    {
        options.Cancellation.ThrowIfCancellationRequested();
        _bytes += count;
        if (_bytes > options.MaxBytes)
        {
            throw new CorpusException(CorpusError.TooLarge, path,
                $"more than {options.MaxBytes:N0} bytes, unpacked, is over the limit of one corpus; leave rows out.");
        }
    }

    public ReadCorpus Result() => new(_pairs, _rows, _bad, _samples) { ComposedRows = _composed, Notes = _notes };

    private string InFile(string text) => File is null ? text : $"{Path.GetFileName(File)}: {text}";

    // Half of a surrogate pair could not be written to a report.
    private static string Beginning(string text) => text.Length <= SampleCharacters ? text
        : text[..(char.IsHighSurrogate(text[SampleCharacters - 1]) ? SampleCharacters - 1 : SampleCharacters)];
}
