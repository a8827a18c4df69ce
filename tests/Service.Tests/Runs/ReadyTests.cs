using System.Net;
using System.Text.Json;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>A service says when it cannot take requests, and that it can again.</summary>
public sealed class ReadyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ready_WithABrokerThatIsDown_NamesItAndIsAliveStill()
    {
        await using var service = new RunningService();
        service.Settings.PubSub.Subscription = "projects/p/subscriptions/s";
        service.Settings.PubSub.EmulatorHost = "127.0.0.1:1";
        await service.InitializeAsync();

        var parts = await PartsAsync(service, until: HttpStatusCode.ServiceUnavailable);

        Assert.Equal([("engine", true), ("disk", true), ("broker", false)], parts);
        using var health = await service.Http.GetAsync("/healthz", Cancellation);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);

        await service.RestartAsync(settings => settings.PubSub.Subscription = null);
        Assert.Equal([("engine", true), ("disk", true)], await PartsAsync(service, until: HttpStatusCode.OK));
    }

    private static async Task<List<(string, bool)>> PartsAsync(RunningService service, HttpStatusCode until)
    {
        // The first call of the broker fails within seconds of the start.
        while (true)
        {
            using var answer = await service.Http.GetAsync("/readyz", Cancellation);
            if (answer.StatusCode == until)
            {
                using var view = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation));
                Assert.Equal(until == HttpStatusCode.OK, view.RootElement.GetProperty("ready").GetBoolean());
                return
                [
                    .. view.RootElement.GetProperty("parts").EnumerateArray().Select(part => (
                        part.GetProperty("name").GetString()!, part.GetProperty("ready").GetBoolean())),
                ];
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), Cancellation);
        }
    }
}
