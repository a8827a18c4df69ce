namespace Workflows.Translation.Corpora;

/// <summary>Reasons why the reader left out a row of a corpus file.</summary>
public enum RowFault
{
    /// <summary>The line is not valid UTF-8.</summary>
    InvalidUtf8,

    /// <summary>The line has fewer columns than needed.</summary>
    TooFewColumns,

    /// <summary>The line has more columns than the header, so a tab in the text may have split it wrongly.</summary>
    TooManyColumns,

    /// <summary>The line is not a JSON object.</summary>
    InvalidJson,

    /// <summary>The object lacks one of the two languages, or its value is not a string.</summary>
    MissingField,

    /// <summary>The line is longer than <see cref="CorpusReadOptions.MaxLineBytes"/>.</summary>
    LineTooLong,

    /// <summary>The entry of a gettext file is not valid.</summary>
    InvalidEntry,

    /// <summary>The translation of a gettext file is marked as fuzzy.</summary>
    Fuzzy,

    /// <summary>The message of a gettext file has no translation.</summary>
    Untranslated,

    /// <summary>The quotes of a quoted row do not match, or a row of a table without quoting is quoted.</summary>
    InvalidQuotes,

    /// <summary>The row has a character that its format does not allow, such as a control character.</summary>
    InvalidCharacter,

    /// <summary>The row comes after the most pairs or characters that are kept.</summary>
    OverTheLimit,
}
