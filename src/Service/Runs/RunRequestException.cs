namespace Workflows.Service.Runs;

/// <summary>A fault of one field of a request. Texts of the request that it quotes come from anyone, so its control
/// characters are replaced: a terminal or a log shows it as one line of text.</summary>
/// <param name="Field">Path of the field, such as <c>data.train</c>.</param>
/// <param name="Message">The fault.</param>
/// <param name="Fix">The remedy.</param>
public sealed record FieldError(string Field, string Message, string Fix)
{
    /// <summary>Gets the path of the field; <c>""</c> for one whose name is empty.</summary>
    public string Field { get; } = Field.Length == 0 ? "\"\"" : SafeText.Of(Field);

    /// <summary>Gets the fault.</summary>
    public string Message { get; } = SafeText.Of(Message);

    /// <summary>Gets the remedy.</summary>
    public string Fix { get; } = SafeText.Of(Fix);
}

/// <summary>The exception of a request that cannot become a run; nothing was started or spent.</summary>
public sealed class RunRequestException(IReadOnlyList<FieldError> errors, string code = RunRequestException.Invalid)
    : Exception(string.Join(" ", errors.Select(error => $"{error.Field}: {error.Message} {error.Fix}")))
{
    /// <summary>The code of fields that are wrong.</summary>
    internal const string Invalid = "REQUEST_INVALID";

    /// <summary>The code of a key that belongs to another request.</summary>
    internal const string KeyReused = "IDEMPOTENCY_KEY_REUSED";

    /// <summary>The code of a run whose budget does not fit into a limit of the whole service.</summary>
    internal const string SpendLimit = "SPEND_LIMIT_REACHED";

    /// <summary>The code of an id whose earlier run is deleted in part.</summary>
    internal const string LeftOver = "RUN_LEFT_OVER";

    /// <summary>Gets every fault, not only the first.</summary>
    public IReadOnlyList<FieldError> Errors { get; } = errors;

    /// <summary>Gets a value indicating whether the same request is refused later, too, though its code may pass: a
    /// budget above a limit itself fits into no day.</summary>
    internal bool IsLasting { get; init; }

    /// <summary>Gets the code in docs/errors.md.</summary>
    public string Code { get; } = code;
}
