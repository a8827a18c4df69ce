namespace Workflows.Service.Runs;

/// <summary>One thing that is wrong with a request.</summary>
/// <param name="Field">Path of the field, such as <c>data.train</c>.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Fix">What to write instead.</param>
public sealed record FieldError(string Field, string Message, string Fix);

/// <summary>A request that cannot become a run; nothing was started or spent.</summary>
public sealed class RunRequestException(IReadOnlyList<FieldError> errors)
    : Exception(string.Join(" ", errors.Select(error => $"{error.Field}: {error.Message} {error.Fix}")))
{
    /// <summary>Gets everything that is wrong, not only the first.</summary>
    public IReadOnlyList<FieldError> Errors { get; } = errors;
}
