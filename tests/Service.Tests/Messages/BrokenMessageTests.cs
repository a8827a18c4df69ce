using System.Net.Http.Json;
using System.Text.Json;
using Google.Protobuf;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Messages;

/// <summary>No message ends the subscriber, or holds up another.</summary>
public sealed class BrokenMessageTests
{
    [Theory]
    [InlineData("a name of 4,000,000 letters", "name: It has 4000000 characters, 200 at most.")]
    [InlineData("a message of 9,000,000 letters", "name: It has 9000000 characters, 200 at most.")]
    [InlineData("no UTF-8", "$: The message is not UTF-8.")]
    [InlineData("nothing", "$: Line 1")]
    [InlineData("10,000 levels", "it must be an object")]
    [InlineData("a relative path", "absolute")]
    public async Task Message_ThatIsBroken_GoesToTheDeadLetterTopicAndTheNextOneStarts(string kind, string reason)
    {
        await using var broker = await FakePubSub.StartAsync();
        await using var service = await SubscribedService.StartAsync(broker.Host);

        var bad = broker.Send(Broken(kind, service));
        var letter = await broker.LetterAsync();
        var good = broker.Send(ByteString.CopyFromUtf8(service.Request().ToJsonString()));
        await Eventually.TrueAsync(() => broker.Acknowledged.Count == 2);

        Assert.Equal(("REQUEST_INVALID", bad),
            (letter.Attributes["workflows-code"], letter.Attributes["workflows-message-id"]));
        Assert.Contains(reason, letter.Attributes["workflows-reason"], StringComparison.Ordinal);
        Assert.Equivalent(new[] { bad, good }, broker.Acknowledged, strict: true);
        Assert.Equal(1, (await service.Http.GetFromJsonAsync<JsonElement>("/runs")).GetArrayLength());
    }

    [Fact]
    public async Task Message_ThatCannotBeBuried_WaitsAloneAndIsToldOnce()
    {
        await using var broker = await FakePubSub.StartAsync();
        broker.CanPublish = false;
        await using var service = await SubscribedService.StartAsync(broker.Host);

        var bad = broker.Send(ByteString.CopyFromUtf8("{"));
        var good = broker.Send(ByteString.CopyFromUtf8(service.Request().ToJsonString()));
        await Eventually.TrueAsync(() => broker.Acknowledged.Contains(good) && !broker.Delayed.IsEmpty);

        Assert.Equal([(bad, 10)], broker.Delayed);
        Assert.Equal([good], broker.Acknowledged);
        Assert.Equal(1, broker.Streams);
        Assert.Equal(1, await SubscribedService.LoggedAsync(service, "cannot go to the dead-letter topic"));
    }

    private static ByteString Broken(string kind, RunningService service)
    {
        var request = service.Request();
        switch (kind)
        {
            case "a name of 4,000,000 letters":
                request["name"] = new string('n', 4_000_000);
                break;
            case "a message of 9,000,000 letters":
                request["name"] = new string('n', 9_000_000);
                break;
            case "a relative path":
                request["model"] = "model";
                break;
            case "no UTF-8":
                return ByteString.CopyFrom(0xff, 0xfe, 0xfd);
            case "nothing":
                return ByteString.Empty;
            default:
                return ByteString.CopyFromUtf8(new string('[', 10_000));
        }

        return ByteString.CopyFromUtf8(request.ToJsonString());
    }
}
