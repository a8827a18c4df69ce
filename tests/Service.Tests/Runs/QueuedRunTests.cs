using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>A whole run whose node is asked for by queued resources, in the emulated cloud.</summary>
public sealed class QueuedRunTests(RunningService service) : IClassFixture<RunningService>
{
    /// <summary>The first zone has no capacity, so its request fails in its time; the second gives a node.</summary>
    [Fact]
    public async Task Run_ByQueuedResources_GoesOnInTheNextZoneAndLeavesNothing()
    {
        var request = service.Request("""{"queueSeconds": 0.2, "zones": {"us-west4-a": {"capacity": 0}}}""");
        request["tpu"]!["zones"] = new JsonArray("us-west4-a", "us-west1-c");
        request["tpu"]!["request"] = "queued-resource";
        request["tpu"]!["queueSeconds"] = 1;

        var id = await service.StartAsync(request);
        var waiting = await service.WaitAsync(
            id, run => run.TryGetProperty("waiting", out var each) && each.ValueKind == JsonValueKind.Object);
        var report = await service.ReportAsync(id);

        Assert.Equal("us-west4-a", waiting.GetProperty("waiting").GetProperty("zone").GetString());
        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        var attempts = report.GetProperty("attempts").EnumerateArray().ToList();
        Assert.Equal(
            [("us-west4-a", "failed"), ("us-west1-c", "ready")], attempts.Select(each => (
                each.GetProperty("zone").GetString(), each.GetProperty("outcome").GetString())));
        Assert.Equal("QUEUE_TIMEOUT", attempts[0].GetProperty("code").GetString());
        await CloudChecks.AssertNothingIsLeftAsync(service, id, report);
        await AssertResourcesAsync(id, report);
    }

    /// <summary>Each request is listed before its node, with the proof that both are gone, and the cost of the node.
    /// </summary>
    private async Task AssertResourcesAsync(string id, JsonElement report)
    {
        var resources = (await service.Http.GetFromJsonAsync<JsonElement>(
            $"/runs/{id}/resources", TestContext.Current.CancellationToken)).EnumerateArray().ToList();
        Assert.Equal(
            [
                ("queued-resource", "us-west4-a"), ("node", "us-west4-a"), ("queued-resource", "us-west1-c"),
                ("node", "us-west1-c"),
            ],
            resources.Select(each => (each.GetProperty("kind").GetString(), each.GetProperty("zone").GetString())));
        Assert.All(resources, each =>
        {
            Assert.Equal("NOT_FOUND", each.GetProperty("deletion").GetProperty("state").GetString());
            Assert.Equal("spot", each.GetProperty("provisioning").GetString());
            Assert.Equal("v5litepod-8", each.GetProperty("acceleratorType").GetString());
            Assert.True(each.GetProperty("askedAt").GetDateTimeOffset() <= each.GetProperty("endedAt")
                .GetDateTimeOffset());
        });
        Assert.Equal("gone", resources[3].GetProperty("state").GetString());
        Assert.Equal("QUEUE_TIMEOUT", resources[0].GetProperty("code").GetString());
        Assert.Equal(JsonValueKind.Null, resources[1].GetProperty("readyAt").ValueKind);
        Assert.StartsWith(
            "projects/", resources[3].GetProperty("deletion").GetProperty("operation").GetString(),
            StringComparison.Ordinal);
        Assert.Equal(
            report.GetProperty("cost").GetProperty("actual").GetDouble(),
            resources.Sum(each => each.GetProperty("usd").GetDouble()), 9);
    }
}
