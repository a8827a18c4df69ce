using Workflows.DurableTask.Protocol;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>What belongs to an instance outlives its executions; what belongs to one execution ends with it.</summary>
public sealed class GenerationTests : IAsyncDisposable
{
    private const string Hub = EngineHarness.Hub;

    private readonly EngineHarness _harness = new();

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Theory]
    [InlineData(false, OrchestrationStatus.Suspended)]
    [InlineData(true, OrchestrationStatus.Running)]
    public async Task ContinueAsNew_SuspendedInItsLastBatch_StaysAsTheOperatorLeftIt(
        bool isResumed, OrchestrationStatus expected)
    {
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "a", Name = "test" });
        await _harness.Engine.SuspendAsync(Hub, new() { InstanceId = "a", Reason = "wait" });
        WorkerSession worker = await _harness.ConnectAsync();
        WorkItem item = await EngineHarness.NextAsync(worker);
        if (isResumed)
        {
            await _harness.Engine.ResumeAsync(Hub, new() { InstanceId = "a" });
        }

        await _harness.CompleteAsync(item, ContinueAsNew());
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker));

        Assert.Equal(expected, (await _harness.StateAsync("a")).OrchestrationStatus);
    }

    [Fact]
    public async Task Locks_OfAnExecutionThatHoldsAndWaits_AreAllReleasedWithIt()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "greedy", Name = "test" });
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Lock(0, "one"), Lock(1, "two"));
        WorkItem granted = await EngineHarness.NextAsync(worker);
        Assert.Equal("one", granted.OrchestratorRequest.NewEvents[^1].EntityLockGranted.CriticalSectionId);

        await _harness.CompleteAsync(granted, new OrchestratorAction
        {
            CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.Completed },
        });
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "next", Name = "test" });
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Lock(0, "three"));

        WorkItem next = await EngineHarness.NextAsync(worker);
        Assert.Equal("three", next.OrchestratorRequest.NewEvents[^1].EntityLockGranted.CriticalSectionId);
    }

    [Fact]
    public async Task Unlock_OfOneSection_DoesNotForgetAnotherThatWaits()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "other", Name = "test" });
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Lock(0, "first"));
        WorkItem other = await EngineHarness.NextAsync(worker);
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "greedy", Name = "test" });
        WorkItem greedy = await EngineHarness.NextAsync(worker);
        await _harness.CompleteAsync(greedy, Lock(0, "one"), Lock(1, "two"), Unlock(2, "one"));

        // It ends while its second request waits.
        await _harness.Engine.TerminateAtOnceAsync(Hub, ["greedy"], null);
        await _harness.CompleteAsync(other, Unlock(1, "first"));
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "next", Name = "test" });
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Lock(0, "three"));

        WorkItem next = await EngineHarness.NextAsync(worker);
        Assert.Equal("three", next.OrchestratorRequest.NewEvents[^1].EntityLockGranted.CriticalSectionId);
    }

    private static OrchestratorAction ContinueAsNew() => new()
    {
        CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.ContinuedAsNew },
    };

    private static OrchestratorAction Lock(int id, string section) => new()
    {
        Id = id,
        SendEntityMessage = new()
        {
            EntityLockRequested = new() { CriticalSectionId = section, LockSet = { "@e@1" } },
        },
    };

    private static OrchestratorAction Unlock(int id, string section) => new()
    {
        Id = id,
        SendEntityMessage = new()
        {
            EntityUnlockSent = new() { CriticalSectionId = section, TargetInstanceId = "@e@1" },
        },
    };
}
