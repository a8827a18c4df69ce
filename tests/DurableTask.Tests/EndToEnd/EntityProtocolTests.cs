using Grpc.Core;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>What the sidecar sends and accepts of entities, seen by a worker that is written out by hand.</summary>
public sealed class EntityProtocolTests : HandWorkerTest
{
    private const string Entity = "@counter@a";
    private const string RequestId = "7d3f8a52-0b1c-4a57-9b0e-5a8a4a4e1b11";

    [Fact]
    public async Task Signals_ComeInOrderWithTheStateBefore()
    {
        await SignalAsync("1");
        await SignalAsync("2", "@Counter@a");
        using var worker = Connect();

        WorkItem item = await NextAsync(worker);

        EntityRequest request = item.EntityRequestV2;
        Assert.Equal(Entity, request.InstanceId);
        Assert.Null(request.EntityState);
        Assert.Equal(["1", "2"], request.OperationRequests.Select(one => one.EntityOperationSignaled.Input));
        Assert.All(request.OperationRequests, one => Assert.NotNull(one.Timestamp));
        await CompleteAsync(item, "\"state\"", Success(), Success());
        await SignalAsync("3");
        Assert.Equal("\"state\"", (await NextAsync(worker)).EntityRequestV2.EntityState);
    }

    [Fact]
    public async Task Batch_WhileItRuns_HoldsLaterOperationsBack()
    {
        using var worker = Connect();
        await SignalAsync("1");
        WorkItem first = await NextAsync(worker);
        await SignalAsync("2");
        EntityMetadata entity = Assert.Single((await Engine.QueryEntitiesAsync(
            new() { Query = new() { IncludeTransient = true } }, cancellationToken: Soon)).Entities);
        Assert.Equal(2, entity.BacklogQueueSize);
        // Were the second operation handed out, it would come before that of another entity.
        await SignalAsync("3", "@counter@b");
        Assert.Equal("@counter@b", (await NextAsync(worker)).EntityRequestV2.InstanceId);

        await CompleteAsync(first, "1", Success());

        WorkItem next = await NextAsync(worker);
        Assert.Equal("2", Assert.Single(next.EntityRequestV2.OperationRequests).EntityOperationSignaled.Input);
    }

    [Fact]
    public async Task Batch_OfALostConnection_ComesAgainAndItsOldTokenIsRefused()
    {
        await SignalAsync("1");
        WorkItem lost;
        using (var worker = Connect())
        {
            lost = await NextAsync(worker);
        }

        using var other = Connect();
        WorkItem again = await NextAsync(other);
        RpcException late = await Assert.ThrowsAsync<RpcException>(() => CompleteAsync(lost, "wrong", Success()));
        await CompleteAsync(again, "right", Success());

        Assert.Equal(StatusCode.NotFound, late.StatusCode);
        Assert.Equal("right", await StateAsync());
    }

    [Fact]
    public async Task Batch_FrameworkFailure_ChangesNothingAndIsTriedAgain()
    {
        using var worker = Connect();
        await SignalAsync("1");
        await CompleteAsync(await NextAsync(worker), "kept", Success());
        await SignalAsync("2");
        WorkItem item = await NextAsync(worker);
        await Engine.CompleteEntityTaskAsync(
            new() { CompletionToken = item.CompletionToken, FailureDetails = new() { ErrorMessage = "broken" } },
            cancellationToken: Soon);

        Assert.Equal("kept", await StateAsync());
        WorkItem again = await NextAsync(worker);
        Assert.Equal("kept", again.EntityRequestV2.EntityState);
        Assert.Equal("2", Assert.Single(again.EntityRequestV2.OperationRequests).EntityOperationSignaled.Input);
    }

    [Fact]
    public async Task Batch_FewerResultsThanOperations_RunsTheRestAgain()
    {
        using var worker = Connect();
        await SignalAsync("0");
        WorkItem running = await NextAsync(worker);
        await SignalAsync("1");
        await SignalAsync("2");
        await CompleteAsync(running, "s", Success());
        WorkItem both = await NextAsync(worker);
        Assert.Equal(2, both.EntityRequestV2.OperationRequests.Count);

        await CompleteAsync(both, "t", Success());

        WorkItem rest = await NextAsync(worker);
        Assert.Equal("2", Assert.Single(rest.EntityRequestV2.OperationRequests).EntityOperationSignaled.Input);
    }

    [Fact]
    public async Task AbsentState_DeletesTheEntityAndLeavesNothing()
    {
        using var worker = Connect();
        await SignalAsync("1");
        await CompleteAsync(await NextAsync(worker), "x", Success());
        await SignalAsync("2");

        await CompleteAsync(await NextAsync(worker), null, Success());

        Assert.Null(await StateAsync());
        Assert.Empty((await Engine.QueryEntitiesAsync(
            new() { Query = new() { IncludeTransient = true } }, cancellationToken: Soon)).Entities);
    }

    [Fact]
    public async Task ClassicCall_IsAnsweredWithAnEvent()
    {
        using var worker = Connect();
        await StartAsync("caller");
        await CompleteAsync(await NextAsync(worker), new OrchestratorAction
        {
            SendEvent = new()
            {
                Instance = new() { InstanceId = Entity },
                Name = "op",
                Data = $$"""{"op":"get","id":"{{RequestId}}","parent":"caller"}""",
            },
        });
        WorkItem batch = await NextAsync(worker);
        EntityOperationCalledEvent call = batch.EntityRequestV2.OperationRequests.Single().EntityOperationCalled;
        Assert.Equal("caller", call.ParentInstanceId);

        await CompleteAsync(batch, "1", new OperationResult { Success = new() { Result = "5" } });

        WorkItem episode = await NextAsync(worker);
        EventRaisedEvent answer = episode.OrchestratorRequest.NewEvents[^1].EventRaised;
        Assert.Equal(RequestId, answer.Name);
        Assert.Equal("""{"result":"5"}""", answer.Input);
    }

    [Fact]
    public async Task Unlock_WhileStillWaiting_TakesTheRequestBack()
    {
        using var worker = Connect();
        await StartAsync("holder");
        await CompleteAsync(await NextAsync(worker), Lock("h", "@a@1"));
        Assert.Equal("h", (await NextAsync(worker)).OrchestratorRequest.NewEvents[^1].EntityLockGranted
            .CriticalSectionId);
        await StartAsync("waiter");
        WorkItem waiting = await NextAsync(worker);
        await CompleteAsync(waiting, Lock("w", "@a@1", "@a@2"), Unlock("w", "@a@1"));

        await StartAsync("next");
        await CompleteAsync(await NextAsync(worker), Lock("n", "@a@2"));

        Assert.Equal("n", (await NextAsync(worker)).OrchestratorRequest.NewEvents[^1].EntityLockGranted
            .CriticalSectionId);
    }

    [Fact]
    public async Task Filters_EntitiesGoWhereTheyAreNamed()
    {
        await SignalAsync("1");
        using var other = Connect(request => request.WorkItemFilters = new()
        {
            Orchestrations = { new OrchestrationFilter { Name = "test" } },
        });
        await other.ResponseHeadersAsync;
        using var right = Connect(request => request.WorkItemFilters = new()
        {
            Entities = { new EntityFilter { Name = "Counter" } },
        });

        Assert.NotNull((await NextAsync(right)).EntityRequestV2);
        await StartAsync("one");
        Assert.Equal("one", (await NextAsync(other)).OrchestratorRequest?.InstanceId);
    }

    [Fact]
    public async Task Batch_HandedBackByOneWorker_GoesToTheOther()
    {
        using var refuser = Connect();
        await SignalAsync("1", "@counter@a");
        WorkItem refused = await NextAsync(refuser);
        using var other = Connect();

        await Engine.AbandonTaskEntityWorkItemAsync(
            new() { CompletionToken = refused.CompletionToken }, cancellationToken: Soon);
        WorkItem item = await NextAsync(other);
        await CompleteAsync(item, "1", Success());

        Assert.Equal("@counter@a", item.EntityRequestV2.InstanceId);
        Assert.Equal("1", await StateAsync("@counter@a"));
    }

    [Theory]
    [InlineData("no-entity")]
    [InlineData("@@key")]
    public async Task Signal_IdThatIsNone_IsRefused(string id)
    {
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => SignalAsync("1", id));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
    }

    [Fact]
    public async Task Purge_OfAnEntity_RemovesIt()
    {
        using var worker = Connect();
        await SignalAsync("1");
        await CompleteAsync(await NextAsync(worker), "x", Success());

        PurgeInstancesResponse purged = await Engine.PurgeInstancesAsync(
            new() { InstanceId = Entity }, cancellationToken: Soon);

        Assert.Equal(1, purged.DeletedInstanceCount);
        Assert.Null(await StateAsync());
    }

    private static OperationResult Success() => new() { Success = new() };

    private static OrchestratorAction Lock(string section, params string[] entities) => new()
    {
        SendEntityMessage = new()
        {
            EntityLockRequested = new() { CriticalSectionId = section, LockSet = { entities } },
        },
    };

    private static OrchestratorAction Unlock(string section, string entity) => new()
    {
        Id = 1,
        SendEntityMessage = new()
        {
            EntityUnlockSent = new() { CriticalSectionId = section, TargetInstanceId = entity },
        },
    };

    private async Task SignalAsync(string input, string id = Entity) => await Engine.SignalEntityAsync(
        new() { InstanceId = id, Name = "add", Input = input, RequestId = Guid.NewGuid().ToString() },
        cancellationToken: Soon);

    private async Task<string?> StateAsync(string id = Entity)
    {
        GetEntityResponse response = await Engine.GetEntityAsync(
            new() { InstanceId = id, IncludeState = true }, cancellationToken: Soon);
        return response.Exists ? response.Entity.SerializedState : null;
    }

    private async Task CompleteAsync(WorkItem item, string? state, params OperationResult[] results) =>
        await Engine.CompleteEntityTaskAsync(
            new() { CompletionToken = item.CompletionToken, EntityState = state, Results = { results } },
            cancellationToken: Soon);
}
