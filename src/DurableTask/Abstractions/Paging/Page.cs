namespace Microsoft.DurableTask;

/// <summary>One page of results.</summary>
/// <typeparam name="T">The type of the results.</typeparam>
public sealed class Page<T>
    where T : notnull
{
    /// <summary>Makes a page.</summary>
    /// <param name="values">The results.</param>
    /// <param name="continuationToken">Where the next page starts; null on the last.</param>
    public Page(IReadOnlyList<T> values, string? continuationToken = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        Values = values;
        ContinuationToken = continuationToken;
    }

    /// <summary>The results.</summary>
    public IReadOnlyList<T> Values { get; }

    /// <summary>Where the next page starts.</summary>
    /// <value>Null on the last page.</value>
    public string? ContinuationToken { get; }
}
