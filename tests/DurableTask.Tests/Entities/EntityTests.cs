using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Client.Entities;
using Microsoft.DurableTask.Entities;
using Microsoft.DurableTask.Worker;
using Workflows.DurableTask.Tests.EndToEnd;

namespace Workflows.DurableTask.Tests.Entities;

/// <summary>Entities written and used in C#, with messages in the encoding of plain gRPC workers.</summary>
public class EntityTests : EndToEndTest
{
    private static readonly EntityInstanceId One = new(nameof(Account), "One");
    private static readonly EntityInstanceId Two = new(nameof(Account), "Two");

    protected virtual void Configure(IDurableTaskWorkerBuilder worker) =>
        worker.Configure(options => options.EnableEntitySupport = true);

    [Fact]
    public async Task Signals_FromAClient_ChangeTheState()
    {
        DurableTaskClient client = await StartAsync();

        await client.Entities.SignalEntityAsync(One, "add", 3, cancellation: Soon);
        await client.Entities.SignalEntityAsync(One, "ADD", 4, cancellation: Soon);

        EntityMetadata<int> entity = await StateAsync(client, One, 7);
        Assert.Equal(One, entity.Id);
        Assert.Null(entity.LockedBy);
        Assert.Equal("7", (await client.Entities.GetEntityAsync(One, Soon))!.State.Value);
        Assert.Null(await client.Entities.GetEntityAsync(Two, Soon));
        Assert.False((await client.Entities.GetEntityAsync<int>(One, false, Soon))!.IncludesState);
    }

    [Fact]
    public async Task Calls_GiveResultsOfEveryKindOfMethod()
    {
        OrchestrationMetadata state = await OrchestrateAsync(async context =>
        [
            await context.Entities.CallEntityAsync<int>(One, "add", 1),
            await context.Entities.CallEntityAsync<int>(One, nameof(Account.AddSlowlyAsync), 2),
            await context.Entities.CallEntityAsync<int>(One, nameof(Account.AddSlowlyAsync)),
            await context.Entities.CallEntityAsync<int>(One, nameof(Account.GetLaterAsync)),
        ]);

        Assert.Equal([1, 3, 8, 8], state.ReadOutputAs<int[]>()!);
    }

    [Fact]
    public async Task FailedOperation_LeavesStateAndMessagesAsTheyWere()
    {
        DurableTaskClient client = await StartAsync(async context =>
        {
            await context.Entities.CallEntityAsync(One, "add", 5);
            try
            {
                await context.Entities.CallEntityAsync(One, "fail");
                return [];
            }
            catch (EntityOperationFailedException error)
            {
                Assert.Equal(One, error.EntityId);
                Assert.Equal("no money", error.FailureDetails.ErrorMessage);
                Assert.True(error.FailureDetails.IsCausedBy<InvalidOperationException>());
                return [await context.Entities.CallEntityAsync<int>(One, "get")];
            }
        });

        OrchestrationMetadata state = await RunAsync(client, "test");

        Assert.Equal([5], state.ReadOutputAs<int[]>()!);
        Assert.Null(await client.Entities.GetEntityAsync(new EntityInstanceId("account", "never"), Soon));
    }

    [Fact]
    public async Task FailedOperation_NotCaught_FailsTheOrchestrationWithItsCause()
    {
        OrchestrationMetadata state = await OrchestrateAsync(async context =>
            [await context.Entities.CallEntityAsync<int>(One, "fail")]);

        Assert.Equal(OrchestrationRuntimeStatus.Failed, state.RuntimeStatus);
        Assert.True(state.FailureDetails!.IsCausedBy<EntityOperationFailedException>());
        Assert.Contains("no money", state.FailureDetails.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownOperationAndEntity_FailTheCall()
    {
        OrchestrationMetadata state = await OrchestrateAsync(async context =>
        {
            EntityOperationFailedException noMethod = await Assert.ThrowsAsync<EntityOperationFailedException>(
                () => context.Entities.CallEntityAsync(One, "dance"));
            EntityOperationFailedException noEntity = await Assert.ThrowsAsync<EntityOperationFailedException>(
                () => context.Entities.CallEntityAsync(new EntityInstanceId("nobody", "x"), "get"));
            EntityOperationFailedException noInput = await Assert.ThrowsAsync<EntityOperationFailedException>(
                () => context.Entities.CallEntityAsync(One, "add"));
            Assert.True(noMethod.FailureDetails.IsCausedBy<NotSupportedException>());
            Assert.Equal("EntityTaskNotFound", noEntity.FailureDetails.ErrorType);
            Assert.Contains("amount'", noInput.FailureDetails.ErrorMessage, StringComparison.Ordinal);
            return [0];
        });

        Assert.Equal(OrchestrationRuntimeStatus.Completed, state.RuntimeStatus);
    }

    [Fact]
    public async Task Entity_SignalsOthersStartsOrchestrationsAndDeletesItself()
    {
        DurableTaskClient client = await StartAsync(async context =>
        {
            await context.Entities.SignalEntityAsync(One, "add", 6);
            await context.Entities.CallEntityAsync(One, "forward", "Two");
            await context.Entities.CallEntityAsync<string>(One, "start", "started");
            await context.Entities.CallEntityAsync(One, "DELETE");
            return [];
        });

        await RunAsync(client, "test");

        await StateAsync(client, Two, 6);
        OrchestrationMetadata started = await client.WaitForInstanceCompletionAsync("started", true, Soon);
        Assert.Equal(6, started.ReadOutputAs<int>());
        Assert.Equal("account", started.Tags["from"]);
        Assert.Null(await client.Entities.GetEntityAsync(One, Soon));
    }

    [Fact]
    public async Task Locks_HoldOthersOffAndShowTheirHolder()
    {
        DurableTaskClient client = await StartAsync(async context =>
        {
            await using (await context.Entities.LockEntitiesAsync(Two, One, Two))
            {
                Assert.True(context.Entities.InCriticalSection(out IReadOnlyList<EntityInstanceId>? free));
                Assert.Equal([One, Two], free);
                context.SetCustomStatus("inside");
                await context.WaitForExternalEvent<int>("go");
                await Assert.ThrowsAsync<InvalidOperationException>(
                    () => context.Entities.SignalEntityAsync(One, "add", 1));
                await Assert.ThrowsAsync<InvalidOperationException>(
                    () => context.Entities.LockEntitiesAsync(new EntityInstanceId("a", "b")));
                await Assert.ThrowsAsync<InvalidOperationException>(
                    () => context.Entities.CallEntityAsync(new EntityInstanceId("account", "3"), "get"));
                await Assert.ThrowsAsync<InvalidOperationException>(
                    () => context.CallSubOrchestratorAsync("report"));
                int seen = await context.Entities.CallEntityAsync<int>(One, "get");
                await context.Entities.CallEntityAsync(Two, "add", seen + 1);
            }

            return [context.Entities.InCriticalSection() ? 1 : 0];
        });
        string id = await client.ScheduleNewOrchestrationInstanceAsync("test", Soon);
        await WaitForAsync(client, id, state => state.SerializedCustomStatus == "\"inside\"");

        await client.Entities.SignalEntityAsync(One, "add", 100, cancellation: Soon);
        EntityMetadata locked = Assert.Single(
            await ListAsync(client.Entities.GetAllEntitiesAsync(new() { IncludeTransient = true })),
            entity => entity.Id == One);
        await client.RaiseEventAsync(id, "go", 0, Soon);
        OrchestrationMetadata state = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.Equal(id, locked.LockedBy);
        Assert.Equal(1, locked.BacklogQueueSize);
        Assert.Equal([0], state.ReadOutputAs<int[]>()!);
        await StateAsync(client, Two, 1);
        await StateAsync(client, One, 100);
        Assert.Null((await client.Entities.GetEntityAsync(One, Soon))!.LockedBy);
    }

    [Fact]
    public async Task Lock_NotReleasedByItsCode_EndsWithTheOrchestration()
    {
        DurableTaskClient client = await StartAsync(async context =>
        {
            await context.Entities.LockEntitiesAsync(One);
            throw new InvalidOperationException("inside");
        });

        await RunAsync(client, "test");
        await client.Entities.SignalEntityAsync(One, "add", 1, cancellation: Soon);

        Assert.Null((await StateAsync(client, One, 1)).LockedBy);
    }

    [Fact]
    public async Task ScheduledSignal_JoinsTheQueueWhenDue()
    {
        DateTimeOffset due = TimeProvider.System.GetUtcNow().AddSeconds(1);
        DurableTaskClient client = await StartAsync(async context =>
        {
            await context.Entities.SignalEntityAsync(One, "add", 100, due.AddHours(1));
            await context.Entities.SignalEntityAsync(Two, "add", 1, due);
            return [await context.Entities.CallEntityAsync<int>(One, "get")];
        });

        OrchestrationMetadata before = await RunAsync(client, "test");
        EntityMetadata<int> after = await StateAsync(client, Two, 1);

        Assert.Equal([0], before.ReadOutputAs<int[]>()!);
        Assert.True(after.LastModifiedTime >= due, $"due {due:O}, done {after.LastModifiedTime:O}");
    }

    [Fact]
    public async Task Lists_FilterByPrefixAndPage()
    {
        DurableTaskClient client = await StartAsync();
        foreach (string key in (string[])["a1", "a2", "a3", "b1"])
        {
            await client.Entities.SignalEntityAsync(new("account", key), "add", 1, cancellation: Soon);
            await StateAsync(client, new("account", key), 1);
        }

        var pages = new List<int>();
        var query = new EntityQuery { InstanceIdStartsWith = "ACCOUNT@a", PageSize = 2 };
        await foreach (Page<EntityMetadata<int>> page in client.Entities.GetAllEntitiesAsync<int>(query).AsPages())
        {
            pages.Add(page.Values.Sum(entity => entity.State));
        }

        Assert.Equal([2, 1], pages);
        Assert.Equal(default, await client.Entities.CleanEntityStorageAsync(cancellation: Soon));
    }

    private async Task<DurableTaskClient> StartAsync(Func<TaskOrchestrationContext, Task<int[]>>? test = null)
    {
        await Sidecar.AddWorkerAsync(
            tasks =>
            {
                tasks.AddEntity<Account>();
                tasks.AddOrchestratorFunc<int, int>("report", (_, value) => Task.FromResult(value));
                tasks.AddOrchestratorFunc<int[]>("test", test ?? (_ => Task.FromResult<int[]>([])));
            },
            Configure);
        return Sidecar.CreateClient(builder => builder.Configure(options => options.EnableEntitySupport = true));
    }

    private async Task<OrchestrationMetadata> OrchestrateAsync(Func<TaskOrchestrationContext, Task<int[]>> test) =>
        await RunAsync(await StartAsync(test), "test");

    private async Task<EntityMetadata<int>> StateAsync(DurableTaskClient client, EntityInstanceId id, int expected)
    {
        while (true)
        {
            if (await client.Entities.GetEntityAsync<int>(id, true, Soon) is { IncludesState: true } entity
                && entity.State == expected)
            {
                return entity;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), Soon);
        }
    }

    private async Task<List<T>> ListAsync<T>(AsyncPageable<T> pages)
        where T : notnull
    {
        var all = new List<T>();
        await foreach (T item in pages.WithCancellation(Soon))
        {
            all.Add(item);
        }

        return all;
    }
}
