namespace Workflows.Translation.Metrics;

/// <summary>How an output is degenerate; one output may have several faults.</summary>
public enum OutputFault
{
    /// <summary>Nothing to see: empty, white space, or characters of no width.</summary>
    Empty,

    /// <summary>The source again, spacing, case and punctuation aside.</summary>
    CopiedSource,

    /// <summary>A phrase follows itself again and again.</summary>
    Repeated,

    /// <summary>Most letters are not of the target language's script.</summary>
    WrongScript,

    /// <summary>The length limit cut it off, or it is far longer than its source lets expect.</summary>
    NeverEnding,

    /// <summary>Bytes that are no UTF-8, which the decoder shows as U+FFFD.</summary>
    BrokenCharacters,
}
