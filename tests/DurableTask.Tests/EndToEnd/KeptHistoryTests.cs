using Grpc.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Workflows.DurableTask.Protocol;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>A worker that keeps histories is sent only what came behind them.</summary>
public sealed class KeptHistoryTests : HandWorkerTest
{
    [Theory]
    [InlineData("10")]
    [InlineData("1")]
    public async Task NextEpisode_ToAWorkerThatKeepsHistories_BeginsBehindTheOneBefore(string kept)
    {
        using AsyncServerStreamingCall<WorkItem> worker = ConnectKeeping(kept);
        await StartAsync("a");
        WorkItem first = await NextAsync(worker);
        await CompleteAsync(first, Schedule(0));
        await CompleteActivityAsync(await NextAsync(worker));

        OrchestratorRequest second = (await NextAsync(worker)).OrchestratorRequest;

        Assert.Equal(first.CompletionToken, second.HistoryAfter);
        Assert.Collection(
            second.PastEvents,
            item => Assert.NotNull(item.TaskScheduled),
            item => Assert.NotNull(item.OrchestratorCompleted));
        HistoryEvent[] all = await HistoryAsync("a");
        Assert.Equal([.. first.OrchestratorRequest.NewEvents, .. second.PastEvents], all);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public async Task NextEpisode_AfterTheWorkerReplacedTheHistory_IsWhole(int added)
    {
        using AsyncServerStreamingCall<WorkItem> worker = ConnectKeeping("2");
        await StartAsync("a");
        WorkItem first = await NextAsync(worker);
        await CompleteAsync(first, Schedule(0));
        await CompleteActivityAsync(await NextAsync(worker));
        // Shorter or longer than what the worker keeps, and of the same execution.
        var back = new OrchestratorAction { Id = 1, RewindOrchestration = new() };
        back.RewindOrchestration.NewHistory.Add(first.OrchestratorRequest.NewEvents);
        back.RewindOrchestration.NewHistory.AddRange(Enumerable.Range(0, added).Select(
            number => new HistoryEvent { EventId = -1, EventRaised = new() { Name = $"event {number}" } }));
        await CompleteAsync(await NextAsync(worker), back);

        OrchestratorRequest next = (await NextAsync(worker)).OrchestratorRequest;

        Assert.Equal(first.OrchestratorRequest.ExecutionId, next.ExecutionId);
        Assert.Empty(next.HistoryAfter);
        Assert.Equal(2 + added, next.PastEvents.Count);
        await StartAsync("b");
        Assert.Equal("b", (await NextAsync(worker)).OrchestratorRequest.InstanceId);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("0")]
    [InlineData("many")]
    [InlineData("1")]
    public async Task NextEpisode_ToAWorkerThatDoesNotKeepIt_IsWhole(string? keeps)
    {
        using AsyncServerStreamingCall<WorkItem> worker = ConnectKeeping(keeps);
        await StartAsync("a");
        await CompleteAsync(await NextAsync(worker), Schedule(0));
        WorkItem activity = await NextAsync(worker);
        // One that keeps a single history has that of another instance by now.
        await StartAsync("b");
        await CompleteAsync(await NextAsync(worker), Schedule(0));
        await NextAsync(worker);
        await CompleteActivityAsync(activity);

        OrchestratorRequest second = (await NextAsync(worker)).OrchestratorRequest;

        Assert.Equal("a", second.InstanceId);
        Assert.Empty(second.HistoryAfter);
        Assert.Equal(4, second.PastEvents.Count);
    }

    [Fact]
    public async Task NextEpisode_ToAnotherConnection_IsWhole()
    {
        WorkItem activity;
        using (AsyncServerStreamingCall<WorkItem> worker = ConnectKeeping("10"))
        {
            await StartAsync("a");
            await CompleteAsync(await NextAsync(worker), Schedule(0));
            activity = await NextAsync(worker);
            await CompleteActivityAsync(activity);
        }

        using AsyncServerStreamingCall<WorkItem> next = ConnectKeeping("10");
        OrchestratorRequest second = (await NextAsync(next)).OrchestratorRequest;

        Assert.Empty(second.HistoryAfter);
        Assert.Equal(4, second.PastEvents.Count);
    }

    [Fact]
    public async Task NextExecution_OfAnInstanceThatContinuesAsNew_BeginsAnew()
    {
        using AsyncServerStreamingCall<WorkItem> worker = ConnectKeeping("10");
        await StartAsync("a");
        await CompleteAsync(await NextAsync(worker), new OrchestratorAction
        {
            Id = 0,
            CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.ContinuedAsNew },
        });

        OrchestratorRequest next = (await NextAsync(worker)).OrchestratorRequest;

        Assert.Empty(next.HistoryAfter);
        Assert.Contains(next.NewEvents, item => item.ExecutionStarted is not null);
    }

    [Theory]
    [InlineData(1000, 1_000_000, false)]
    [InlineData(1000, 1, true)]
    [InlineData(0, 1_000_000, false)]
    public async Task Worker_WithOrWithoutRoom_RunsAllRight(int room, long bytes, bool misses)
    {
        await Sidecar.AddWorkerAsync(AddTasks, worker => worker.UseGrpc(options =>
        {
            options.KeptHistories = room;
            options.KeptHistoryBytes = bytes;
        }));
        DurableTaskClient client = Sidecar.CreateClient();

        OrchestrationMetadata[] results = await Task.WhenAll(
            Enumerable.Range(0, 12).Select(item => RunAsync(client, "sum", item)));

        Assert.Equal(
            Enumerable.Range(0, 12).Select(item => (item * 8) + 28),
            results.Select(result => result.ReadOutputAs<int>()));
        // What the worker could not keep, it read.
        Assert.Equal(misses, Sidecar.Calls.Any(call => call.Path.EndsWith("/StreamInstanceHistory", StringComparison.Ordinal)));
    }

    private static void AddTasks(DurableTaskRegistry tasks)
    {
        tasks.AddOrchestratorFunc<int, int>("sum", async (context, start) =>
        {
            DateTime last = context.CurrentUtcDateTime;
            int sum = 0;
            for (int step = 0; step < 8; step++)
            {
                sum += await context.CallActivityAsync<int>("add", (start, step));
                Assert.True(context.CurrentUtcDateTime >= last);
                last = context.CurrentUtcDateTime;
            }

            return sum;
        });
        tasks.AddActivityFunc<(int Start, int Step), int>("add", (_, given) => given.Start + given.Step);
    }

    private AsyncServerStreamingCall<WorkItem> ConnectKeeping(string? keeps) => Engine.GetWorkItems(
        new(),
        keeps is null ? [] : new Metadata { { "taskhub-keeps-history", keeps } },
        cancellationToken: Soon);

    private async Task<HistoryEvent[]> HistoryAsync(string id)
    {
        using AsyncServerStreamingCall<HistoryChunk> call = Engine.StreamInstanceHistory(
            new() { InstanceId = id, ForWorkItemProcessing = true }, cancellationToken: Soon);
        var events = new List<HistoryEvent>();
        while (await call.ResponseStream.MoveNext(Soon))
        {
            events.AddRange(call.ResponseStream.Current.Events);
        }

        return [.. events];
    }
}
