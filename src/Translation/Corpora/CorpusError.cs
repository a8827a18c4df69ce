namespace Workflows.Translation.Corpora;

/// <summary>Reasons why a whole corpus file cannot be used.</summary>
public enum CorpusError
{
    /// <summary>The file does not exist.</summary>
    FileNotFound,

    /// <summary>The file exists but cannot be read, or its compression is damaged.</summary>
    FileUnreadable,

    /// <summary>The header has no column with the requested name.</summary>
    ColumnMissing,

    /// <summary>Two aligned files have different numbers of lines.</summary>
    LineCountMismatch,

    /// <summary>The file's name has no known format.</summary>
    UnknownFormat,

    /// <summary>The files cannot be read as one corpus.</summary>
    MixedFormats,

    /// <summary>The file grows beyond a limit when it is read.</summary>
    TooLarge,
}
