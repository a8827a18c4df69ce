using Microsoft.AspNetCore.Http;

namespace Workflows.DurableTask.Tests.Hosting;

/// <summary>A call as it reached the sidecar.</summary>
public sealed record SeenCall(string Path, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>A header; empty when there is none.</summary>
    public string this[string header] => Headers.GetValueOrDefault(header, string.Empty);

    public static SeenCall From(HttpRequest request) => new(
        request.Path,
        request.Headers.ToDictionary(
            header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase));
}
