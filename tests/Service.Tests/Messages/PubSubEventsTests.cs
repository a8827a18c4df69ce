using System.Text.Json;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Spending;
using Workflows.Orchestrations;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Messages;

/// <summary>Ends and lifecycle of runs on a Pub/Sub topic, and messages that wait for money.</summary>
public sealed class PubSubEventsTests
{
    [Fact]
    public async Task Run_WithATopicOfEvents_IsToldFromItsPlanToItsEndAsCloudEvents()
    {
        await using var broker = await FakePubSub.StartAsync();
        await using var service = new RunningService();
        service.Settings.PubSub.EventsTopic = "projects/p/topics/events";
        service.Settings.PubSub.EmulatorHost = broker.Host;
        await service.InitializeAsync();

        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        var first = await broker.LetterAsync();
        var last = first;
        while (last.Attributes["ce-type"] != "workflows.run.failed")
        {
            last = await broker.LetterAsync();
        }

        Assert.Equal("workflows.run.stage", first.Attributes["ce-type"]);
        Assert.Equal($"{id}/stage/plan", first.Attributes["ce-id"]);
        Assert.Equal("plan", DataOf(first.Data).GetProperty("fact").GetProperty("stage").GetString());
        Assert.Equal(id, last.Attributes["ce-id"]);
        Assert.Equal(id, DataOf(last.Data).GetProperty("runId").GetString());
        foreach (var message in new[] { first, last })
        {
            Assert.Equal("1.0", message.Attributes["ce-specversion"]);
            Assert.Equal($"runs/{id}", message.Attributes["ce-subject"]);
            Assert.Equal("application/json", message.Attributes["content-type"]);
            Assert.StartsWith("urn:workflows:", message.Attributes["ce-source"], StringComparison.Ordinal);
            Assert.True(DateTimeOffset.TryParse(message.Attributes["ce-time"], out _), message.Attributes["ce-time"]);
            Assert.Equal($"runs/{id}", message.OrderingKey);
        }
    }

    /// <summary>There is money again tomorrow: the message is no dead one, and others are not held up.</summary>
    [Fact]
    public async Task Message_ThatTheSpendLimitRefuses_WaitsAndDoesNotGoToTheDeadLetterTopic()
    {
        await using var broker = await FakePubSub.StartAsync();
        await using var service = new RunningService();
        service.Settings.MaxUsdPerDay = 6;
        service.Settings.PubSub.Subscription = "projects/p/subscriptions/runs";
        service.Settings.PubSub.DeadLetterTopic = "projects/p/topics/dead";
        service.Settings.PubSub.EmulatorHost = broker.Host;
        await service.InitializeAsync();
        service.Services.GetRequiredService<SpendBook>().Begin(new RunId("another"), startingUsd: 5);
        var dear = service.Request();
        dear.Remove("rehearsal");
        dear["project"] = "team-project";
        dear["budgetUsd"] = 5;

        var waits = broker.Send(ByteString.CopyFromUtf8(dear.ToJsonString()));
        var good = broker.Send(ByteString.CopyFromUtf8(service.Request("""{"apiDisabled": true}""").ToJsonString()));
        await Eventually.TrueAsync(() => broker.Acknowledged.Contains(good) && !broker.Delayed.IsEmpty);

        Assert.Equal([(waits, 10)], broker.Delayed);
        Assert.Equal([good], broker.Acknowledged);
        Assert.Equal(1, await SubscribedService.LoggedAsync(service, "Workflows:MaxUsdPerDay is 6.00 USD"));
    }

    private static JsonElement DataOf(ByteString data)
    {
        using var document = JsonDocument.Parse(data.ToStringUtf8());
        return document.RootElement.Clone();
    }
}
