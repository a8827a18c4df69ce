namespace Workflows.Service.Runs;

/// <summary>A fault of one field of a request.</summary>
/// <param name="Field">Path of the field, such as <c>data.train</c>.</param>
/// <param name="Message">The fault.</param>
/// <param name="Fix">The remedy.</param>
public sealed record FieldError(string Field, string Message, string Fix);

/// <summary>The exception of a request that cannot become a run; nothing was started or spent.</summary>
public sealed class RunRequestException(IReadOnlyList<FieldError> errors, string code = RunRequestException.Invalid)
    : Exception(string.Join(" ", errors.Select(error => $"{error.Field}: {error.Message} {error.Fix}")))
{
    /// <summary>The code of fields that are wrong.</summary>
    internal const string Invalid = "REQUEST_INVALID";

    /// <summary>The code of a key that belongs to another request.</summary>
    internal const string KeyReused = "IDEMPOTENCY_KEY_REUSED";

    /// <summary>Gets every fault, not only the first.</summary>
    public IReadOnlyList<FieldError> Errors { get; } = errors;

    /// <summary>Gets the code in docs/errors.md.</summary>
    public string Code { get; } = code;
}
