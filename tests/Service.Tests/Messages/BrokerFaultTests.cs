using System.Net.Http.Json;
using System.Text.Json;
using Google.Cloud.PubSub.V1;
using Google.Protobuf;
using Grpc.Core;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Messages;

/// <summary>A broker that is away, refuses or answers what cannot be costs time only.</summary>
public sealed class BrokerFaultTests
{
    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.PermissionDenied)]
    [InlineData(StatusCode.NotFound)]
    [InlineData(StatusCode.Unauthenticated)]
    [InlineData(StatusCode.Internal)]
    [InlineData(StatusCode.ResourceExhausted)]
    public async Task Broker_ThatRefusesToDeliver_IsToldOnceAndAskedAgain(StatusCode code)
    {
        await using var broker = await FakePubSub.StartAsync();
        broker.NextStreams.Enqueue(() => throw new RpcException(new Status(code, "Not now.")));
        broker.NextStreams.Enqueue(() => throw new RpcException(new Status(code, "Not now either.")));
        await using var service = await SubscribedService.StartAsync(broker.Host);

        var good = Send(broker, service);
        await Eventually.TrueAsync(() => broker.Acknowledged.Contains(good));

        Assert.Equal(1, await RunsAsync(service));
        Assert.Equal(1, await SubscribedService.LoggedAsync(service, "is out of reach"));
    }

    [Fact]
    public async Task Broker_ThatIsAwayAtTheStart_IsFoundLater()
    {
        using var port = ReservedPort.Take();
        await using var service = await SubscribedService.StartAsync($"127.0.0.1:{port.Number}");
        Assert.Equal(0, await RunsAsync(service));

        await using var broker = await FakePubSub.StartAsync(port.Number);
        var good = Send(broker, service);
        await Eventually.TrueAsync(() => broker.Acknowledged.Contains(good));

        Assert.Equal(1, await RunsAsync(service));
    }

    [Fact]
    public async Task Broker_ThatGoesAwayAndComesBack_DeliversToTheSameService()
    {
        using var port = ReservedPort.Take();
        var first = await FakePubSub.StartAsync(port.Number);
        await using var service = await SubscribedService.StartAsync(first.Host);
        await Eventually.TrueAsync(() => first.Streams > 0);
        await first.DisposeAsync();

        await using var second = await FakePubSub.StartAsync(port.Number);
        var good = Send(second, service);
        await Eventually.TrueAsync(() => second.Acknowledged.Contains(good));

        Assert.Equal(1, await RunsAsync(service));
    }

    [Fact]
    public async Task Broker_ThatEndsEveryStreamAtOnce_IsNotAskedWithoutEnd()
    {
        await using var broker = await FakePubSub.StartAsync();
        for (var answer = 0; answer < 10_000; answer++)
        {
            broker.NextStreams.Enqueue(() => null);
        }

        await using var service = await SubscribedService.StartAsync(broker.Host);
        await Eventually.TrueAsync(() => broker.Streams >= 2);

        // The queue has 10,000 ends, which a loop without a pause takes within a second.
        Assert.InRange(broker.Streams, 2, 10);
    }

    [Fact]
    public async Task Message_WithoutContentOrId_IsBuriedAndTheNextOneStarts()
    {
        await using var broker = await FakePubSub.StartAsync();
        broker.NextStreams.Enqueue(() => new StreamingPullResponse
        {
            ReceivedMessages = { new ReceivedMessage { AckId = "nothing" } },
        });
        await using var service = await SubscribedService.StartAsync(broker.Host);
        var request = ByteString.CopyFromUtf8(service.Request().ToJsonString());
        var nameless = broker.Send(request, messageId: "");
        var good = broker.Send(request);
        await Eventually.TrueAsync(() => broker.Acknowledged.Count == 3);

        Assert.Equivalent(new[] { "nothing", nameless, good }, broker.Acknowledged, strict: true);
        Assert.Equal(1, await RunsAsync(service));
    }

    [Theory]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.InvalidArgument)]
    public async Task Acknowledgement_ThatIsLost_StartsNothingTwice(StatusCode code)
    {
        await using var broker = await FakePubSub.StartAsync();
        broker.NextAcknowledgements.Enqueue(code);
        await using var service = await SubscribedService.StartAsync(broker.Host);
        var request = ByteString.CopyFromUtf8(service.Request().ToJsonString());

        broker.Send(request, messageId: "same");
        await Eventually.TrueAsync(() => broker.NextAcknowledgements.IsEmpty);
        var again = broker.Send(request, messageId: "same");
        await Eventually.TrueAsync(() => broker.Acknowledged.Contains(again));

        Assert.Equal(1, await RunsAsync(service));
        Assert.Equal(1, await SubscribedService.LoggedAsync(service, "got no acknowledgement of message same"));
    }

    [Fact]
    public async Task Message_DeliveredAgainAfterItsFileMoved_IsTheSameRun()
    {
        await using var broker = await FakePubSub.StartAsync();
        await using var service = await SubscribedService.StartAsync(broker.Host);
        var request = ByteString.CopyFromUtf8(service.Request().ToJsonString());
        var first = broker.Send(request, messageId: "same");
        await Eventually.TrueAsync(() => broker.Acknowledged.Contains(first));

        File.Move(Path.Combine(service.Folder, "pairs.tsv"), Path.Combine(service.Folder, "moved.tsv"));
        var again = broker.Send(request, messageId: "same");
        await Eventually.TrueAsync(() => broker.Acknowledged.Contains(again));

        Assert.Equal(1, await RunsAsync(service));
        Assert.Equal(0, await SubscribedService.LoggedAsync(service, "cannot start a run"));
    }

    private static string Send(FakePubSub broker, RunningService service) =>
        broker.Send(ByteString.CopyFromUtf8(service.Request().ToJsonString()));

    private static async Task<int> RunsAsync(RunningService service) =>
        (await service.Http.GetFromJsonAsync<JsonElement>("/runs")).GetArrayLength();
}
