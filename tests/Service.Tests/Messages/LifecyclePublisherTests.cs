using System.Security.Cryptography;
using System.Text;
using CloudNative.CloudEvents;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Database;
using Workflows.Service.Messages;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Messages;

/// <summary>Events that wait for their topic when the service ends or is killed.</summary>
public sealed class LifecyclePublisherTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    // Times of files are those of the machine.
    private readonly FakeTimeProvider _clock = new(TimeProvider.System.GetUtcNow());
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
            [
                "run-1/stage/plan", "run-1/stage/prepare", "run-1/stage/train", "run-1/stage/after the stop",
            ],
            topic.Published.Select(each => each.Id));
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

    /// <summary>Nothing of the first service ends in order: it is left as a killed process leaves its files.</summary>
    [Fact]
    public async Task Start_AfterAServiceThatWasKilledWhileTheBrokerWasAway_PublishesEveryEventInOrder()
    {
        var away = new Topic(_ => throw new IOException("The broker is away."));
        using var killed = await StartAsync(away);
        Write("plan");
        await away.Asked.Task.WaitAsync(Cancellation);
        _ledger.Append(new RunId("run-1"), LedgerKinds.Plan, "plan", "no event");
        Write("prepare");
        Write("train", "run-2");
        _clock.Advance(TimeSpan.FromHours(5));
        Write("train");

        var back = new Topic(_ => Task.CompletedTask);
        using var next = await StartAsync(back, new RunLedger(_folder.Path, _clock));
        await Eventually.TrueAsync(() => back.Published.Count == 4);
        await next.StopAsync(Cancellation);

        Assert.Equal(
            ["run-1/stage/plan", "run-1/stage/prepare", "run-1/stage/train"],
            back.Published.Where(each => each.Subject == "runs/run-1").Select(each => each.Id));
        Assert.Single(back.Published, each => each.Id == "run-2/stage/train");
        Assert.Empty(away.Published);
    }

    [Fact]
    public async Task Start_AfterAServiceThatWasKilledBetweenTwoEvents_PublishesTheOthersAlone()
    {
        var until = 2;
        var first = new Topic(stop => until-- > 0 ? Task.CompletedTask : Task.Delay(Timeout.Infinite, stop));
        using var killed = await StartAsync(first);
        Write("plan");
        Write("prepare");
        await Eventually.TrueAsync(() => first.Published.Count == 2 && Cursor() == 2);
        Write("train");
        await Eventually.TrueAsync(() => until < 0);

        var second = new Topic(_ => Task.CompletedTask);
        using var next = await StartAsync(second, new RunLedger(_folder.Path, _clock));
        await Eventually.TrueAsync(() => second.Published.Count > 0);
        await next.StopAsync(Cancellation);

        Assert.Equal(["run-1/stage/train"], second.Published.Select(each => each.Id));

        // The event is the same one at each try, to the time.
        Assert.Equal(
            _ledger.Read(new RunId("run-1"))[^1].At, second.Published[0].Time);
    }

    [Fact]
    public async Task Start_WithATopicForTheFirstTime_LeavesOlderFactsAlone()
    {
        Write("plan");
        _clock.Advance(TimeSpan.FromSeconds(1));
        var topic = new Topic(_ => Task.CompletedTask);
        using var publisher = await StartAsync(topic);
        await Eventually.TrueAsync(() => _ledger.State.Read($"events/{Key}/begun") is not null);
        Write("prepare");
        await Eventually.TrueAsync(() => topic.Published.Count > 0);
        await publisher.StopAsync(Cancellation);

        Assert.Equal(["run-1/stage/prepare"], topic.Published.Select(each => each.Id));
    }

    [Fact]
    public async Task Publish_AnEventThatTheBrokerRefuses_HoldsUpNoOtherRun()
    {
        var topic = new Topic(_ => Task.CompletedTask) { Refused = "runs/run-1" };
        using var publisher = await StartAsync(topic);
        Write("plan");
        await topic.Asked.Task.WaitAsync(Cancellation);
        Write("plan", "run-2");

        await Eventually.TrueAsync(() =>
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            return topic.Published.Count > 0;
        });

        Assert.Equal(["run-2/stage/plan"], topic.Published.Select(each => each.Id));
        topic.Refused = null;
        await Eventually.TrueAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMinutes(1));
            return topic.Published.Count > 1;
        });
        Assert.Equal("run-1/stage/plan", topic.Published[1].Id);
    }

    [Fact]
    public async Task Publish_ByTwoServicesWithOneStore_TellsEachEventOnce()
    {
        var topics = new[] { new Topic(_ => Task.CompletedTask), new Topic(_ => Task.CompletedTask) };
        using var one = await StartAsync(topics[0]);
        using var other = await StartAsync(topics[1]);
        foreach (var stage in new[] { "plan", "prepare", "train", "evaluate" })
        {
            Write(stage);
        }

        await one.StopAsync(Cancellation);
        await other.StopAsync(Cancellation);

        Assert.Equal(
            ["run-1/stage/evaluate", "run-1/stage/plan", "run-1/stage/prepare", "run-1/stage/train"],
            topics.SelectMany(topic => topic.Published).Select(each => each.Id!).Order(StringComparer.Ordinal));
    }

    /// <summary>No time passes for the publisher, whose next look of its own would be in minutes.</summary>
    [Fact]
    public async Task End_OfAnotherService_PublishesWhatItHasLeft()
    {
        var clock = new FakeTimeProvider();
        using var killed = new OtherServices(_ledger.State, clock, NullLogger<OtherServices>.Instance);
        using var others = new OtherServices(_ledger.State, clock, NullLogger<OtherServices>.Instance);
        var topic = new Topic(_ => Task.CompletedTask);
        using var publisher = await StartAsync(topic, others: others);
        Write("plan");
        await Eventually.TrueAsync(() => Cursor() == 1);
        killed.Beat();
        others.Beat();
        new RunLedger(_ledger.State, _folder.Path, _clock).Append(
            new RunId("run-1"), LedgerKinds.Stage, "train", "train");

        clock.Advance(OtherServices.Silence);
        others.Beat();

        await Eventually.TrueAsync(() => Cursor() == 2);
        await publisher.StopAsync(Cancellation);
        Assert.Equal(["run-1/stage/plan", "run-1/stage/train"], topic.Published.Select(each => each.Id));
    }

    /// <summary>Two services, of which neither has the broker at first.</summary>
    [Fact]
    public async Task Publish_TheEndOfARunAfterAnOutage_ComesBehindItsOtherEvents()
    {
        var isAway = true;
        var published = new List<CloudEvent>();
        Topic Topic() => new(_ => isAway ? throw new IOException("The broker is away.") : Task.CompletedTask)
        {
            Published = published,
        };
        var topics = new[] { Topic(), Topic() };
        using var one = await StartAsync(topics[0]);
        using var other = await StartAsync(topics[1]);
        Write("plan");
        Write("train");
        await topics[0].Asked.Task.WaitAsync(Cancellation);
        var end = new RunEnd(new RunId("run-1"), "n", new RunOutcome(RunStatus.Succeeded, "report.json", null));
        await new AnnounceActivity([new FromLedger("topic"), new FromLedger("another")], _ledger).RunAsync(null!, end);

        isAway = false;
        await Eventually.TrueAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMinutes(1));
            return Cursor() >= 3;
        });
        await one.StopAsync(Cancellation);
        await other.StopAsync(Cancellation);

        Assert.Equal(["run-1/stage/plan", "run-1/stage/train", "run-1"], published.Select(each => each.Id));
        Assert.Equal("workflows.run.succeeded", published[^1].Type);
        Assert.Equal(end, published[^1].Data);
    }

    [Fact]
    public async Task Publish_ForARunThatIsPurgedMeanwhile_LeavesNothingOfIt()
    {
        var broker = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var topic = new Topic(stop => broker.Task.WaitAsync(stop));
        using var publisher = await StartAsync(topic);
        Write("plan");
        await topic.Asked.Task.WaitAsync(Cancellation);

        _ledger.Purge(new RunId("run-1"));
        broker.SetResult();
        await publisher.StopAsync(Cancellation);

        Assert.Single(topic.Published);
        Assert.False(Directory.Exists(_ledger.PathOf(new RunId("run-1"))));
    }

    private static string Key =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("topic")))[..16];

    private int Cursor() => new EventCursors(_ledger, "topic").Read(new RunId("run-1"));

    private async Task<LifecyclePublisher> StartAsync(
        Topic topic, RunLedger? ledger = null, OtherServices? others = null)
    {
        var publisher = new LifecyclePublisher(
            ledger ?? _ledger, [topic], new NodeSecrets(_folder.Path), _clock,
            NullLogger<LifecyclePublisher>.Instance, others);
        await publisher.StartAsync(Cancellation);
        return publisher;
    }

    private void Write(string stage, string run = "run-1") =>
        _ledger.Append(new RunId(run), LedgerKinds.Stage, stage, stage);

    private sealed class FromLedger(string name) : IRunAnnouncer
    {
        public string Name => name;

        public bool IsPublishedFromLedger => true;

        public Task AnnounceAsync(RunEnd end, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("Nobody calls it.");
    }

    private sealed class Topic(Func<CancellationToken, Task> take) : IEventTarget
    {
        public string Name => "topic";

        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public List<CloudEvent> Published { get; init; } = [];

        /// <summary>Gets or sets the subject whose events are refused.</summary>
        public string? Refused { get; set; }

        public async Task PublishAsync(CloudEvent happening, CancellationToken cancellation)
        {
            Asked.TrySetResult();
            await take(cancellation);
            if (happening.Subject == Refused)
            {
                throw new InvalidOperationException("The event is too large.");
            }

            Published.Add(happening);
        }
    }
}
