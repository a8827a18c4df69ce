namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>How to generate.</summary>
public sealed class DecodeOptions
{
    /// <summary>Most tokens generated for a prompt.</summary>
    /// <value>1 or more; default 128.</value>
    public int MaxNewTokens { get; set; } = 128;

    /// <summary>Tokens that end a text; the one that did is the last of the result.</summary>
    /// <value>Null (the default) for the model's own end tokens; empty for none.</value>
    public IReadOnlyList<int>? StopTokens { get; set; }

    /// <summary>Rows decoded at once: prompts, or the beams of fewer prompts.</summary>
    /// <value>1 or more; default 16.</value>
    public int BatchSize { get; set; } = 16;

    /// <summary>Continuations of a prompt that are followed at once; greedy decoding has one.</summary>
    /// <value>1 or more; default 1. Read by <see cref="BeamDecoder"/> alone.</value>
    public int BeamSize { get; set; } = 1;

    /// <summary>
    /// A finished beam's score is its log-probability over its length to the power of this: above 0 favours longer
    /// texts.
    /// </summary>
    /// <value>Any finite number; default 1; 0 compares plain log-probabilities.</value>
    public double LengthPenalty { get; set; } = 1;
}
