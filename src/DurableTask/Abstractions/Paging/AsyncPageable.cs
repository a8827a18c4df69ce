namespace Microsoft.DurableTask;

/// <summary>Results that are fetched page by page while they are enumerated.</summary>
/// <typeparam name="T">The type of the results.</typeparam>
public abstract class AsyncPageable<T> : IAsyncEnumerable<T>
    where T : notnull
{
    /// <summary>The results as pages.</summary>
    /// <param name="continuationToken">Where to start; null for the beginning.</param>
    /// <param name="pageSizeHint">How many results a page should hold; null for the query's own size.</param>
    /// <returns>The pages.</returns>
    public abstract IAsyncEnumerable<Page<T>> AsPages(string? continuationToken = null, int? pageSizeHint = null);

    /// <inheritdoc/>
    public async IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        await foreach (Page<T> page in AsPages().WithCancellation(cancellationToken))
        {
            foreach (T value in page.Values)
            {
                yield return value;
            }
        }
    }
}
