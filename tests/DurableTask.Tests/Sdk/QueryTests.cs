using DurableTask.Core.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Sdk;

/// <summary>What the client reads.</summary>
public sealed class QueryTests(SharedSidecar sidecar) : OfficialTest(sidecar)
{
    [Fact]
    public async Task Query_WithPages_GivesEachInstanceOnce()
    {
        await RunAllAsync(25);

        List<int> pages = [];
        List<string> ids = [];
        await foreach (Page<OrchestrationMetadata> page in Client.GetAllInstancesAsync(new OrchestrationQuery
        {
            PageSize = 10,
            FetchInputsAndOutputs = true,
        }).AsPages())
        {
            pages.Add(page.Values.Count);
            ids.AddRange(page.Values.Select(state => $"{state.InstanceId}={state.ReadOutputAs<int>()}"));
        }

        Assert.Equal([10, 10, 5], pages);
        Assert.Equal(Enumerable.Range(0, 25).Select(item => $"i{item:D2}={item}"), ids.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Query_WithAContinuationToken_GoesOnFromThere()
    {
        await RunAllAsync(7);
        var query = new OrchestrationQuery { PageSize = 4 };
        Page<OrchestrationMetadata> first = await Client.GetAllInstancesAsync(query).AsPages().FirstAsync(Soon);

        Page<OrchestrationMetadata> second = await Client.GetAllInstancesAsync(
            query with { ContinuationToken = first.ContinuationToken }).AsPages().FirstAsync(Soon);

        Assert.Equal((4, 3), (first.Values.Count, second.Values.Count));
        Assert.Empty(first.Values.Select(state => state.InstanceId)
            .Intersect(second.Values.Select(state => state.InstanceId)));
        Assert.Null(second.ContinuationToken);
    }

    [Fact]
    public async Task Query_ByPrefixStatusAndTime_Filters()
    {
        await RunAllAsync(12);
        await StartAsync("waits", null, new StartOrchestrationOptions("i-waits"));
        await Client.WaitForInstanceStartAsync("i-waits", Soon);

        Assert.Equal(["i10", "i11"], await IdsAsync(new OrchestrationQuery { InstanceIdPrefix = "i1" }));
        Assert.Equal(["i-waits"], await IdsAsync(
            new OrchestrationQuery { Statuses = [OrchestrationRuntimeStatus.Running] }));
        Assert.Empty(await IdsAsync(new OrchestrationQuery { CreatedFrom = DateTimeOffset.UtcNow.AddHours(1) }));
        Assert.Equal(13, (await IdsAsync(
            new OrchestrationQuery { CreatedFrom = DateTimeOffset.UtcNow.AddHours(-1) })).Count);
    }

    [Fact]
    public async Task ListInstanceIds_WithPages_GivesEndedInstancesOnce()
    {
        await RunAllAsync(9);
        await StartAsync("waits");
        List<string> ids = [];
        string? last = null;

        do
        {
            Page<string> page = await Client.ListInstanceIdsAsync(
                [OrchestrationRuntimeStatus.Completed], DateTimeOffset.UtcNow.AddHours(-1), pageSize: 4,
                lastInstanceKey: last, cancellation: Soon);
            ids.AddRange(page.Values);
            last = page.ContinuationToken;
        }
        while (last is not null);

        Assert.Equal(Enumerable.Range(0, 9).Select(item => $"i{item:D2}"), ids.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Get_WithoutInputsAndOutputs_LeavesThemOut()
    {
        await RunAllAsync(1);

        OrchestrationMetadata state = (await Client.GetInstanceAsync("i00", Soon))!;

        Assert.Null(state.SerializedOutput);
        Assert.Throws<InvalidOperationException>(() => state.ReadOutputAs<int>());
        Assert.Null(await Client.GetInstanceAsync("nobody", Soon));
    }

    [Fact]
    public async Task History_OfARun_HasEveryStepWithItsValues()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<int, int>("steps", async (context, value) =>
            {
                await context.CreateTimer(TimeSpan.FromMilliseconds(10), CancellationToken.None);
                value = await context.WaitForExternalEvent<int>("go") + value;
                context.SendEvent("nobody", "told", value);
                await context.CallSubOrchestratorAsync("child", value);
                return await context.CallActivityAsync<int>("plus one", value);
            })
            .AddOrchestratorFunc<int, int>("child", (_, value) => Task.FromResult(value))
            .AddActivityFunc<int, int>("plus one", (_, value) => value + 1));
        string id = await StartAsync("steps", 1);
        await Client.RaiseEventAsync(id, "go", 40, Soon);
        await EndAsync(id);

        IList<HistoryEvent> history = await Client.GetOrchestrationHistoryAsync(id, Soon);

        HistoryEvent[] steps =
        [
            .. history.Where(past => past is not (OrchestratorStartedEvent or OrchestratorCompletedEvent)),
        ];
        Assert.Equal("1", steps.OfType<ExecutionStartedEvent>().Single().Input);
        Assert.Equal("40", steps.OfType<EventRaisedEvent>().Single().Input);
        Assert.Equal("nobody", steps.OfType<EventSentEvent>().Single().InstanceId);
        Assert.Equal("41", steps.OfType<SubOrchestrationInstanceCreatedEvent>().Single().Input);
        Assert.Equal("[41]", steps.OfType<TaskScheduledEvent>().Single().Input);
        Assert.Equal("42", steps.OfType<TaskCompletedEvent>().Single().Result);
        Assert.Equal(
            steps.OfType<TimerCreatedEvent>().Single().FireAt, steps.OfType<TimerFiredEvent>().Single().FireAt);
        Assert.Equal("42", Assert.IsType<ExecutionCompletedEvent>(steps[^1]).Result);
        await Assert.ThrowsAsync<ArgumentException>(() => Client.GetOrchestrationHistoryAsync("nobody", Soon));
    }

    private async Task RunAllAsync(int count)
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<int, int>("ends", (_, value) => Task.FromResult(value))
            .AddOrchestratorFunc<int>("waits", context => context.WaitForExternalEvent<int>("go")));
        string[] ids = await Task.WhenAll(Enumerable.Range(0, count).Select(
            item => StartAsync("ends", item, new StartOrchestrationOptions($"i{item:D2}"))));
        await Task.WhenAll(ids.Select(EndAsync));
    }

    private async Task<List<string>> IdsAsync(OrchestrationQuery query) =>
        await Client.GetAllInstancesAsync(query).Select(state => state.InstanceId)
            .Order(StringComparer.Ordinal).ToListAsync(Soon);
}
