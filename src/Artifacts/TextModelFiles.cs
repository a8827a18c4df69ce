namespace Workflows.Artifacts;

/// <summary>The files of a Hugging Face folder that a text model's run needs.</summary>
public static class TextModelFiles
{
    private static readonly HashSet<string> Names = new(StringComparer.Ordinal)
    {
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.json",
        "chat_template.jinja", "model.safetensors.index.json", "special_tokens_map.json", "added_tokens.json",
    };

    /// <summary>Whether a file is needed; other formats of the same weights and pictures are not.</summary>
    /// <param name="name">Its path inside the folder, with slashes.</param>
    /// <returns>true for configuration, tokenizer, template and safetensors weights at the root.</returns>
    public static bool IsNeeded(string name) => !name.Contains('/', StringComparison.Ordinal)
        && (Names.Contains(name) || name.EndsWith(".safetensors", StringComparison.Ordinal));
}
