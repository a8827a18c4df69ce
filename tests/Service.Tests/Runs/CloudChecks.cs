using System.Text.Json;
using Google.Cloud.Tpu.V2;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Provisioning;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>Checks of the emulated cloud after a run by queued resources.</summary>
internal static class CloudChecks
{
    /// <summary>Asserts that each node is proved gone, and that no queued resource is left.</summary>
    public static async Task AssertNothingIsLeftAsync(RunningService service, string id, JsonElement report)
    {
        Assert.All(
            report.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean(), $"{row}"));
        var cloud = await service.Services.GetRequiredService<ITpuCloud>()
            .ConnectAsync($"rehearsal-{id}", isRehearsal: true, TestContext.Current.CancellationToken);
        var left = await cloud.Tpu.ListQueuedResourcesAsync(new ListQueuedResourcesRequest
        {
            Parent = $"projects/rehearsal-{id}/locations/-",
        });
        Assert.Empty(left.QueuedResources);
    }
}
