namespace Workflows.GoogleCloud.Connections;

/// <summary>
/// Sends HTTP requests to Google's services with the headers that <see cref="GoogleChannel"/> sends over gRPC.
/// </summary>
/// <param name="credentials">The credentials; null for an emulator, which receives none.</param>
/// <param name="inner">The handler that sends; owned by this one.</param>
public sealed class GoogleHttpHandler(GoogleCredentials? credentials, HttpMessageHandler inner)
    : DelegatingHandler(inner)
{
    /// <inheritdoc />
    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);

        // Set, not added, since a request that is sent again must not carry them twice.
        Set(request, ApiClientHeader.Name, ApiClientHeader.Rest);
        Set(request, "user-agent", ApiClientHeader.Product);
        foreach (var (name, value) in credentials is null
            ? [] : await credentials.HeadersAsync(request.RequestUri!.AbsoluteUri, cancellationToken))
        {
            Set(request, name, value);
        }

        return await base.SendAsync(request, cancellationToken);
    }

    private static void Set(HttpRequestMessage request, string name, string value)
    {
        request.Headers.Remove(name);
        request.Headers.TryAddWithoutValidation(name, value);
    }
}
