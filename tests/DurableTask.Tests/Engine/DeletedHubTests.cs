using Grpc.Core;
using Workflows.DurableTask.Sidecar;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>A deleted hub is empty from then on, also before its deletion is in the file.</summary>
public sealed class DeletedHubTests : IAsyncDisposable
{
    private readonly EngineHarness _harness;
    private readonly ManualResetEventSlim _disk = new(initialState: true);

    public DeletedHubTests() => _harness = new EngineHarness(faults: new FaultInjection(point =>
    {
        if (point == FaultPoint.AfterEnqueueBeforeBegin)
        {
            _disk.Wait();
        }
    }));

    public async ValueTask DisposeAsync()
    {
        _disk.Set();
        await _harness.DisposeAsync();
        _disk.Dispose();
    }

    [Fact]
    public async Task Calls_BeforeTheDeletionIsCommitted_FindNothing()
    {
        CancellationToken soon = TestContext.Current.CancellationToken;
        await _harness.Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "test" });
        await _harness.SettleAsync();
        _disk.Reset();

        Task deleted = _harness.Engine.DeleteHubAsync(EngineHarness.Hub);
        var missing = await Assert.ThrowsAsync<RpcException>(() => _harness.Engine.WaitAsync(
            EngineHarness.Hub, new() { InstanceId = "a" }, forCompletion: true, soon));

        Assert.Equal(StatusCode.NotFound, missing.StatusCode);
        Assert.Null(await _harness.StateAsync("a"));
        Assert.False(deleted.IsCompleted);
        _disk.Set();
        await deleted;
    }
}
