using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>Rules of the protocol that need no network, one by one.</summary>
public sealed class ProtocolRuleTests : IAsyncDisposable
{
    private const string Hub = EngineHarness.Hub;

    private readonly EngineHarness _harness = new(options => options.DefaultConcurrency = 3);

    private TaskHubEngine Engine => _harness.Engine;

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task Limits_NoneAnnounced_AreTheDefaultForEachKind()
    {
        WorkerSession worker = await Engine.Work.ConnectAsync(Hub, new());
        await StartAsync("a");
        await _harness.CompleteAsync(
            await EngineHarness.NextAsync(worker),
            [.. Enumerable.Range(0, 5).Select(id => new OrchestratorAction
            {
                Id = id,
                ScheduleTask = new() { Name = "work" },
            })]);
        await _harness.SettleAsync();

        Assert.Equal(3, Drain(worker).Count(item => item.ActivityRequest is not null));
    }

    [Fact]
    public async Task Filters_PresentAndEmpty_MeanEverything()
    {
        WorkerSession worker = await Engine.Work.ConnectAsync(Hub, new() { WorkItemFilters = new() });
        await StartAsync("a");
        await Engine.Entities.SignalAsync(Hub, new() { InstanceId = "@e@1", Name = "op" });
        await _harness.SettleAsync();

        Assert.Equal(2, Drain(worker).Count);
    }

    [Fact]
    public async Task Filters_OneKindNamed_MeansNothingOfTheOthers()
    {
        WorkerSession worker = await Engine.Work.ConnectAsync(Hub, new()
        {
            WorkItemFilters = new() { Activities = { new ActivityFilter { Name = "work" } } },
        });
        await StartAsync("a");
        await Engine.Entities.SignalAsync(Hub, new() { InstanceId = "@e@1", Name = "op" });
        await _harness.SettleAsync();

        Assert.Empty(Drain(worker));
    }

    [Fact]
    public async Task Lease_OfASilentWorker_EndsAndItsTokenWithIt()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("a");
        await Engine.Entities.SignalAsync(Hub, new() { InstanceId = "@e@1", Name = "op" });
        WorkItem episode = await EngineHarness.NextAsync(worker);
        WorkItem batch = await EngineHarness.NextAsync(worker);

        // It is looked at every half lease.
        for (int look = 0; look < 3; look++)
        {
            _harness.Time.Advance(TimeSpan.FromMinutes(2.5));
            await _harness.SettleAsync();
        }

        Assert.Equal(StatusCode.NotFound, await CodeAsync(_harness.CompleteAsync(episode)));
        Assert.Equal(StatusCode.NotFound, await CodeAsync(_harness.CompleteEntityAsync(batch, "1", Success())));
        Assert.Equal(2, Drain(worker).Count);
    }

    [Fact]
    public async Task RefusedEpisode_IsOfferedAtOnceToAWorkerThatConnects()
    {
        WorkerSession refusing = await _harness.ConnectAsync();
        await StartAsync("a");
        Assert.True(await Engine.Work.AbandonAsync(Hub, (await EngineHarness.NextAsync(refusing)).CompletionToken));
        await _harness.SettleAsync();
        Assert.Empty(Drain(refusing));

        WorkerSession willing = await _harness.ConnectAsync();

        // The refusing worker's next turn is later than now, and no time passes here.
        Assert.Equal("a", (await EngineHarness.NextAsync(willing)).OrchestratorRequest.InstanceId);
        Assert.Empty(Drain(refusing));
    }

    [Fact]
    public async Task RefusedEpisode_WithoutAnotherWorker_ComesAgainLaterEachTime()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("a");
        foreach (int milliseconds in (int[])[200, 400, 800])
        {
            await Engine.Work.AbandonAsync(Hub, (await EngineHarness.NextAsync(worker)).CompletionToken);
            _harness.Time.Advance(TimeSpan.FromMilliseconds(milliseconds - 1));
            await _harness.SettleAsync();
            Assert.Empty(Drain(worker));
            // The engine's clock wakes it a millisecond late.
            _harness.Time.Advance(TimeSpan.FromMilliseconds(2));
        }

        Assert.Equal("a", (await EngineHarness.NextAsync(worker)).OrchestratorRequest.InstanceId);
    }

    [Fact]
    public async Task Activity_OfAConnectedWorker_HasNoLease()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("a");
        await _harness.CompleteAsync(
            await EngineHarness.NextAsync(worker), new OrchestratorAction { ScheduleTask = new() { Name = "work" } });
        WorkItem activity = await EngineHarness.NextAsync(worker);

        _harness.Time.Advance(TimeSpan.FromDays(1));
        await _harness.SettleAsync();
        await Engine.Work.CompleteActivityAsync(Hub, new() { CompletionToken = activity.CompletionToken });

        WorkItem next = await EngineHarness.NextAsync(worker);
        Assert.NotNull(next.OrchestratorRequest.NewEvents[^1].TaskCompleted);
    }

    [Theory]
    [InlineData(4_000_000, 1)]
    [InlineData(1, 4_000_000)]
    public async Task Activity_PayloadAboveTheLimit_FailsTheActivity(int inputLength, int resultLength)
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("a");
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), new OrchestratorAction
        {
            ScheduleTask = new() { Name = "work", Input = new string('i', inputLength) },
        });
        WorkItem item = await EngineHarness.NextAsync(worker);
        if (item.ActivityRequest is not null)
        {
            await Engine.Work.CompleteActivityAsync(
                Hub, new() { CompletionToken = item.CompletionToken, Result = new string('r', resultLength) });
            item = await EngineHarness.NextAsync(worker);
        }

        TaskFailedEvent failed = item.OrchestratorRequest.NewEvents[^1].TaskFailed;

        Assert.Equal("PayloadTooLarge", failed.FailureDetails.ErrorType);
    }

    [Fact]
    public async Task Token_OfAnEarlierProcess_IsRefused()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("a");
        WorkItem item = await EngineHarness.NextAsync(worker);

        await _harness.RestartAsync();

        Assert.Equal(StatusCode.NotFound, await CodeAsync(_harness.CompleteAsync(item)));
        Assert.NotNull((await EngineHarness.NextAsync(await _harness.ConnectAsync())).OrchestratorRequest);
    }

    [Fact]
    public async Task Parts_OfALostConnection_AreForgotten()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("a");
        WorkItem item = await EngineHarness.NextAsync(worker);
        await Engine.Work.CompleteEpisodeAsync(Hub, new()
        {
            InstanceId = "a",
            CompletionToken = item.CompletionToken,
            IsPartial = true,
            ChunkIndex = 0,
            Actions = { new OrchestratorAction { ScheduleTask = new() { Name = "work" } } },
        });

        Engine.Work.Disconnect(worker);
        WorkerSession other = await _harness.ConnectAsync();
        await _harness.CompleteAsync(await EngineHarness.NextAsync(other));
        await _harness.SettleAsync();

        Assert.Empty(Drain(other));
    }

    [Fact]
    public async Task Timer_InThePast_FiresAtOnceWithItsTime()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("a");
        Timestamp past = Timestamp.FromDateTimeOffset(_harness.Time.GetUtcNow().AddHours(-1));
        await _harness.CompleteAsync(
            await EngineHarness.NextAsync(worker),
            new OrchestratorAction { Id = 4, CreateTimer = new() { FireAt = past } });

        TimerFiredEvent fired = (await EngineHarness.NextAsync(worker)).OrchestratorRequest.NewEvents[^1].TimerFired;

        Assert.Equal((4, past), (fired.TimerId, fired.FireAt));
    }

    [Fact]
    public async Task CustomStatus_AbsentKeepsIt_AlsoInTheNextGenerationAndEmptyTakesItBack()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("a");
        await ReportAsync(await EngineHarness.NextAsync(worker), "\"busy\"", ContinueAsNew());
        await ReportAsync(await EngineHarness.NextAsync(worker), null);
        string? kept = (await _harness.StateAsync("a")).CustomStatus;
        await Engine.RaiseAsync(Hub, new() { InstanceId = "a", Name = "go" });
        await ReportAsync(await EngineHarness.NextAsync(worker), string.Empty);

        Assert.Equal("\"busy\"", kept);
        Assert.Null((await _harness.StateAsync("a")).CustomStatus);
    }

    [Fact]
    public async Task Child_ThatContinuesAsNew_StillReportsToItsParent()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("parent");
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Child(7));
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), ContinueAsNew());
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Finish("done"));

        SubOrchestrationInstanceCompletedEvent end = (await EngineHarness.NextAsync(worker))
            .OrchestratorRequest.NewEvents[^1].SubOrchestrationInstanceCompleted;

        Assert.Equal((7, "done"), (end.TaskScheduledId, end.Result));
    }

    [Fact]
    public async Task Child_FireAndForget_TellsItsParentNothing()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("parent");
        OrchestratorAction child = Child(0);
        child.CreateSubOrchestration.Tags.Add("FireAndForget", "true");
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), child);
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Finish("done"));
        await _harness.SettleAsync();

        Assert.Empty(Drain(worker));
        Assert.Equal(OrchestrationStatus.Completed, (await _harness.StateAsync("child")).OrchestrationStatus);
    }

    [Fact]
    public async Task TerminateAction_OfAnotherOrchestration_ReachesIt()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("victim");
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker));
        await StartAsync("a");
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), new OrchestratorAction
        {
            TerminateOrchestration = new() { InstanceId = "victim", Reason = "over" },
        });

        WorkItem item = await EngineHarness.NextAsync(worker);

        Assert.Equal("victim", item.OrchestratorRequest.InstanceId);
        Assert.Equal("over", item.OrchestratorRequest.NewEvents[^1].ExecutionTerminated.Input);
    }

    [Fact]
    public async Task Start_AtATimeThatIsOver_IsAStartNow()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await Engine.StartAsync(
            Hub, new() { InstanceId = "a", Name = "test", ScheduledStartTimestamp = new() { Seconds = 0 } });

        Assert.Equal("a", (await EngineHarness.NextAsync(worker)).OrchestratorRequest.InstanceId);
        Assert.Null((await _harness.StateAsync("a")).ScheduledStartTimestamp);
    }

    [Fact]
    public async Task Calls_ThatCannotBe_AreAnsweredWithTheirCodes()
    {
        await StartAsync("running");

        Assert.Equal(StatusCode.InvalidArgument, await CodeAsync(StartAsync("@e@1")));
        Assert.Equal(StatusCode.InvalidArgument, await CodeAsync(Engine.StartAsync(Hub, new() { InstanceId = "b" })));
        Assert.Equal(StatusCode.AlreadyExists, await CodeAsync(StartAsync("running")));
        Assert.Equal(StatusCode.InvalidArgument, await CodeAsync(Engine.RaiseAsync(
            Hub, new() { InstanceId = "running", Name = "go", Input = new string('x', 3_900_001) })));
        Assert.Equal(StatusCode.NotFound, await CodeAsync(Engine.RestartAsync(Hub, new() { InstanceId = "no" })));
        Assert.Equal(
            StatusCode.FailedPrecondition, await CodeAsync(Engine.RestartAsync(Hub, new() { InstanceId = "running" })));
        Assert.Equal(StatusCode.NotFound, await CodeAsync(Engine.RewindAsync(Hub, new() { InstanceId = "no" })));
        Assert.Equal(
            StatusCode.FailedPrecondition, await CodeAsync(Engine.RewindAsync(Hub, new() { InstanceId = "running" })));
        Assert.Equal(
            StatusCode.FailedPrecondition,
            await CodeAsync(Engine.Lists.PurgeAsync(Hub, new() { InstanceId = "running" })));
        Assert.Equal(StatusCode.InvalidArgument, await CodeAsync(Engine.Lists.PurgeAsync(Hub, new())));
        Assert.Equal(StatusCode.InvalidArgument, await CodeAsync(Engine.Lists.PurgeAsync(Hub, new()
        {
            InstanceBatch = new() { InstanceIds = { Enumerable.Range(0, 501).Select(id => $"{id}") } },
        })));
        Assert.Equal(StatusCode.InvalidArgument, await CodeAsync(Engine.Entities.SignalAsync(
            Hub, new() { InstanceId = "@e@" + new string('k', 98), Name = "op" })));
        Assert.Equal(StatusCode.NotFound, await CodeAsync(Engine.WaitAsync(
            Hub, new() { InstanceId = "no" }, forCompletion: true, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task Calls_ToUnknownOrchestrations_AreTakenAndDropped()
    {
        await Engine.RaiseAsync(Hub, new() { InstanceId = "no", Name = "go" });
        await Engine.TerminateAsync(Hub, new() { InstanceId = "no" });
        await Engine.SuspendAsync(Hub, new() { InstanceId = "no" });
        await Engine.ResumeAsync(Hub, new() { InstanceId = "no" });
        PurgeInstancesResponse purged = await Engine.Lists.PurgeAsync(Hub, new() { InstanceId = "no" });

        Assert.Equal(0, purged.DeletedInstanceCount);
        Assert.False((await Engine.GetAsync(Hub, new() { InstanceId = "no" })).Exists);
    }

    [Fact]
    public async Task Pages_TheLastOne_HasNoToken()
    {
        await StartAsync("a");
        await Engine.Entities.SignalAsync(Hub, new() { InstanceId = "@e@1", Name = "op" });

        Assert.Null((await Engine.Lists.QueryAsync(Hub, new())).ContinuationToken);
        Assert.Null(
            (await Engine.Lists.ListIdsAsync(Hub, new() { LastInstanceKey = string.Empty })).LastInstanceKey);
        Assert.Null((await Engine.Entities.QueryAsync(Hub, new() { IncludeTransient = true })).ContinuationToken);
        Assert.Null((await Engine.Entities.CleanAsync(Hub, new())).ContinuationToken);
    }

    [Fact]
    public async Task EntityAnswer_ForAnExecutionThatIsOver_IsDroppedAndTheOperationRuns()
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await StartAsync("a");
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), new OrchestratorAction
        {
            SendEntityMessage = new()
            {
                EntityOperationCalled = new()
                {
                    RequestId = "7d3f8a52-0b1c-4a57-9b0e-5a8a4a4e1b11",
                    TargetInstanceId = "@e@1",
                    Operation = "add",
                },
            },
        });
        WorkItem batch = await EngineHarness.NextAsync(worker);
        await Engine.RaiseAsync(Hub, new() { InstanceId = "a", Name = "go" });
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), ContinueAsNew());
        WorkItem next = await EngineHarness.NextAsync(worker);

        await _harness.CompleteEntityAsync(batch, "1", new OperationResult { Success = new() { Result = "5" } });
        await _harness.CompleteAsync(next);
        await _harness.SettleAsync();

        Assert.Empty(Drain(worker));
        Assert.Equal("1", (await Engine.Entities.GetAsync(
            Hub, new() { InstanceId = "@e@1", IncludeState = true })).Entity.SerializedState);
    }

    [Fact]
    public async Task Entity_WithoutState_DoesNotExistForClients()
    {
        await Engine.Entities.SignalAsync(Hub, new() { InstanceId = "@E@Key", Name = "op" });

        Assert.False((await Engine.Entities.GetAsync(Hub, new() { InstanceId = "@e@Key" })).Exists);
        Assert.Empty((await Engine.Entities.QueryAsync(Hub, new())).Entities);
        EntityMetadata entity = Assert.Single((await Engine.Entities.QueryAsync(
            Hub, new() { IncludeTransient = true })).Entities);
        Assert.Equal(("@e@Key", 1), (entity.InstanceId, entity.BacklogQueueSize));
        Assert.NotNull(entity.LastModifiedTime);
        Assert.Empty((await Engine.Lists.QueryAsync(Hub, new())).OrchestrationState);
    }

    private Task<string> StartAsync(string id) => Engine.StartAsync(Hub, new() { InstanceId = id, Name = "test" });

    private Task<CompleteTaskResponse> ReportAsync(
        WorkItem item, string? status, params OrchestratorAction[] actions) =>
        Engine.Work.CompleteEpisodeAsync(Hub, new()
        {
            InstanceId = item.OrchestratorRequest.InstanceId,
            CompletionToken = item.CompletionToken,
            CustomStatus = status,
            Actions = { actions },
        });

    private static List<WorkItem> Drain(WorkerSession worker)
    {
        var items = new List<WorkItem>();
        while (worker.TryTake(out WorkItem? item))
        {
            items.Add(item);
        }

        return items;
    }

    private static async Task<StatusCode> CodeAsync(Task call) =>
        (await Assert.ThrowsAsync<RpcException>(() => call)).StatusCode;

    private static OperationResult Success() => new() { Success = new() };

    private static OrchestratorAction Child(int id) => new()
    {
        Id = id,
        CreateSubOrchestration = new() { Name = "test", InstanceId = "child" },
    };

    private static OrchestratorAction ContinueAsNew() => new()
    {
        CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.ContinuedAsNew },
    };

    private static OrchestratorAction Finish(string result) => new()
    {
        CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.Completed, Result = result },
    };
}
