namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>Options of decoding.</summary>
public sealed class DecodeOptions
{
    /// <summary>Most tokens generated for a prompt.</summary>
    /// <value>1 or more; default 128.</value>
    public int MaxNewTokens { get; set; } = 128;

    /// <summary>Tokens that end a text; the one that ended it is the last of the result.</summary>
    /// <value>null (the default) for the model's own end tokens; empty for none.</value>
    public IReadOnlyList<int>? StopTokens { get; set; }

    /// <summary>Rows decoded at once: prompts, or the beams of fewer prompts.</summary>
    /// <value>1 or more; default 16.</value>
    public int BatchSize { get; set; } = 16;

    /// <summary>Beams of a prompt that are followed at once; greedy decoding has one.</summary>
    /// <value>1 or more; default 1. Only <see cref="BeamDecoder"/> uses it.</value>
    public int BeamSize { get; set; } = 1;

    /// <summary>
    /// The score of an ended beam is its log-probability over its length to this power: above 0 favours longer texts.
    /// </summary>
    /// <value>Any finite number; default 1; 0 compares plain log-probabilities.</value>
    public double LengthPenalty { get; set; } = 1;
}
