using System.Globalization;
using System.Net.Http.Json;
using Workflows.Activities.Reporting;
using Workflows.Service.Runs;

namespace Workflows.Cli;

/// <summary>The calls that list runs and their resources.</summary>
internal sealed partial class ServiceLink
{
    /// <summary>Most runs of a page of the service.</summary>
    internal const int MostOfAPage = 500;

    /// <summary>Lists runs page by page, newest first.</summary>
    /// <param name="filters">The filters, an ampersand before each; empty for none.</param>
    /// <param name="limit">The most runs; null for the service's own page alone.</param>
    /// <param name="notice">Called when the service does not answer between two pages.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <returns>The pages, and of each whether there are older runs.</returns>
    public async IAsyncEnumerable<(IReadOnlyList<RunView> Runs, bool HasMore)> ListAsync(
        string filters, int? limit, Action<string> notice,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var page = limit is { } most
            ? string.Create(CultureInfo.InvariantCulture, $"&limit={Math.Min(most, MostOfAPage)}") : "";
        var (left, token) = (limit ?? 0, (string?)null);
        var query = QueryOf(null, filters + page);
        do
        {
            var (runs, next) = token is null
                ? await PageAsync(query, null, cancellation)
                : await PersistAsync(() => PageAsync(query, token, cancellation), notice, cancellation);
            var taken = limit is null || runs.Count <= left ? runs : [.. runs.Take(left)];
            left -= taken.Count;

            // A place that does not move would never end.
            token = next == token || runs.Count == 0 ? null : next;
            yield return (taken, token is not null || taken.Count < runs.Count);
        }
        while (token is not null && left > 0);
    }

    /// <summary>Lists the nodes and queued resources that a run has or had.</summary>
    public async Task<IReadOnlyList<RunResource>> ResourcesAsync(string id, CancellationToken cancellation) =>
        (await GetAsync<IReadOnlyList<RunResource>>($"/runs/{Uri.EscapeDataString(id)}/resources", cancellation))!;

    private async Task<(IReadOnlyList<RunView> Runs, string? Next)> PageAsync(
        string query, string? token, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"/runs{query}", UriKind.Relative));
        if (token is not null)
        {
            request.Headers.Add(ContinuationToken, token);
        }

        using var answer = await _http.SendAsync(request, cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return (
            (await answer.Content.ReadFromJsonAsync<IReadOnlyList<RunView>>(RunLedger.Json, cancellation))!,
            answer.Headers.TryGetValues(ContinuationToken, out var next) ? next.First() : null);
    }
}
