using System.Text.Json;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Messages;

/// <summary>
/// The end and the lifecycle of a run are published through Dapr; the sidecar here is a stand-in that speaks its
/// protocol.
/// </summary>
public sealed class DaprAnnouncerTests
{
    [Fact]
    public async Task Run_ThatEnds_IsPublishedWithItsStatus()
    {
        await using var sidecar = await FakeDapr.StartAsync();
        await using var service = new RunningService();
        service.Settings.Dapr.PubSubName = "workflows-pubsub";
        service.Settings.Dapr.GrpcEndpoint = sidecar.Address;
        await service.InitializeAsync();

        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        await service.ReportAsync(id);
        await Eventually.TrueAsync(() => !sidecar.Published.IsEmpty);
        var published = Assert.Single(sidecar.Published);
        Assert.Equal(("workflows-pubsub", "workflow-runs-ended"), (published.PubsubName, published.Topic));
        Assert.Equal("workflows.run.failed", published.Metadata["cloudevent.type"]);
        Assert.Equal(id, published.Metadata["cloudevent.id"]);
        using var data = JsonDocument.Parse(published.Data.ToStringUtf8());
        Assert.Equal(id, data.RootElement.GetProperty("runId").GetString());
        Assert.Equal("API_DISABLED",
            data.RootElement.GetProperty("outcome").GetProperty("failure").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Lifecycle_OfARun_IsPublishedInItsOrderAlsoAfterTheBrokerWasAway()
    {
        await using var sidecar = await FakeDapr.StartAsync();
        sidecar.IsAway = true;
        await using var service = new RunningService();
        service.Settings.Dapr.PubSubName = "workflows-pubsub";
        service.Settings.Dapr.LifecycleTopic = "workflow-runs";
        service.Settings.Dapr.GrpcEndpoint = sidecar.Address;
        await service.InitializeAsync();

        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        await service.ReportAsync(id);
        sidecar.IsAway = false;
        string[] expected = ["plan", "prepare", "train", "teardown", "report"];
        await Eventually.TrueAsync(() => Stages().Length == expected.Length);

        Assert.Equal(expected, Stages());
        var events = sidecar.Published.Where(each => each.Topic == "workflow-runs").ToList();
        Assert.Equal(events.Count, events.Select(each => each.Metadata["cloudevent.id"]).Distinct().Count());
        Assert.All(events, each =>
        {
            Assert.Equal("workflows.run.stage", each.Metadata["cloudevent.type"]);
            Assert.StartsWith("urn:workflows:", each.Metadata["cloudevent.source"], StringComparison.Ordinal);
            Assert.Equal($"runs/{id}", each.Metadata["cloudevent.subject"]);
        });

        string[] Stages() =>
        [
            .. sidecar.Published.Where(each => each.Topic == "workflow-runs").Select(each =>
                JsonDocument.Parse(each.Data.ToStringUtf8()).RootElement
                    .GetProperty("fact").GetProperty("stage").GetString()!),
        ];
    }

    /// <summary>The sidecar refuses more often than an activity would try.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("workflow-runs-ended")]
    public async Task End_WhileTheSidecarIsAway_IsPublishedOnceItAnswers(string? lifecycle)
    {
        await using var sidecar = await FakeDapr.StartAsync();
        sidecar.IsAway = true;
        await using var service = new RunningService();
        service.Settings.Dapr.PubSubName = "workflows-pubsub";
        service.Settings.Dapr.LifecycleTopic = lifecycle;
        service.Settings.Dapr.GrpcEndpoint = sidecar.Address;
        await service.InitializeAsync();

        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        await service.ReportAsync(id);
        await Eventually.TrueAsync(() => sidecar.Refused >= 4);
        Assert.Empty(sidecar.Published);
        sidecar.IsAway = false;
        await Eventually.TrueAsync(() => Ids().Contains(id));
        // The end is the last event of its topic, and the only one where the lifecycle has none, or another.
        Assert.Equal(
            [.. lifecycle is null ? [] : new[] { "plan", "prepare", "train", "teardown", "report" }
                .Select(stage => $"{id}/stage/{stage}"), id],
            Ids());
        Assert.All(sidecar.Published, each => Assert.Equal("workflow-runs-ended", each.Topic));

        List<string> Ids() => [.. sidecar.Published.Select(each => each.Metadata["cloudevent.id"])];
    }

    /// <summary>The next service on the state folder tells the end that the killed one could not.</summary>
    [Fact]
    public async Task End_ThatNoSidecarHeard_IsPublishedAfterARestart()
    {
        await using var sidecar = await FakeDapr.StartAsync();
        sidecar.IsAway = true;
        await using var service = new RunningService();
        service.Settings.Dapr.PubSubName = "workflows-pubsub";
        service.Settings.Dapr.GrpcEndpoint = sidecar.Address;
        await service.InitializeAsync();
        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        await service.ReportAsync(id);

        await service.RestartAsync(
            settings =>
            {
                settings.Dapr.PubSubName = "workflows-pubsub";
                settings.Dapr.GrpcEndpoint = sidecar.Address;
            },
            () =>
            {
                sidecar.IsAway = false;
                return Task.CompletedTask;
            });
        await Eventually.TrueAsync(() => !sidecar.Published.IsEmpty);

        Assert.Equal(id, Assert.Single(sidecar.Published).Metadata["cloudevent.id"]);
    }

    [Fact]
    public async Task Run_WhoseListenerIsOutOfReach_EndsAsItWould()
    {
        await using var service = new RunningService();
        service.Settings.Dapr.PubSubName = "workflows-pubsub";
        service.Settings.Dapr.GrpcEndpoint = new Uri("http://127.0.0.1:1");
        await service.InitializeAsync();

        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        var report = await service.ReportAsync(id);

        Assert.Equal("failed", report.GetProperty("status").GetString());
    }
}
