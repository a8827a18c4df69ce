namespace Workflows.ModelFiles;

/// <summary>The most bytes that each kind of file may have, several times the size in real checkpoints.</summary>
public static class FileLimits
{
    /// <summary>config.json, generation_config.json, adapter_config.json, a chat template: a few kilobytes.</summary>
    public const long Configuration = 1L << 20;

    /// <summary>tokenizer_config.json, which lists every added token: 1.2 MB in Gemma 3.</summary>
    public const long TokenizerConfiguration = 16L << 20;

    /// <summary>model.safetensors.index.json: 0.1 MB in the largest Gemma 3.</summary>
    public const long WeightIndex = 16L << 20;

    /// <summary>tokenizer.json or tokenizer.model: 33 MB in Gemma 3.</summary>
    public const long Tokenizer = 256L << 20;

    /// <summary>The header of a safetensors file: the reference reader's own limit.</summary>
    public const long SafetensorsHeader = 100_000_000;
}
