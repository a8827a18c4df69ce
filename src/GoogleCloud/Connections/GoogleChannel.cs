using Google.Apis.Auth.OAuth2.Responses;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Workflows.GoogleCloud.Connections;

/// <summary>
/// A gRPC channel to one of Google's services, or in plain text to an emulator of it. Calls to all services carry the
/// same headers; an emulator receives no credentials.
/// </summary>
public sealed partial class GoogleChannel : IDisposable
{
    // An answer can contain several Pub/Sub messages of 10 MB; the library's default of 4 MB would refuse it each time.
    private const int MaxReceiveBytes = 128 << 20;

    private readonly GrpcChannel _channel;

    private GoogleChannel(
        GrpcChannel channel, Uri endpoint, GoogleCredentials? credentials = null, HttpMessageHandler? handler = null)
    {
        _channel = channel;
        Calls = channel.Intercept(WithClient);
        (_endpoint, _credentials) = (endpoint, credentials);
        _http = new Lazy<HttpClient>(() => Http(handler));
    }

    /// <summary>Gets the call invoker for generated clients.</summary>
    public CallInvoker Calls { get; }

    /// <summary>Connects to Google with Application Default Credentials.</summary>
    /// <param name="endpoint">Address of the service, https.</param>
    /// <param name="quotaProject">Id of the project that is charged for quota; null for the credentials' own.</param>
    /// <param name="cancellationToken">Cancels the search for credentials.</param>
    /// <returns>The channel, owned by the caller.</returns>
    /// <exception cref="InvalidOperationException">There are no Application Default Credentials.</exception>
    public static async Task<GoogleChannel> ConnectAsync(
        Uri endpoint, string? quotaProject, CancellationToken cancellationToken) =>
        Connect(endpoint, await GoogleCredentials.FindAsync(quotaProject, cancellationToken), handler: null);

    /// <summary>Connects to an emulator, in plain text and without credentials.</summary>
    /// <param name="address">Its address, http.</param>
    /// <returns>The channel, owned by the caller.</returns>
    /// <exception cref="ArgumentException">The address is not http.</exception>
    public static GoogleChannel ToEmulator(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Scheme == Uri.UriSchemeHttp
            ? new GoogleChannel(GrpcChannel.ForAddress(address, new GrpcChannelOptions
            {
                MaxReceiveMessageSize = MaxReceiveBytes,
            }), address)
            : throw new ArgumentException(
                $"'{address}' is no address of an emulator: these have http://HOST:PORT.", nameof(address));
    }

    /// <summary>Connects to an emulator, in plain text and without credentials.</summary>
    /// <param name="host">HOST:PORT, as in variables such as PUBSUB_EMULATOR_HOST.</param>
    /// <returns>The channel, owned by the caller.</returns>
    /// <exception cref="ArgumentException">The text is not HOST:PORT.</exception>
    public static GoogleChannel ToEmulator(string host) =>
        Uri.TryCreate($"http://{host}", UriKind.Absolute, out var address)
            && $"{address.Host}:{address.Port}".Equals(host, StringComparison.OrdinalIgnoreCase)
            ? ToEmulator(address)
            : throw new ArgumentException($"'{host}' is no address of an emulator: write HOST:PORT.", nameof(host));

    /// <summary>Connects with given credentials, and with a handler that may trust a test's certificate.</summary>
    internal static GoogleChannel Connect(Uri endpoint, GoogleCredentials credentials, HttpMessageHandler? handler)
    {
        var calls = CallCredentials.FromInterceptor(async (context, metadata) =>
        {
            foreach (var (name, value) in await HeadersAsync(
                credentials, context.ServiceUrl, context.CancellationToken))
            {
                metadata.Add(name, value);
            }
        });
        return new GoogleChannel(GrpcChannel.ForAddress(endpoint, new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Create(ChannelCredentials.SecureSsl, calls),
            HttpHandler = handler ?? Alive(),
            DisposeHttpClient = true,
            MaxReceiveMessageSize = MaxReceiveBytes,
        }), endpoint, credentials, handler);
    }

    /// <summary>
    /// Gets the headers, or fails as the service itself would: the library's own errors would be taken for outages, and
    /// expired credentials would be retried for hours.
    /// </summary>
    private static async Task<IReadOnlyList<KeyValuePair<string, string>>> HeadersAsync(
        GoogleCredentials credentials, string address, CancellationToken cancellationToken)
    {
        try
        {
            return await credentials.HeadersAsync(address, cancellationToken);
        }
        catch (TokenResponseException exception)
        {
            // 400 and 401 refuse the credentials (invalid_grant, invalid_client). 5xx is an outage of the endpoint; 200
            // without a token is the page of a proxy.
            throw UnsentCall.WithoutToken(
                (int?)exception.StatusCode is >= 500 or < 400 ? StatusCode.Unavailable : StatusCode.Unauthenticated,
                $"no access token was given for the credentials: {WordsOf(exception)}");
        }
        catch (HttpRequestException exception)
        {
            throw UnsentCall.WithoutToken(
                StatusCode.Unavailable,
                $"the endpoint that gives access tokens cannot be reached: {exception.Message}");
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // An answer that is no token, or that stopped in the middle; the next one may be right.
            throw UnsentCall.WithoutToken(
                StatusCode.Unavailable,
                $"the endpoint that gives access tokens gave none: {exception.Message}");
        }
    }

    /// <summary>Creates a handler that notices a dead connection below a stream, which would wait for ever. Google's
    /// own clients ask as often; an emulator, which may refuse to be asked, is not asked.</summary>
    private static SocketsHttpHandler Alive() => new()
    {
        EnableMultipleHttp2Connections = true,
        KeepAlivePingDelay = TimeSpan.FromMinutes(1),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
    };

    private static string WordsOf(TokenResponseException exception) => exception.Error switch
    {
        { Error: { Length: > 0 } error, ErrorDescription: { Length: > 0 } description } => $"{error} ({description})",
        { Error: { Length: > 0 } error } => error,
        _ => exception.Message,
    };

    /// <inheritdoc />
    public void Dispose()
    {
        if (_http.IsValueCreated)
        {
            _http.Value.Dispose();
        }

        _channel.Dispose();
    }

    // A copy, since the caller may use its own headers for another call.
    private static Metadata WithClient(Metadata given)
    {
        var headers = new Metadata { { ApiClientHeader.Name, ApiClientHeader.Grpc } };
        foreach (var entry in given)
        {
            headers.Add(entry);
        }

        return headers;
    }
}
