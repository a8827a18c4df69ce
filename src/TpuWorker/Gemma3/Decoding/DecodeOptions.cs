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

    /// <summary>Prompts decoded at once.</summary>
    /// <value>1 or more; default 16.</value>
    public int BatchSize { get; set; } = 16;
}
