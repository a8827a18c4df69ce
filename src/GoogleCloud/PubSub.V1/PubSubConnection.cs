using Workflows.GoogleCloud.Connections;

namespace Google.Cloud.PubSub.V1;

/// <summary>
/// A channel to Cloud Pub/Sub: with Application Default Credentials to Google, or in plain text to Google's emulator.
/// </summary>
public sealed class PubSubConnection : IDisposable
{
    /// <summary>Google's own endpoint.</summary>
    public const string DefaultEndpoint = "https://pubsub.googleapis.com";

    private readonly GoogleChannel _channel;

    internal PubSubConnection(GoogleChannel channel)
    {
        _channel = channel;
        Publisher = new Publisher.PublisherClient(channel.Calls);
        Subscriber = new Subscriber.SubscriberClient(channel.Calls);
    }

    /// <summary>Gets the client that publishes.</summary>
    public Publisher.PublisherClient Publisher { get; }

    /// <summary>Gets the client that receives.</summary>
    public Subscriber.SubscriberClient Subscriber { get; }

    /// <summary>Connects to Google with Application Default Credentials.</summary>
    /// <param name="quotaProject">Id of the project that is charged for quota; null for the credentials' own.</param>
    /// <param name="cancellationToken">Cancels the search for credentials.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="InvalidOperationException">There are no Application Default Credentials.</exception>
    public static async Task<PubSubConnection> ConnectAsync(
        string? quotaProject, CancellationToken cancellationToken) =>
        new(await GoogleChannel.ConnectAsync(new Uri(DefaultEndpoint), quotaProject, cancellationToken));

    /// <summary>Connects to an emulator, without credentials.</summary>
    /// <param name="host">HOST:PORT, as in the variable PUBSUB_EMULATOR_HOST.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="ArgumentException">The text is not HOST:PORT.</exception>
    public static PubSubConnection ToEmulator(string host) => new(GoogleChannel.ToEmulator(host));

    /// <inheritdoc />
    public void Dispose() => _channel.Dispose();
}
