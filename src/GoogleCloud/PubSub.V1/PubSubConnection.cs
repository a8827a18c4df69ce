using Google.Apis.Auth.OAuth2;
using Grpc.Core;
using Grpc.Net.Client;

namespace Google.Cloud.PubSub.V1;

/// <summary>A channel to Cloud Pub/Sub: with Application Default Credentials to Google, or to Google's
/// emulator.</summary>
public sealed class PubSubConnection : IDisposable
{
    private const string Endpoint = "https://pubsub.googleapis.com";
    private const string Scope = "https://www.googleapis.com/auth/pubsub";
    private readonly GrpcChannel _channel;

    private PubSubConnection(GrpcChannel channel)
    {
        _channel = channel;
        Publisher = new Publisher.PublisherClient(channel);
        Subscriber = new Subscriber.SubscriberClient(channel);
    }

    /// <summary>Gets the client that publishes.</summary>
    public Publisher.PublisherClient Publisher { get; }

    /// <summary>Gets the client that receives.</summary>
    public Subscriber.SubscriberClient Subscriber { get; }

    /// <summary>Connects.</summary>
    /// <param name="emulatorHost"><c>host:port</c> of an emulator, in plain text; null: Google.</param>
    /// <param name="cancellationToken">Stops the look-up of credentials.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="InvalidOperationException">There are no Application Default Credentials.</exception>
    public static async Task<PubSubConnection> ConnectAsync(string? emulatorHost, CancellationToken cancellationToken)
    {
        if (emulatorHost is not null)
        {
            return new PubSubConnection(GrpcChannel.ForAddress($"http://{emulatorHost}"));
        }

        var credential = (await GoogleCredential.GetApplicationDefaultAsync(cancellationToken)).CreateScoped(Scope);
        ITokenAccess source = credential;
        var calls = CallCredentials.FromInterceptor(async (context, metadata) => metadata.Add(
            "authorization",
            $"Bearer {await source.GetAccessTokenForRequestAsync(context.ServiceUrl, context.CancellationToken)}"));
        return new PubSubConnection(GrpcChannel.ForAddress(Endpoint, new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Create(ChannelCredentials.SecureSsl, calls),
        }));
    }

    /// <inheritdoc />
    public void Dispose() => _channel.Dispose();
}
