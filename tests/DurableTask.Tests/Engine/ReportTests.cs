using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>What an operator is told of an orchestration that waits: everything that is open, at once.</summary>
public sealed class ReportTests : IAsyncDisposable
{
    private const string Hub = EngineHarness.Hub;

    private readonly EngineHarness _harness = new(options => options.MaxDispatches = 2);

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task Report_ManyOpenThings_NamesEachWithItsBeginning()
    {
        WorkerSession worker = await StartAsync("a");
        DateTimeOffset asked = _harness.Time.GetUtcNow();
        await _harness.CompleteAsync(
            await EngineHarness.NextAsync(worker),
            new OrchestratorAction { Id = 0, ScheduleTask = new() { Name = "work" } },
            new OrchestratorAction { Id = 1, CreateTimer = new() { FireAt = At(asked.AddHours(1)) } },
            new OrchestratorAction { Id = 2, CreateSubOrchestration = new() { Name = "part", InstanceId = "b" } },
            Call(3, "@e@1", "3f6f1f0e-0000-4000-8000-000000000001"),
            new OrchestratorAction
            {
                Id = 4,
                SendEvent = new()
                {
                    Instance = new() { InstanceId = "@e@2" },
                    Name = "op",
                    Data = """{"op":"get","id":"3f6f1f0e-0000-4000-8000-000000000002"}""",
                },
            });
        _harness.Time.Advance(TimeSpan.FromMinutes(5));
        await _harness.Engine.SuspendAsync(Hub, new() { InstanceId = "a", Reason = "lunch" });

        InstanceReport report = await ReportAsync("a");

        Assert.Equal(
            ["activity 0 work", "timer 1 ", "child b part", "entity @e@1 get", "entity @e@2 get", "resume  ",
                "orchestrator  test"],
            report.WaitsFor.Select(wait => $"{wait.Kind} {wait.Id} {wait.Name}"));
        Assert.All(report.WaitsFor.Take(5), wait => Assert.Equal(asked, wait.Since));
        Assert.All(report.WaitsFor.Skip(5), wait => Assert.Equal(asked.AddMinutes(5), wait.Since));
        Assert.Equal(asked.AddHours(1), report.WaitsFor[1].Due);
        Assert.Equal("lunch", report.WaitsFor[5].Why);
    }

    [Fact]
    public async Task Report_NothingElseOpen_SaysEventAndWhichEventsCame()
    {
        WorkerSession worker = await StartAsync("a");
        await _harness.Engine.RaiseAsync(Hub, new() { InstanceId = "a", Name = "aproved" });
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker));
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker));

        InstanceReport report = await ReportAsync("a");

        WaitReport wait = Assert.Single(report.WaitsFor);
        Assert.Equal(("event", "open"), (wait.Kind, wait.State));
        EventReport came = Assert.Single(report.EventsReceived);
        Assert.Equal(("aproved", 1), (came.Name, came.Count));
    }

    [Fact]
    public async Task Report_OnlyATimerOpen_SaysThatAnEventIsPossible()
    {
        WorkerSession worker = await StartAsync("a");
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), new OrchestratorAction
        {
            CreateTimer = new() { FireAt = At(_harness.Time.GetUtcNow().AddHours(1)) },
        });

        InstanceReport report = await ReportAsync("a");

        Assert.Equal(["timer open", "event possible"], report.WaitsFor.Select(wait => $"{wait.Kind} {wait.State}"));
    }

    [Fact]
    public async Task Report_Locks_NameTheirHolderAndTheCallsThatItHoldsOff()
    {
        WorkerSession worker = await StartAsync("holder");
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Lock("@e@1"));
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker));
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "waiter", Name = "test" });
        await _harness.CompleteAsync(await EngineHarness.NextAsync(worker), Lock("@e@1", "@e@2"));
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "caller", Name = "test" });
        await _harness.CompleteAsync(
            await EngineHarness.NextAsync(worker), Call(0, "@e@1", "3f6f1f0e-0000-4000-8000-000000000001"));

        InstanceReport waiter = await ReportAsync("waiter");
        InstanceReport caller = await ReportAsync("caller");

        Assert.Equal(["lock @e@1 holder", "lock @e@2 "], waiter.WaitsFor.Select(
            wait => $"{wait.Kind} {wait.Id} {wait.HeldBy}").Order());
        WaitReport call = Assert.Single(caller.WaitsFor);
        Assert.Equal(("entity", "@e@1", "holder"), (call.Kind, call.Id, call.HeldBy));
        Assert.Equal("event", Assert.Single((await ReportAsync("holder")).WaitsFor).Kind);
    }

    [Fact]
    public async Task Report_NoWorkerOrNoneThatTakesIt_SaysWhichOfBoth()
    {
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "a", Name = "test", Version = "2" });
        WaitReport alone = Assert.Single((await ReportAsync("a")).WaitsFor);
        WorkerSession other = await _harness.Engine.Work.ConnectAsync(Hub, new()
        {
            WorkItemFilters = new()
            {
                Orchestrations = { new OrchestrationFilter { Name = "test", Versions = { "1" } } },
            },
        });
        WaitReport held = Assert.Single((await ReportAsync("a")).WaitsFor);

        Assert.Equal("held", alone.State);
        Assert.Equal("No worker is connected to task hub 'hub'.", alone.Why);
        Assert.Equal("held", held.State);
        Assert.Equal("None of the 1 connected workers takes orchestrator 'test' of version '2'.", held.Why);
        QueueReport queue = Assert.Single(await _harness.Engine.Reports.QueuesAsync());
        Assert.Equal(held.Why, queue.Why);
        Assert.False(other.Items.Reader.TryPeek(out _));
    }

    [Fact]
    public async Task Report_ActivityOfItsInstancesVersion_IsHeldWhereItsQueueIs()
    {
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = "a", Name = "test", Version = "2" });
        WorkerSession worker = await _harness.Engine.Work.ConnectAsync(Hub, new()
        {
            WorkItemFilters = new()
            {
                Orchestrations = { new OrchestrationFilter { Name = "test" } },
                Activities = { new ActivityFilter { Name = "work", Versions = { "1" } } },
            },
        });
        await _harness.CompleteAsync(
            await EngineHarness.NextAsync(worker),
            new OrchestratorAction { ScheduleTask = new() { Name = "work" } });
        await _harness.SettleAsync();

        WaitReport wait = Assert.Single((await ReportAsync("a")).WaitsFor);

        Assert.Equal(("activity", "held"), (wait.Kind, wait.State));
        Assert.Contains("'work' of version '2'", wait.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_ActivityThatComesBack_IsDelayedAndCounted()
    {
        WorkerSession worker = await StartAsync("a");
        await _harness.CompleteAsync(
            await EngineHarness.NextAsync(worker),
            new OrchestratorAction { ScheduleTask = new() { Name = "work" } });
        WorkItem item = await EngineHarness.NextAsync(worker);
        await _harness.Engine.Work.AbandonAsync(Hub, item.CompletionToken);

        WaitReport wait = Assert.Single((await ReportAsync("a")).WaitsFor);

        Assert.Equal(("activity", "delayed", 1), (wait.Kind, wait.State, wait.Attempts));
    }

    [Fact]
    public async Task Report_EpisodeThatComesBack_IsDelayedThenParkedWithTheReason()
    {
        WorkerSession worker = await StartAsync("a");
        WorkItem item = await EngineHarness.NextAsync(worker);
        await _harness.Engine.Work.AbandonAsync(Hub, item.CompletionToken);
        WaitReport delayed = Assert.Single((await ReportAsync("a")).WaitsFor);
        _harness.Time.Advance(TimeSpan.FromMinutes(1));
        item = await EngineHarness.NextAsync(worker);
        await _harness.Engine.Work.AbandonAsync(Hub, item.CompletionToken);
        WaitReport parked = Assert.Single((await ReportAsync("a")).WaitsFor);

        Assert.Equal(("delayed", 1), (delayed.State, delayed.Attempts));
        Assert.Equal("parked", parked.State);
        Assert.Contains("2 times without a result", parked.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_StartInTheFuture_SaysWhen()
    {
        DateTimeOffset start = _harness.Time.GetUtcNow().AddDays(1);
        await _harness.Engine.StartAsync(
            Hub, new() { InstanceId = "a", Name = "test", ScheduledStartTimestamp = At(start) });

        WaitReport wait = Assert.Single((await ReportAsync("a")).WaitsFor);

        Assert.Equal(("start", "open", start), (wait.Kind, wait.State, wait.Due!.Value));
    }

    private async Task<WorkerSession> StartAsync(string id)
    {
        WorkerSession worker = await _harness.ConnectAsync();
        await _harness.Engine.StartAsync(Hub, new() { InstanceId = id, Name = "test" });
        return worker;
    }

    private async Task<InstanceReport> ReportAsync(string id)
    {
        await _harness.SettleAsync();
        return (await _harness.Engine.Reports.ReportAsync(Hub, id))!;
    }

    private static Timestamp At(DateTimeOffset time) => Timestamp.FromDateTimeOffset(time);

    private static OrchestratorAction Call(int id, string entity, string requestId) => new()
    {
        Id = id,
        SendEntityMessage = new()
        {
            EntityOperationCalled = new() { TargetInstanceId = entity, Operation = "get", RequestId = requestId },
        },
    };

    private static OrchestratorAction Lock(params string[] entities) => new()
    {
        SendEntityMessage = new()
        {
            EntityLockRequested = new() { CriticalSectionId = "section", LockSet = { entities } },
        },
    };
}
