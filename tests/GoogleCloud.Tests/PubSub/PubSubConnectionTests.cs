using Google.Cloud.PubSub.V1;
using Google.Protobuf;
using Grpc.Core;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.PubSub;

/// <summary>The connection against Google's own emulator.</summary>
public sealed class PubSubConnectionTests
{
    private const string Topic = "projects/demo-proj/topics/runs";
    private const string Subscription = "projects/demo-proj/subscriptions/service";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connection_ToGooglesEmulator_PublishesPullsAndAcknowledges()
    {
        await using var emulator = await PubSubEmulator.StartOrSkipAsync(Cancellation);
        using var connection = PubSubConnection.ToEmulator(emulator.Host);
        await connection.Publisher.CreateTopicAsync(new Topic { Name = Topic }, cancellationToken: Cancellation);
        await connection.Subscriber.CreateSubscriptionAsync(
            new Subscription { Name = Subscription, Topic = Topic, AckDeadlineSeconds = 10 },
            cancellationToken: Cancellation);

        var published = await connection.Publisher.PublishAsync(
            new PublishRequest
            {
                Topic = Topic,
                Messages =
                {
                    new PubsubMessage
                    {
                        Data = ByteString.CopyFromUtf8("안녕하세요"), Attributes = { ["key"] = "값" },
                    },
                },
            },
            cancellationToken: Cancellation);
        var received = Assert.Single((await PullAsync(connection)).ReceivedMessages);
        await connection.Subscriber.ModifyAckDeadlineAsync(
            new ModifyAckDeadlineRequest { Subscription = Subscription, AckIds = { received.AckId } },
            cancellationToken: Cancellation);
        var again = Assert.Single((await PullAsync(connection)).ReceivedMessages);
        await connection.Subscriber.AcknowledgeAsync(
            new AcknowledgeRequest { Subscription = Subscription, AckIds = { again.AckId } },
            cancellationToken: Cancellation);

        Assert.Equal(Assert.Single(published.MessageIds), received.Message.MessageId);
        Assert.Equal("안녕하세요", received.Message.Data.ToStringUtf8());
        Assert.Equal("값", received.Message.Attributes["key"]);
        Assert.NotNull(received.Message.PublishTime);
        Assert.Equal(received.Message.MessageId, again.Message.MessageId);
        var missing = await Assert.ThrowsAsync<RpcException>(
            async () => await connection.Subscriber.GetSubscriptionAsync(
                new GetSubscriptionRequest { Subscription = Subscription + "-none" }, cancellationToken: Cancellation));
        Assert.Equal(StatusCode.NotFound, missing.StatusCode);
    }

    private static async Task<PullResponse> PullAsync(PubSubConnection connection) =>
        await connection.Subscriber.PullAsync(
            new PullRequest { Subscription = Subscription, MaxMessages = 10 },
            deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(10), cancellationToken: Cancellation);
}
