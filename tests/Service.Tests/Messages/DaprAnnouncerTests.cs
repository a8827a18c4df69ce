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
