namespace Workflows.Service.Runs;

/// <summary>Reads flags of a query: <c>true</c> or <c>false</c>, in any case as Durable Functions reads them.</summary>
internal static class QueryFlags
{
    /// <summary>Reads a flag.</summary>
    /// <param name="query">The query.</param>
    /// <param name="field">Its name.</param>
    /// <param name="otherwise">Its value where it is left out.</param>
    /// <param name="errors">Receives the fault of another value, or of several.</param>
    public static bool Read(IQueryCollection query, string field, bool otherwise, List<FieldError> errors)
    {
        if (!query.TryGetValue(field, out var given))
        {
            return otherwise;
        }

        if (given.Count == 1 && given[0] is { } text)
        {
            foreach (var value in new[] { true, false })
            {
                if (text.Equals($"{value}", StringComparison.OrdinalIgnoreCase))
                {
                    return value;
                }
            }
        }

        errors.Add(new FieldError(
            field, $"'{SafeText.Of(given, 50)}' is neither true nor false.",
            $"Use true or false, or leave it out for {(otherwise ? "true" : "false")}."));
        return otherwise;
    }
}
