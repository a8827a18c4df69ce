using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>How long ended instances are kept, under a clock that only the test moves.</summary>
public sealed class RetentionTests : IAsyncDisposable
{
    private readonly EngineHarness _harness = new(options => options.Retention = TimeSpan.FromHours(1));

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task EndedInstances_GoAfterTheirTimeAndUnfinishedOnesStay()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("ended");
        await _harness.CompleteAsync(
            await EngineHarness.NextAsync(worker),
            new OrchestratorAction
            {
                CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.Completed },
            });
        await StartAsync("open");

        await PassAsync(TimeSpan.FromMinutes(59));
        Assert.True(await ExistsAsync("ended"));
        // It is looked for every tenth of the time.
        await PassAsync(TimeSpan.FromMinutes(8));

        Assert.False(await ExistsAsync("ended"));
        Assert.True(await ExistsAsync("open"));
    }

    private Task<string> StartAsync(string id) =>
        _harness.Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = id, Name = "test" });

    private async Task PassAsync(TimeSpan time)
    {
        for (int second = 0; second < time.TotalSeconds; second += 30)
        {
            _harness.Time.Advance(TimeSpan.FromSeconds(30));
            await _harness.SettleAsync();
        }
    }

    private async Task<bool> ExistsAsync(string id) =>
        (await _harness.Engine.GetAsync(EngineHarness.Hub, new() { InstanceId = id })).Exists;
}
