using System.Text.Json.Nodes;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>A whole run on a node of a reservation, in the emulated cloud.</summary>
public sealed class ReservedRunTests(RunningService service) : IClassFixture<RunningService>
{
    /// <summary>The first zone has no reservation, and the second one's is all the capacity that the
    /// zone has.</summary>
    [Theory]
    [InlineData("node")]
    [InlineData("queued-resource")]
    public async Task Run_OnReservedNodes_AsksWhereAReservationIsAndLeavesNothing(string way)
    {
        var request = service.Request(
            """{"zones": {"us-west1-c": {"reserved": 8, "capacity": 0}}}""", steps: 4);
        request["tpu"]!["zones"] = new JsonArray("us-west4-a", "us-west1-c");
        request["tpu"]!["provisioning"] = "reserved";
        request["tpu"]!["request"] = way;

        var id = await service.StartAsync(request);
        var report = await service.ReportAsync(id);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Equal(
            [("us-west4-a", "reserved", "RESERVATION_MISSING"), ("us-west1-c", "reserved", (string?)null)],
            report.GetProperty("attempts").EnumerateArray().Select(each => (
                each.GetProperty("zone").GetString(), each.GetProperty("provisioning").GetString(),
                each.TryGetProperty("code", out var code) ? code.GetString() : null)));
        await CloudChecks.AssertNothingIsLeftAsync(service, id, report);
    }
}
