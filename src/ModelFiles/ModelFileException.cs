namespace Workflows.ModelFiles;

/// <summary>
/// The exception of a file of a model folder, an adapter folder or a training checkpoint that cannot be used. The
/// checks before renting and the worker's loader throw this type, with the same code for the same fault.
/// </summary>
public sealed class ModelFileException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file at fault.</param>
    /// <param name="problem">
    /// The fault, naming the key or tensor with the value found and the value wanted; no period at its end.
    /// </param>
    /// <param name="fault">Decides the code, and the fix if none is given.</param>
    /// <param name="fix">The correction as a sentence; null for the fault's own.</param>
    /// <param name="innerException">The cause, if reading or parsing failed.</param>
    public ModelFileException(
        string path, string problem, ModelFault fault = ModelFault.Damaged, string? fix = null,
        Exception? innerException = null)
        : base($"'{path}': {problem}. {fix ?? FixOf(fault)}", innerException)
    {
        (Path, Problem, Fault, Fix) = (path, problem, fault, fix ?? FixOf(fault));
    }

    /// <summary>The file at fault.</summary>
    public string Path { get; }

    /// <summary>The fault, naming the key or tensor.</summary>
    public string Problem { get; }

    /// <summary>The kind of fault.</summary>
    public ModelFault Fault { get; }

    /// <summary>The correction, as a sentence.</summary>
    public string Fix { get; }

    /// <summary>Stable code of the fault, listed in <c>docs/errors.md</c>.</summary>
    public string ErrorCode => CodeOf(Fault);

    /// <summary>Returns the code of a kind of fault.</summary>
    /// <param name="fault">The kind.</param>
    /// <returns>A stable code, listed in <c>docs/errors.md</c>.</returns>
    public static string CodeOf(ModelFault fault) => fault switch
    {
        ModelFault.Damaged => "MODEL_FILES_DAMAGED",
        ModelFault.Unsupported => "MODEL_UNSUPPORTED",
        ModelFault.Vocabulary => "MODEL_VOCABULARY_MISMATCH",
        ModelFault.Tokenizer => "TOKENIZER_INVALID",
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, "There is no such fault."),
    };

    private static string FixOf(ModelFault fault) => fault switch
    {
        ModelFault.Damaged => "Download the checkpoint again, whole.",
        ModelFault.Unsupported => "Give a Gemma 3 text checkpoint with unquantized weights.",
        _ => "Give the tokenizer.json that belongs to the checkpoint.",
    };
}
