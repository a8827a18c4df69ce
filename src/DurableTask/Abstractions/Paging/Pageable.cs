using System.Runtime.CompilerServices;

namespace Microsoft.DurableTask;

/// <summary>Makes pageable results from a function that fetches one page.</summary>
public static class Pageable
{
    /// <summary>Makes pageable results.</summary>
    /// <typeparam name="T">The type of the results.</typeparam>
    /// <param name="pageFunc">Fetches the page at a continuation token.</param>
    /// <returns>The results.</returns>
    public static AsyncPageable<T> Create<T>(Func<string?, CancellationToken, Task<Page<T>>> pageFunc)
        where T : notnull => Create<T>((token, _, cancellation) => pageFunc(token, cancellation));

    /// <summary>Makes pageable results.</summary>
    /// <typeparam name="T">The type of the results.</typeparam>
    /// <param name="pageFunc">Fetches the page at a continuation token, with a page size.</param>
    /// <returns>The results.</returns>
    public static AsyncPageable<T> Create<T>(Func<string?, int?, CancellationToken, Task<Page<T>>> pageFunc)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(pageFunc);
        return new FuncPageable<T>(pageFunc);
    }

    private sealed class FuncPageable<T>(Func<string?, int?, CancellationToken, Task<Page<T>>> fetch) : AsyncPageable<T>
        where T : notnull
    {
        public override IAsyncEnumerable<Page<T>> AsPages(string? continuationToken = null, int? pageSizeHint = null) =>
            PagesAsync(continuationToken, pageSizeHint);

        private async IAsyncEnumerable<Page<T>> PagesAsync(
            string? token, int? size, [EnumeratorCancellation] CancellationToken cancellation = default)
        {
            do
            {
                Page<T> page = await fetch(token, size, cancellation);
                token = page.ContinuationToken;
                yield return page;
            }
            while (token is not null);
        }
    }
}
