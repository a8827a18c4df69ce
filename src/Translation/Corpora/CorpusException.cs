namespace Workflows.Translation.Corpora;

/// <summary>The exception of a corpus file that cannot be used at all. Bad rows are counted in
/// <see cref="ReadCorpus"/>.</summary>
public sealed class CorpusException : Exception
{
    internal CorpusException(CorpusError error, string file, string reason, long? line = null, Exception? inner = null)
        : base($"Cannot read the corpus '{file}'{(line is null ? "" : $", line {line}")}: {reason}", inner)
    {
        Error = error;
        File = file;
        Line = line;
    }

    /// <summary>The reason.</summary>
    public CorpusError Error { get; }

    /// <summary>A stable code for programs and documentation, such as "CORPUS_COLUMN_MISSING".</summary>
    public string ErrorCode => Error switch
    {
        CorpusError.FileNotFound => "CORPUS_FILE_NOT_FOUND",
        CorpusError.FileUnreadable => "CORPUS_FILE_UNREADABLE",
        CorpusError.ColumnMissing => "CORPUS_COLUMN_MISSING",
        CorpusError.LineCountMismatch => "CORPUS_LINE_COUNT_MISMATCH",
        CorpusError.MixedFormats => "CORPUS_MIXED_FORMATS",
        CorpusError.TooLarge => "CORPUS_TOO_LARGE",
        _ => "CORPUS_UNKNOWN_FORMAT",
    };

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>The line, from 1; null if the fault concerns the whole file.</summary>
    public long? Line { get; }
}
