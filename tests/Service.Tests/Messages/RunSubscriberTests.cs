using System.Net.Http.Json;
using System.Text.Json;
using Google.Cloud.PubSub.V1;
using Google.Protobuf;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Messages;

/// <summary>Runs started by messages, through Google's own emulator.</summary>
public sealed class RunSubscriberTests
{
    private const string Project = "projects/test-project";
    private const string Topic = $"{Project}/topics/runs";
    private const string Subscription = $"{Project}/subscriptions/runs";
    private const string DeadTopic = $"{Project}/topics/dead";
    private const string DeadSubscription = $"{Project}/subscriptions/dead";

    [Fact]
    public async Task Message_WithARequest_StartsOneRunHoweverOftenItComes()
    {
        await using var emulator = await PubSubEmulator.StartOrSkipAsync(TestContext.Current.CancellationToken);
        using var pubSub = await PrepareAsync(emulator);
        await using var service = await StartServiceAsync(emulator);

        // A message of the same content is another run; the same message again is not. The emulator does not redeliver
        // an acknowledged message, so the second delivery is one that the first, stopped service never acknowledged.
        await PublishAsync(pubSub, service.Request().ToJsonString());
        var first = await WaitForRunsAsync(service, 1);
        await service.ReportAsync(first[0]);
        await PublishAsync(pubSub, service.Request().ToJsonString());
        var second = await WaitForRunsAsync(service, 2);

        Assert.Contains(first[0], second);
        Assert.Equal(2, second.Distinct().Count());
    }

    [Fact]
    public async Task Message_DeliveredAgain_StartsNothingTwice()
    {
        await using var emulator = await PubSubEmulator.StartOrSkipAsync(TestContext.Current.CancellationToken);
        using var pubSub = await PrepareAsync(emulator);
        var request = await RequestFileAsync();
        await PublishAsync(pubSub, request.Json);

        // Somebody takes the message and lets it go without acknowledging it, twice: the service sees a redelivery.
        for (var time = 0; time < 2; time++)
        {
            var pulled = await pubSub.Subscriber.PullAsync(
            new PullRequest { Subscription = Subscription, MaxMessages = 1 });
            var nack = new ModifyAckDeadlineRequest { Subscription = Subscription };
            nack.AckIds.Add(pulled.ReceivedMessages[0].AckId);
            if (time == 1)
            {
                // The first service that started it died before it could acknowledge: its run is there already.
                using var started = await PostAsDeliveredAsync(
                request.Service, request.Json, pulled.ReceivedMessages[0]);
                Assert.True(started.IsSuccessStatusCode);
            }

            await pubSub.Subscriber.ModifyAckDeadlineAsync(nack);
        }

        await using var service = request.Service;
        await service.RestartAsync(settings =>
        {
            settings.PubSub.Subscription = Subscription;
            settings.PubSub.EmulatorHost = emulator.Host;
        });

        await WaitUntilLoggedAsync(service, "(was there: True)");
        Assert.Single(await WaitForRunsAsync(service, 1));
    }

    [Fact]
    public async Task Message_ThatCannotBeARun_GoesToTheDeadLetterTopicWithTheReason()
    {
        await using var emulator = await PubSubEmulator.StartOrSkipAsync(TestContext.Current.CancellationToken);
        using var pubSub = await PrepareAsync(emulator);
        await using var service = await StartServiceAsync(emulator);

        await PublishAsync(pubSub, """{"model": "/nowhere", "tpu": {}}""");

        var letter = (await PullOneAsync(pubSub, DeadSubscription)).Message;
        Assert.Equal("""{"model": "/nowhere", "tpu": {}}""", letter.Data.ToStringUtf8());
        Assert.Equal("REQUEST_INVALID", letter.Attributes["workflows-code"]);
        Assert.Contains(
            "model: '/nowhere' is not in a folder that requests may name here.", letter.Attributes["workflows-reason"],
            StringComparison.Ordinal);
        Assert.Equal("yes", letter.Attributes["kept"]);
        Assert.Equal(0, (await service.Http.GetFromJsonAsync<JsonElement>("/runs")).GetArrayLength());
    }

    [Fact]
    public async Task Broker_ThatIsKilledAndStartedAgain_IsToldOnceAndDeliversToTheSameService()
    {
        await using var emulator = await PubSubEmulator.StartOrSkipAsync(TestContext.Current.CancellationToken);
        using var before = await PrepareAsync(emulator);
        await using var service = await StartServiceAsync(emulator);
        await PublishAsync(before, service.Request().ToJsonString());
        await WaitForRunsAsync(service, 1);

        await emulator.KillAsync();
        await WaitUntilLoggedAsync(service, "is out of reach");
        await emulator.StartAgainAsync(TestContext.Current.CancellationToken);
        using var after = await PrepareAsync(emulator);

        // The emulator numbers its messages anew, so that its first one has the id of the one before.
        await PublishAsync(after, service.Request().ToJsonString());
        await PublishAsync(after, service.Request().ToJsonString());
        await WaitForRunsAsync(service, 2);

        Assert.Equal(1, await SubscribedService.LoggedAsync(service, "is out of reach"));
        Assert.Equal(2, await SubscribedService.LoggedAsync(service, "Starting runs from"));
    }

    private static async Task<PubSubConnection> PrepareAsync(PubSubEmulator emulator)
    {
        var pubSub = PubSubConnection.ToEmulator(emulator.Host);
        foreach (var (topic, subscription) in new[] { (Topic, Subscription), (DeadTopic, DeadSubscription) })
        {
            await pubSub.Publisher.CreateTopicAsync(new Topic { Name = topic });
            await pubSub.Subscriber.CreateSubscriptionAsync(
                new Subscription { Name = subscription, Topic = topic, AckDeadlineSeconds = 10 });
        }

        return pubSub;
    }

    private static async Task<RunningService> StartServiceAsync(PubSubEmulator emulator)
    {
        var service = new RunningService();
        service.Settings.PubSub.Subscription = Subscription;
        service.Settings.PubSub.DeadLetterTopic = DeadTopic;
        service.Settings.PubSub.EmulatorHost = emulator.Host;
        await service.InitializeAsync();
        return service;
    }

    /// <summary>A service without a subscription, and a request that fits it.</summary>
    private static async Task<(RunningService Service, string Json)> RequestFileAsync()
    {
        var service = new RunningService();
        await service.InitializeAsync();
        return (service, service.Request().ToJsonString());
    }

    /// <summary>Starts a run under the key that the subscriber uses for this message.</summary>
    private static async Task<HttpResponseMessage> PostAsDeliveredAsync(
        RunningService service, string json, ReceivedMessage received)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, "/runs") { Content = new StringContent(json) };
        message.Headers.Add("Idempotency-Key", $"{Subscription}/{received.Message.MessageId}");
        return await service.Http.SendAsync(message);
    }

    private static async Task PublishAsync(PubSubConnection pubSub, string json) => await pubSub.Publisher.PublishAsync(
        new PublishRequest
        {
            Topic = Topic,
            Messages =
            {
                new PubsubMessage { Data = ByteString.CopyFromUtf8(json), Attributes = { ["kept"] = "yes" } },
            },
        });

    private static async Task<List<string>> WaitForRunsAsync(RunningService service, int count)
    {
        var deadline = TimeProvider.System.GetUtcNow().AddMinutes(2);
        while (true)
        {
            var runs = await service.Http.GetFromJsonAsync<JsonElement>("/runs");
            if (runs.GetArrayLength() >= count)
            {
                return [.. runs.EnumerateArray().Select(run => run.GetProperty("id").GetString()!)];
            }

            Assert.True(TimeProvider.System.GetUtcNow() < deadline, $"{runs.GetArrayLength()} runs, expected {count}.");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    private static async Task<ReceivedMessage> PullOneAsync(PubSubConnection pubSub, string subscription) =>
        (await pubSub.Subscriber.PullAsync(
            new PullRequest { Subscription = subscription, MaxMessages = 1 },
            deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(2))).ReceivedMessages[0];

    /// <summary>The service says where a message went; to pull it here would take it away from the service.</summary>
    private static async Task WaitUntilLoggedAsync(RunningService service, string text)
    {
        var path = Path.Combine(service.Settings.StateDirectory, "service.log");
        var deadline = TimeProvider.System.GetUtcNow().AddMinutes(2);
        while (true)
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream);
            var log = await reader.ReadToEndAsync();
            if (log.Contains(text, StringComparison.Ordinal))
            {
                return;
            }

            Assert.True(TimeProvider.System.GetUtcNow() < deadline, $"'{text}' was not logged:\n{log}");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }
}
