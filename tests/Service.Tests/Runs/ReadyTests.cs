using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Readiness;
using Workflows.Service.Runs;
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

    [Fact]
    public async Task Ready_WhereRunsPay_NamesCredentialsThatAreMissing()
    {
        var line = new ReadinessLine("credentials", ReadinessLevel.Fail, "none", "gcloud auth login");
        await using var service = new RunningService
        {
            Change = services => services.AddSingleton(
                new CredentialLook(_ => Task.FromResult(line), TimeProvider.System)),
        };
        service.Settings.Artifacts = "gs://bucket/workflows";
        await service.InitializeAsync();

        Assert.Equal(
            [("engine", true), ("disk", true), ("credentials", false)],
            await PartsAsync(service, until: HttpStatusCode.ServiceUnavailable));
    }

    /// <summary>Probes come every few seconds from many sides, and must not ask the cloud each time.</summary>
    [Fact]
    public async Task Credentials_AskedForOften_AreLookedAtSeldom()
    {
        var clock = new FakeTimeProvider();
        var asked = 0;
        var level = ReadinessLevel.Fail;
        var look = new CredentialLook(
            _ =>
            {
                Interlocked.Increment(ref asked);
                return Task.FromResult(new ReadinessLine("credentials", level, "", ""));
            }, clock);

        Assert.All(await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => look.HasAsync(Cancellation))), Assert.False);
        Assert.Equal(1, asked);
        level = ReadinessLevel.Ok;
        clock.Advance(TimeSpan.FromSeconds(11));
        Assert.True(await look.HasAsync(Cancellation));
        clock.Advance(TimeSpan.FromSeconds(59));
        Assert.True(await look.HasAsync(Cancellation));
        Assert.Equal(2, asked);
        level = ReadinessLevel.Fail;
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False(await look.HasAsync(Cancellation));
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task Credentials_WhoseSourceHangs_AreMissingAfterAWhile()
    {
        var clock = new FakeTimeProvider();
        var begun = new TaskCompletionSource();
        var look = new CredentialLook(
            async stop =>
            {
                begun.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, stop);
                return new ReadinessLine("credentials", ReadinessLevel.Ok, "", "");
            }, clock);

        var asking = look.HasAsync(Cancellation);
        await begun.Task;
        clock.Advance(TimeSpan.FromSeconds(4));

        Assert.False(await asking);
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
