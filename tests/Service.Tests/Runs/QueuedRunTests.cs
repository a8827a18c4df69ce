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
    }
}
