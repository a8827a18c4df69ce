using CloudNative.CloudEvents;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Messages;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Messages;

/// <summary>Events that wait for their topic when the service ends.</summary>
public sealed class LifecyclePublisherTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 20, 0, 0, TimeSpan.Zero));
    private readonly RunLedger _ledger;

    public LifecyclePublisherTests() => _ledger = new RunLedger(_folder.Path, _clock);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Stop_WithEventsThatWait_PublishesThemFirst()
    {
        var broker = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var topic = new Topic(stop => broker.Task.WaitAsync(stop));
        using var publisher = await StartAsync(topic);
        Write("plan");
        await topic.Asked.Task.WaitAsync(Cancellation);
        Write("prepare");
        Write("train");

        var stop = publisher.StopAsync(Cancellation);
        Write("after the stop");
        broker.SetResult();
        await stop;

        Assert.Equal(
            ["run-1/stage/plan", "run-1/stage/prepare", "run-1/stage/train"], topic.Published.Select(each => each.Id));
    }

    [Fact]
    public async Task Stop_WhileTheBrokerIsAway_WaitsForASetTime()
    {
        var topic = new Topic(_ => throw new IOException("The broker is away."));
        using var publisher = await StartAsync(topic);
        Write("plan");
        await topic.Asked.Task.WaitAsync(Cancellation);

        var stop = publisher.StopAsync(Cancellation);
        Assert.False(stop.IsCompleted);
        _clock.Advance(LifecyclePublisher.LastPatience);
        await stop;

        Assert.Empty(topic.Published);
    }

    private async Task<LifecyclePublisher> StartAsync(Topic topic)
    {
        var publisher = new LifecyclePublisher(
            _ledger, [topic], new NodeSecrets(_folder.Path), _clock, NullLogger<LifecyclePublisher>.Instance);
        await publisher.StartAsync(Cancellation);
        return publisher;
    }

    private void Write(string stage) => _ledger.Append(new RunId("run-1"), LedgerKinds.Stage, stage, stage);

    private sealed class Topic(Func<CancellationToken, Task> take) : IEventTarget
    {
        public string Name => "topic";

        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public List<CloudEvent> Published { get; } = [];

        public async Task PublishAsync(CloudEvent happening, CancellationToken cancellation)
        {
            Asked.TrySetResult();
            await take(cancellation);
            Published.Add(happening);
        }
    }
}
