namespace Workflows.Translation.Metrics.Mecab;

/// <summary>The exception of a missing or invalid Korean dictionary of the "ko-mecab" tokenizer.</summary>
public sealed class MecabDictionaryException : Exception
{
    internal MecabDictionaryException(string? path, string reason, Exception? inner = null)
        : base($"Cannot tokenize by ko-mecab{(path is null ? "" : $" with '{path}'")}: {reason}", inner) => Path = path;

    /// <summary>The file or folder; null if none was named.</summary>
    public string? Path { get; }
}
