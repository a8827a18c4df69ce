namespace Workflows.Translation.Tokenization;

/// <summary>The exception of a tokenizer file that is missing, damaged or of an unsupported kind.</summary>
public sealed class TokenizerException : Exception
{
    internal TokenizerException(string file, string reason, Exception? inner = null)
        : base($"Cannot load the tokenizer '{file}': {reason}.", inner)
    {
        (File, Reason) = (file, reason);
    }

    /// <summary>A stable code for programs and documentation.</summary>
    public string ErrorCode { get; } = "TOKENIZER_INVALID";

    /// <summary>The file that was read.</summary>
    public string File { get; }

    /// <summary>The fault, without the file's name and without a period at its end.</summary>
    public string Reason { get; }
}
