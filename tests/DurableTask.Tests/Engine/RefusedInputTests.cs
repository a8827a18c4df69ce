using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>What makes no sense is refused: it changes nothing, and the engine goes on for everybody else.</summary>
public sealed class RefusedInputTests : IAsyncDisposable
{
    private static readonly Timestamp Nonsense = new() { Seconds = long.MaxValue, Nanos = -1 };

    private readonly EngineHarness _harness = new(options => options.MaxDispatches = 5);

    private TaskHubEngine Engine => _harness.Engine;

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Theory]
    [InlineData("custom status")]
    [InlineData("event 'large'")]
    [InlineData("output")]
    public async Task Result_NobodyCouldReadAgain_FailsTheOrchestrationWithWords(string what)
    {
        string large = new('x', 4_200_000);
        WorkerSession worker = await _harness.ConnectAsync();
        await Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "test" });
        WorkItem item = await EngineHarness.NextAsync(worker);
        var end = new OrchestratorAction
        {
            CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.Completed, Result = large },
        };
        var send = new OrchestratorAction
        {
            SendEvent = new() { Instance = new() { InstanceId = "b" }, Name = "large", Data = large },
        };

        OrchestratorAction[] actions = what == "output" ? [end] : what == "custom status" ? [] : [send];

        await Engine.Work.CompleteEpisodeAsync(EngineHarness.Hub, new()
        {
            InstanceId = "a",
            CompletionToken = item.CompletionToken,
            CustomStatus = what == "custom status" ? large : "small",
            Actions = { actions },
        });
        OrchestrationState state = (await Engine.GetAsync(
            EngineHarness.Hub, new() { InstanceId = "a", GetInputsAndOutputs = true })).OrchestrationState;

        Assert.Equal(OrchestrationStatus.Failed, state.OrchestrationStatus);
        Assert.StartsWith(
            $"The orchestrator's {what} is larger than 3900000 bytes.", state.FailureDetails.ErrorMessage,
            StringComparison.Ordinal);
        Assert.Null(state.CustomStatus);
    }

    [Fact]
    public async Task Times_OutsideTheCalendar_AreRefusedInEveryCall()
    {
        const string Hub = EngineHarness.Hub;
        Func<Task>[] calls =
        [
            () => Engine.StartAsync(Hub, new() { InstanceId = "a", Name = "test", ScheduledStartTimestamp = Nonsense }),
            () => Engine.Entities.SignalAsync(
                Hub, new() { InstanceId = "@e@1", Name = "op", ScheduledTime = Nonsense }),
            () => Engine.Lists.QueryAsync(Hub, new() { CreatedTimeFrom = Nonsense }),
            () => Engine.Lists.ListIdsAsync(Hub, new() { CompletedTimeTo = Nonsense }),
            () => Engine.Lists.PurgeAsync(Hub, new() { PurgeInstanceFilter = new() { CreatedTimeTo = Nonsense } }),
        ];

        foreach (Func<Task> call in calls)
        {
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(call);
            Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        }

        Assert.Equal("b", await Engine.StartAsync(Hub, new() { InstanceId = "b", Name = "test" }));
        Assert.Null(Engine.Fault);
    }

    [Fact]
    public async Task Actions_ThatMakeNoSense_AreRefusedAndTheEpisodeComesAgain()
    {
        OrchestratorAction[] senseless =
        [
            new() { CreateTimer = new() { FireAt = Nonsense } },
            new() { CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.Running } },
            new()
            {
                SendEntityMessage = new()
                {
                    EntityOperationSignaled = new() { TargetInstanceId = "@e@1", ScheduledTime = Nonsense },
                },
            },
            new()
            {
                RewindOrchestration = new()
                {
                    NewHistory =
                    {
                        new HistoryEvent { ExecutionStarted = new() { Name = "test" } },
                        new HistoryEvent { TimerCreated = new() { FireAt = Nonsense } },
                    },
                },
            },
        ];
        WorkerSession worker = await _harness.ConnectAsync();
        await Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "test" });

        foreach (OrchestratorAction action in senseless)
        {
            WorkItem item = await NextAfterDelayAsync(worker);
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => _harness.CompleteAsync(item, action));
            Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        }

        await _harness.CompleteAsync(await NextAfterDelayAsync(worker), Finish());
        Assert.Equal(OrchestrationStatus.Completed, (await _harness.StateAsync("a")).OrchestrationStatus);
    }

    [Fact]
    public async Task Token_OfTheOtherKind_IsRefusedAndKeepsItsItem()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "test" });
        WorkItem episode = await EngineHarness.NextAsync(worker);
        RpcException first = await Assert.ThrowsAsync<RpcException>(() => Engine.Work.CompleteActivityAsync(
            EngineHarness.Hub, new() { InstanceId = "a", CompletionToken = episode.CompletionToken }));
        await _harness.CompleteAsync(episode, new OrchestratorAction { ScheduleTask = new() { Name = "work" } });
        WorkItem activity = await EngineHarness.NextAsync(worker);
        RpcException second = await Assert.ThrowsAsync<RpcException>(() => Engine.Work.CompleteEpisodeAsync(
            EngineHarness.Hub, new() { InstanceId = "a", CompletionToken = activity.CompletionToken }));

        await Engine.Work.CompleteActivityAsync(
            EngineHarness.Hub, new() { InstanceId = "a", CompletionToken = activity.CompletionToken });
        WorkItem next = await EngineHarness.NextAsync(worker);

        Assert.Equal(StatusCode.InvalidArgument, first.StatusCode);
        Assert.Equal(StatusCode.InvalidArgument, second.StatusCode);
        Assert.Single(next.OrchestratorRequest.NewEvents, message => message.TaskCompleted is not null);
    }

    [Fact]
    public async Task EntityResult_WithATimeOutsideTheCalendar_IsRefusedAndChangesNothing()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await Engine.Entities.SignalAsync(EngineHarness.Hub, new() { InstanceId = "@e@1", Name = "op" });
        WorkItem batch = await EngineHarness.NextAsync(worker);

        RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => Engine.Entities.CompleteAsync(
            EngineHarness.Hub,
            new()
            {
                CompletionToken = batch.CompletionToken,
                EntityState = "1",
                Results = { new OperationResult { Success = new() } },
                Actions = { new OperationAction { SendSignal = new() { ScheduledTime = Nonsense } } },
            }));
        await _harness.CompleteEntityAsync(batch, "2", new OperationResult { Success = new() });

        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        GetEntityResponse entity = await Engine.Entities.GetAsync(
            EngineHarness.Hub, new() { InstanceId = "@e@1", IncludeState = true });
        Assert.Equal("2", entity.Entity.SerializedState);
    }

    [Fact]
    public async Task Part_SentTwice_IsAppliedOnce()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "test" });
        WorkItem item = await EngineHarness.NextAsync(worker);
        for (int attempt = 0; attempt < 2; attempt++)
        {
            await Engine.Work.CompleteEpisodeAsync(EngineHarness.Hub, new()
            {
                InstanceId = "a",
                CompletionToken = item.CompletionToken,
                IsPartial = true,
                ChunkIndex = 0,
                Actions = { new OrchestratorAction { Id = 0, SendEvent = Tick() } },
            });
        }

        await _harness.CompleteAsync(item);

        WorkItem next = await EngineHarness.NextAsync(worker);
        Assert.Single(next.OrchestratorRequest.NewEvents, message => message.EventRaised is not null);

        static SendEventAction Tick() => new() { Instance = new() { InstanceId = "a" }, Name = "tick" };
    }

    [Fact]
    public async Task Poison_EventsBetween_DoNotStartItsCountAnew()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await Engine.StartAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "test" });

        for (int attempt = 0; attempt < 5; attempt++)
        {
            WorkItem item = await EngineHarness.NextAsync(worker);
            await Engine.Work.AbandonAsync(EngineHarness.Hub, item.CompletionToken);
            await Engine.RaiseAsync(EngineHarness.Hub, new() { InstanceId = "a", Name = "tick" });
        }

        OrchestrationState state = await _harness.StateAsync("a");
        Assert.Equal(OrchestrationStatus.Suspended, state.OrchestrationStatus);
        Assert.Equal("PoisonWorkItem", state.FailureDetails.ErrorType);
    }

    private async Task<WorkItem> NextAfterDelayAsync(WorkerSession worker)
    {
        await _harness.SettleAsync();
        _harness.Time.Advance(TimeSpan.FromMinutes(1));
        return await EngineHarness.NextAsync(worker);
    }

    private static OrchestratorAction Finish() => new()
    {
        CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.Completed },
    };
}
