using CloudNative.CloudEvents;
using Google.Cloud.PubSub.V1;
using Google.Protobuf;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;

namespace Workflows.Service.Messages;

/// <summary>
/// Publishes ends and lifecycle of runs to a Pub/Sub topic, as CloudEvents in the binary mode of the Pub/Sub binding:
/// attributes <c>ce-...</c>, by which a subscription can filter, and the data as the message. The ordering key is the
/// run's id. Source: Google Cloud Pub/Sub protocol binding for CloudEvents, sections 3.1 and 3.2.
/// </summary>
internal sealed class PubSubEvents(ServiceSettings settings) : IRunAnnouncer, IEventTarget, IDisposable
{
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _one = new(1);
    private PubSubConnection? _connection;

    /// <inheritdoc cref="IRunAnnouncer.Name" />
    public string Name { get; } = $"pubsub:{settings.PubSub.EventsTopic}";

    /// <summary>Gets true: called by itself, after an outage, an end would overtake the events before it.</summary>
    public bool IsPublishedFromLedger => true;

    public Task AnnounceAsync(RunEnd end, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Ends are published from the ledger.");

    public async Task PublishAsync(CloudEvent happening, CancellationToken cancellation)
    {
        var message = new PubsubMessage
        {
            Data = ByteString.CopyFrom(RunEvent.Formatter.EncodeBinaryModeEventData(happening).Span),
            OrderingKey = happening.Subject,
            Attributes =
            {
                ["content-type"] = happening.DataContentType,
                [$"ce-{CloudEventsSpecVersion.SpecVersionAttribute.Name}"] = happening.SpecVersion.VersionId,
            },
        };
        foreach (var (attribute, value) in happening.GetPopulatedAttributes()
            .Where(each => each.Key != happening.SpecVersion.DataContentTypeAttribute))
        {
            message.Attributes[$"ce-{attribute.Name}"] = attribute.Format(value);
        }

        var connection = await ConnectAsync(cancellation);
        await connection.Publisher.PublishAsync(
            new PublishRequest { Topic = settings.PubSub.EventsTopic, Messages = { message } },
            deadline: (TimeProvider.System.GetUtcNow() + CallLimit).UtcDateTime, cancellationToken: cancellation);
    }

    public void Dispose()
    {
        _connection?.Dispose();
        _one.Dispose();
    }

    private async Task<PubSubConnection> ConnectAsync(CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            return _connection ??= await PubSubLink.ConnectAsync(
                settings.PubSub, settings.PubSub.EventsTopic!, cancellation);
        }
        finally
        {
            _one.Release();
        }
    }
}

/// <summary>Connects to Google's Pub/Sub, or to its emulator.</summary>
internal static class PubSubLink
{
    /// <summary>Connects for a resource.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="resource">projects/PROJECT/...: the project is charged for quota.</param>
    /// <param name="cancellation">Cancels the search for credentials.</param>
    public static async Task<PubSubConnection> ConnectAsync(
        PubSubSettings settings, string resource, CancellationToken cancellation) =>
        (settings.EmulatorHost ?? Environment.GetEnvironmentVariable("PUBSUB_EMULATOR_HOST")) is { Length: > 0 } host
            ? PubSubConnection.ToEmulator(host)
            : await PubSubConnection.ConnectAsync(
                resource.Split('/') is ["projects", var project, ..] ? project : null, cancellation);
}
