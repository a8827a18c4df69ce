using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>An engine that stops, or fails, changes nothing more: what its workers had is there at the next start.
/// </summary>
public sealed class StopTests : IAsyncDisposable
{
    private readonly EngineHarness _harness;
    private volatile bool _fails;

    public StopTests() => _harness = new EngineHarness(
        // One dispatch is the limit: an item that came back would be given up.
        options => options.MaxDispatches = 1,
        new FaultInjection(point =>
        {
            if (_fails && point == FaultPoint.AfterDecideBeforeEnqueue)
            {
                _fails = false;
                throw new InvalidOperationException("A fault that nobody foresaw.");
            }
        }));

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stop_WorkerHasAnEpisode_IsOfferedAgainByTheNextEngine(bool fails)
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await _harness.Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "test" });
        await EngineHarness.NextAsync(worker);

        await StopAsync(fails, worker);

        OrchestrationState state = await _harness.StateAsync("a");
        Assert.Null(state.FailureDetails);
        Assert.NotEqual(OrchestrationStatus.Suspended, state.OrchestrationStatus);
        WorkItem again = await EngineHarness.NextAsync(await _harness.ConnectAsync());
        Assert.Equal("a", again.OrchestratorRequest.InstanceId);
        // What failed did not reach the file either.
        Assert.Null(await _harness.StateAsync("lost"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stop_WorkerHasABatchOfAnEntity_IsOfferedAgainByTheNextEngine(bool fails)
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await _harness.Engine.Entities.SignalAsync(
            EngineHarness.Hub, new() { InstanceId = "@counter@a", Name = "add", RequestId = "1" });
        await EngineHarness.NextAsync(worker);

        await StopAsync(fails, worker);

        WorkItem again = await EngineHarness.NextAsync(await _harness.ConnectAsync());
        Assert.Equal("@counter@a", again.EntityRequestV2.InstanceId);
        Assert.Single(again.EntityRequestV2.OperationRequests);
    }

    private async Task StopAsync(bool fails, WorkerSession worker)
    {
        if (fails)
        {
            _fails = true;
            await Assert.ThrowsAsync<RpcException>(() => _harness.Engine.StartAsync(
                EngineHarness.Hub, new() { InstanceId = "lost", Name = "test" }));
            // The call that fails may be answered a moment before the engine says so.
            Assert.True(SpinWait.SpinUntil(() => _harness.Engine.Fault is not null, TimeSpan.FromMinutes(1)));
        }
        else
        {
            _harness.Engine.BeginStop();
        }

        // As the server does when the worker's stream has ended.
        _harness.Engine.Work.Disconnect(worker);
        await _harness.RestartAsync();
    }
}
