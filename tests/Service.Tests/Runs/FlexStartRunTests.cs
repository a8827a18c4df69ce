using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>A whole run on nodes of flex-start, in the emulated cloud.</summary>
public sealed class FlexStartRunTests(RunningService service) : IClassFixture<RunningService>
{
    /// <summary>The first zone does not offer it; in the second the first node's time ends in the training.</summary>
    [Fact]
    public async Task Run_WhoseNodeIsOverItsTime_GoesOnFromItsCheckpointAndLeavesNothing()
    {
        var request = service.Request("""{"zones": {"us-west4-a": {"flexStartTypes": []}}}""", steps: 100_000);
        request["tpu"]!["zones"] = new JsonArray("us-west4-a", "us-west1-c");
        request["tpu"]!["provisioning"] = "flex-start";
        request["tpu"]!["maxRunHours"] = 0.016;

        var id = await service.StartAsync(request);
        var training = await service.WaitAsync(
            id, run => run.TryGetProperty("progress", out var each) && each.ValueKind == JsonValueKind.Object);
        var node = Assert.Single(training.GetProperty("nodes").EnumerateArray()).GetProperty("node").GetString();
        using var ended = await service.Http.PostAsJsonAsync(
            $"http://localhost:{service.EmulatorRestPort}/emulator/projects/rehearsal-{id}/locations/us-west1-c/"
            + $"nodes/{node}/faults", new { fault = "end" }, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        await service.WaitAsync(id, run => run.GetProperty("recoveries").GetInt32() > 0);
        await service.FinishAsync(id, beyond: RunningService.StepOf(training));
        var report = await service.ReportAsync(id);

        Assert.Equal(0.016, training.GetProperty("maxRunHours").GetDouble());
        Assert.Equal("succeeded", report.GetProperty("status").GetString());

        // On a very slow machine the next node's time is over, too.
        var recoveries = report.GetProperty("recoveries").EnumerateArray().ToList();
        Assert.NotEmpty(recoveries);
        Assert.All(recoveries, each => Assert.Equal(
            ("us-west1-c", "RUN_DURATION_OVER"),
            (each.GetProperty("zone").GetString(), each.GetProperty("cause").GetString())));
        (string?, string?, string?)[] nodes =
        [
            ("us-west4-a", "flex-start", "FLEX_START_UNSUPPORTED"),
            .. Enumerable.Repeat(("us-west1-c", "flex-start", (string?)null), recoveries.Count + 1),
        ];
        Assert.Equal(nodes, report.GetProperty("attempts").EnumerateArray().Select(each => (
            each.GetProperty("zone").GetString(), each.GetProperty("provisioning").GetString(),
            each.TryGetProperty("code", out var code) ? code.GetString() : null)));
        await CloudChecks.AssertNothingIsLeftAsync(service, id, report);
    }
}
