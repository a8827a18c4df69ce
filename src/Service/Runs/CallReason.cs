namespace Workflows.Service.Runs;

/// <summary>Reads the reason that a caller gives for an action, for the run's record and the log.</summary>
internal static class CallReason
{
    /// <summary>The query parameter.</summary>
    public const string Parameter = "reason";

    /// <summary>Most characters of a reason, which is part of the run's history and status.</summary>
    public const int Most = 500;

    /// <summary>Reads a reason.</summary>
    /// <param name="given">The parameter's value.</param>
    /// <returns>The reason; null for none.</returns>
    /// <exception cref="RunRequestException">It is too long.</exception>
    public static string? Read(string? given)
    {
        if (given?.Length > Most)
        {
            throw new RunRequestException([new FieldError(
                Parameter, $"It has {given.Length} characters.", $"Use {Most} at most.")]);
        }

        // One line wherever it is shown: a second one could be taken for the product's own.
        var line = string.Concat((given ?? "").Select(each => char.IsControl(each) ? ' ' : each)).Trim();
        return line.Length > 0 ? line : null;
    }
}
