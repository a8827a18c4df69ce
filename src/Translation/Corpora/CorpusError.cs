namespace Workflows.Translation.Corpora;

/// <summary>Why a whole corpus file cannot be used.</summary>
public enum CorpusError
{
    /// <summary>There is no such file.</summary>
    FileNotFound,

    /// <summary>The file exists but cannot be read, or its compression is damaged.</summary>
    FileUnreadable,

    /// <summary>The header has no column of the name asked for.</summary>
    ColumnMissing,

    /// <summary>Two aligned files have different numbers of lines.</summary>
    LineCountMismatch,

    /// <summary>The file's name does not tell a format that is known.</summary>
    UnknownFormat,

    /// <summary>Several files are given that cannot be read as one corpus.</summary>
    MixedFormats,

    /// <summary>The file grows over a limit when it is read.</summary>
    TooLarge,
}
