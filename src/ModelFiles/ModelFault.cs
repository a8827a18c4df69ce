namespace Workflows.ModelFiles;

/// <summary>Kinds of <see cref="ModelFileException"/>; each has one code and one fix.</summary>
public enum ModelFault
{
    /// <summary>A file is missing, incomplete, or does not have the form of its kind.</summary>
    Damaged,

    /// <summary>The files are complete, but belong to a model or an adapter that is not implemented.</summary>
    Unsupported,

    /// <summary>The tokenizer gives ids that have no row in the embedding.</summary>
    Vocabulary,

    /// <summary>The tokenizer cannot be read as a byte-fallback BPE of Gemma's kind.</summary>
    Tokenizer,
}
