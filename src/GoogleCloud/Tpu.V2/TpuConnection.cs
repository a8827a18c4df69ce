using Google.Apis.Auth.OAuth2;
using Google.LongRunning;
using Grpc.Core;
using Grpc.Net.Client;

namespace Google.Cloud.Tpu.V2;

/// <summary>
/// A channel to the Cloud TPU API: with Application Default Credentials to Google, or in plain text to an emulator on
/// this machine.
/// </summary>
public sealed class TpuConnection : IDisposable
{
    /// <summary>Google's own endpoint.</summary>
    public const string DefaultEndpoint = "https://tpu.googleapis.com";

    private const string Scope = "https://www.googleapis.com/auth/cloud-platform";
    private readonly GrpcChannel _channel;

    private TpuConnection(GrpcChannel channel)
    {
        _channel = channel;
        Tpu = new Tpu.TpuClient(channel);
        Operations = new Operations.OperationsClient(channel);
    }

    /// <summary>Gets the client of the TPU service.</summary>
    public Tpu.TpuClient Tpu { get; }

    /// <summary>Gets the client of the long-running operations.</summary>
    public Operations.OperationsClient Operations { get; }

    /// <summary>Connects to Google with Application Default Credentials.</summary>
    /// <param name="quotaProject">Project that is charged for quota; null: the credentials' own.</param>
    /// <param name="cancellationToken">Stops the look-up of credentials.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="InvalidOperationException">There are no Application Default Credentials.</exception>
    public static async Task<TpuConnection> ConnectAsync(string? quotaProject, CancellationToken cancellationToken)
    {
        var credential = (await GoogleCredential.GetApplicationDefaultAsync(cancellationToken)).CreateScoped(Scope);
        if (quotaProject is not null)
        {
            credential = credential.CreateWithQuotaProject(quotaProject);
        }

        var source = (ITokenAccessWithHeaders)credential;
        var calls = CallCredentials.FromInterceptor(async (context, metadata) =>
        {
            var token = await source.GetAccessTokenWithHeadersForRequestAsync(
                context.ServiceUrl, context.CancellationToken);
            metadata.Add("authorization", $"Bearer {token.AccessToken}");
            foreach (var (name, values) in token.Headers)
            {
                foreach (var value in values)
                {
                    metadata.Add(name.ToLowerInvariant(), value);
                }
            }
        });

        return new TpuConnection(GrpcChannel.ForAddress(DefaultEndpoint, new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Create(ChannelCredentials.SecureSsl, calls),
        }));
    }

    /// <summary>Connects to an emulator, without credentials.</summary>
    /// <param name="address">http:// address of its gRPC endpoint; a loopback address.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="ArgumentException">The address is not on this machine.</exception>
    public static TpuConnection ToEmulator(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (!address.IsLoopback)
        {
            throw new ArgumentException(
                $"'{address}' is not a loopback address; "
                + "without credentials only an emulator on this machine is called.",
                nameof(address));
        }

        return new TpuConnection(GrpcChannel.ForAddress(address));
    }

    /// <summary>
    /// Call options as Google's clients set them: a deadline of one minute, and the routing header that the front end
    /// reads.
    /// </summary>
    /// <param name="parameter">Field of the request that routes it: parent, name or node.name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The options.</returns>
    public static CallOptions Routed(string parameter, string value, CancellationToken cancellationToken) => new(
        new Metadata
        {
            { "x-goog-request-params", $"{parameter}={Uri.EscapeDataString(value)}" },
            { "x-goog-api-client", "gl-dotnet/10 workflows/1" },
        },
        deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(1),
        cancellationToken);

    /// <inheritdoc />
    public void Dispose() => _channel.Dispose();
}
