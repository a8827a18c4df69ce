using System.Net;
using System.Net.Security;
using System.Text;
using Grpc.Core;

namespace Workflows.GoogleCloud.Connections;

/// <summary>Calls by HTTP with JSON, for those that no gRPC client here has.</summary>
public sealed partial class GoogleChannel
{
    /// <summary>Most bytes of an answer; an operation or an error has a few thousand.</summary>
    private const int MostJsonBytes = 1 << 20;

    /// <summary>The deadline of a call with its token, as of those over gRPC.</summary>
    private static readonly TimeSpan JsonDeadline = TimeSpan.FromMinutes(1);

    private readonly Uri _endpoint;
    private readonly GoogleCredentials? _credentials;
    private readonly Lazy<HttpClient> _http;

    /// <summary>Sends a POST request over HTTP/2, with the headers that all calls carry.</summary>
    /// <param name="path">Path and query of the address, such as <c>/v2alpha1/projects/p?x=y</c>.</param>
    /// <param name="json">The body.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The HTTP status and the body of the answer, whatever the status.</returns>
    /// <exception cref="RpcException">
    /// There was no answer, as over gRPC: UNAVAILABLE, DEADLINE_EXCEEDED, or UNAUTHENTICATED for credentials that are
    /// refused. <see cref="UnsentCall"/> recognises those that were not sent.
    /// </exception>
    public async Task<(int Status, string Body)> PostJsonAsync(
        string path, string json, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_endpoint, path))
        {
            // An emulator's gRPC port has no other version in plain text, and Google serves it everywhere.
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation(ApiClientHeader.Name, ApiClientHeader.Rest);
        request.Headers.TryAddWithoutValidation("user-agent", ApiClientHeader.Product);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(JsonDeadline);
        try
        {
            foreach (var (name, value) in _credentials is null
                ? [] : await HeadersAsync(_credentials, _endpoint.AbsoluteUri, limit.Token))
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }

            using var response = await _http.Value.SendAsync(request, limit.Token);
            return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(limit.Token));
        }
        catch (HttpRequestException exception)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, exception.Message, exception));
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(
                StatusCode.DeadlineExceeded, $"'{request.RequestUri}' gave no answer in time.", exception));
        }
    }

    /// <summary>Creates the client. gRPC changes its own handler, so this is another one that trusts the same
    /// certificates.</summary>
    private static HttpClient Http(HttpMessageHandler? handler) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        SslOptions = (handler as SocketsHttpHandler)?.SslOptions ?? new SslClientAuthenticationOptions(),
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
        MaxResponseContentBufferSize = MostJsonBytes,
    };
}
