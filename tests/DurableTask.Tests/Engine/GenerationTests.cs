using Microsoft.DurableTask.Protobuf;
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
    public async Task ContinueAsNew_AnswerOfTheOlderEncodingNotYetSeen_IsNotCarriedOver()
    {
        const string RequestId = "7d3f8a52-0b1c-4a57-9b0e-5a8a4a4e1b11";
        WorkerSession worker = await _harness.ConnectAsync();
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "a", Name = "test" });
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), new OrchestratorAction
        {
            SendEvent = new()
            {
                Instance = new() { InstanceId = "@e@1" },
                Name = "op",
                Data = $$"""{"op":"get","id":"{{RequestId}}"}""",
            },
        });
        WorkItem batch = await EngineHarness.NextAsync(worker);
        await _harness.Engine.RaiseAsync(Hub, new() { InstanceId = "a", Name = "go" });
        WorkItem episode = await EngineHarness.NextAsync(worker);
        await _harness.CompleteEntityAsync(batch, "1", new OperationResult { Success = new() { Result = "5" } });
        await _harness.Engine.RaiseAsync(Hub, new() { InstanceId = "a", Name = RequestId[..^1] });

        await _harness.CompleteAsync(episode, ContinueAsNew());

        WorkItem next = await EngineHarness.NextAsync(worker);
        EventRaisedEvent kept = Assert.Single(
            next.OrchestratorRequest.NewEvents, item => item.EventRaised is not null).EventRaised;
        Assert.Equal(RequestId[..^1], kept.Name);
    }

    public static TheoryData<string, bool> Ends
    {
        get
        {
            var ends = new TheoryData<string, bool>();
            foreach (string end in (string[])
                ["Completed", "Failed", "Terminated", "Canceled", "ContinuedAsNew", "at once", "replaced"])
            {
                ends.Add(end, true);
                ends.Add(end, false);
            }

            return ends;
        }
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task Locks_EveryEndOfAnExecution_FreesWhatItHeldOrWaitedFor(string end, bool holds)
    {
        WorkerSession worker = await _harness.ConnectAsync();
        if (!holds)
        {
            // Somebody else has one of the two, so that it waits for both.
            await _harness.Engine.StartAsync(Hub, new() { InstanceId = "other", Name = "test" });
            await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Lock(0, "others", "@e@2"));
            await _harness.CompleteAsync(await EngineHarness.NextAsync(worker));
        }

        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "a", Name = "test" });
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Lock(0, "both", "@e@1", "@e@2"));
        if (!holds)
        {
            await _harness.Engine.RaiseAsync(Hub, new() { InstanceId = "a", Name = "go" });
        }

        WorkItem last = await EngineHarness.NextAsync(worker);
        Assert.Equal(holds, last.OrchestratorRequest.NewEvents[^1].EntityLockGranted is not null);
        await EndAsync(last, end);
        if (end is "ContinuedAsNew" or "replaced")
        {
            await _harness.CompleteAsync(await EngineHarness.NextAsync(worker));
        }

        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "next", Name = "test" });
        await _harness.CompleteAsync(
            await EngineHarness.NextAsync(worker), Lock(0, "next", holds ? ["@e@1", "@e@2"] : ["@e@1"]));

        WorkItem granted = await EngineHarness.NextAsync(worker);
        Assert.Equal("next", granted.OrchestratorRequest.NewEvents[^1].EntityLockGranted.CriticalSectionId);
    }

    private async Task EndAsync(WorkItem item, string end)
    {
        switch (end)
        {
            case "at once":
                await _harness.Engine.TerminateAtOnceAsync(Hub, ["a"], null);
                break;
            case "replaced":
                var policy = new OrchestrationIdReusePolicy();
                policy.ReplaceableStatus.AddRange(Enum.GetValues<OrchestrationStatus>());
                await _harness.Engine.StartAsync(
                    Hub, new() { InstanceId = "a", Name = "test", OrchestrationIdReusePolicy = policy });
                break;
            default:
                await _harness.CompleteAsync(item, new OrchestratorAction
                {
                    CompleteOrchestration = new() { OrchestrationStatus = Enum.Parse<OrchestrationStatus>(end) },
                });
                break;
        }
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

    private static OrchestratorAction Lock(int id, string section, params string[] entities)
    {
        var request = new EntityLockRequestedEvent { CriticalSectionId = section };
        request.LockSet.Add(entities.Length == 0 ? ["@e@1"] : entities);
        return new() { Id = id, SendEntityMessage = new() { EntityLockRequested = request } };
    }

    private static OrchestratorAction Unlock(int id, string section) => new()
    {
        Id = id,
        SendEntityMessage = new()
        {
            EntityUnlockSent = new() { CriticalSectionId = section, TargetInstanceId = "@e@1" },
        },
    };
}
