namespace Workflows.Translation.Metrics;

/// <summary>Kinds of degenerate outputs; one output may have several faults.</summary>
public enum OutputFault
{
    /// <summary>Empty or invisible: white space, or characters of no width.</summary>
    Empty,

    /// <summary>A copy of the source, except for spacing, case and punctuation.</summary>
    CopiedSource,

    /// <summary>A phrase that repeats again and again.</summary>
    Repeated,

    /// <summary>Most letters are not in the target language's script.</summary>
    WrongScript,

    /// <summary>The token limit cut it off, or it is far longer than expected from its source.</summary>
    NeverEnding,

    /// <summary>Bytes that are not UTF-8, which the decoder shows as U+FFFD.</summary>
    BrokenCharacters,
}
