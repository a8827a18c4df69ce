namespace Workflows.Translation.Corpora;

/// <summary>Settings of <see cref="CorpusReader"/>.</summary>
public sealed record CorpusReadOptions
{
    /// <summary>Name of the Korean column or field.</summary>
    /// <value>Default "ko".</value>
    public string KoColumn { get; init; } = "ko";

    /// <summary>Name of the English column or field.</summary>
    /// <value>Default "en".</value>
    public string EnColumn { get; init; } = "en";

    /// <summary>Gets a value indicating whether a table begins with a header.</summary>
    /// <value>Default <see cref="HeaderLine.Automatic"/>.</value>
    public HeaderLine Header { get; init; } = HeaderLine.Automatic;

    /// <summary>Bad rows that are kept as samples for each reason.</summary>
    /// <value>At least 0, default 5.</value>
    public int SamplesPerFault { get; init; } = 5;

    /// <summary>
    /// The longest line, row or segment in bytes; a longer one is a bad row, so a wrong file cannot fill the memory.
    /// </summary>
    /// <value>At least 1, default 1 MiB.</value>
    public int MaxLineBytes { get; init; } = 1 << 20;

    /// <summary>The most bytes of all files together, unpacked; more is a <see cref="CorpusException"/>.</summary>
    /// <value>At least 1, default 4 GiB.</value>
    public long MaxBytes { get; init; } = 1L << 32;

    /// <summary>The most pairs that are kept; further ones are counted and left out.</summary>
    /// <value>At least 1, default 4,000,000.</value>
    public int MaxPairs { get; init; } = 4_000_000;

    /// <summary>Cancels the reading, which then throws <see cref="OperationCanceledException"/>.</summary>
    /// <value>Default: never.</value>
    public CancellationToken Cancellation { get; init; }

    /// <summary>The most characters that are kept; further pairs are counted and left out.</summary>
    /// <value>At least 1, default 536,870,912: 1 GiB of memory.</value>
    public long MaxCharacters { get; init; } = 1L << 29;
}
