using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Protobuf;
using AlreadyExists = DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException;

namespace Workflows.DurableTask.Tests.Crash;

/// <summary>What runs while the sidecar dies, and how to tell that nothing of it was lost or done twice.</summary>
internal sealed class CrashLoad(string address, CancellationToken soon)
{
    private const int ActivitiesOfOne = 7;

    private readonly ConcurrentDictionary<int, int> _runs = new();

    public void AddTasks(DurableTaskRegistry tasks)
    {
        tasks.AddOrchestratorFunc<int, int>("sum", async (context, start) =>
        {
            int sum = start;
            for (int step = 0; step < 3; step++)
            {
                sum = await context.CallActivityAsync<int>("add", sum);
            }

            int[] ones = await Task.WhenAll(
                Enumerable.Range(0, 4).Select(_ => context.CallActivityAsync<int>("add", 0)));
            await context.CreateTimer(TimeSpan.FromMilliseconds(50), CancellationToken.None);
            return sum + ones.Sum() + await context.CallSubOrchestratorAsync<int>("child", -1 - start);
        });
        tasks.AddOrchestratorFunc<int, int>(
            "child", (context, value) => context.CallActivityAsync<int>("mark", value));
        tasks.AddActivityFunc<int, int>("add", (_, value) => value + 1);
        tasks.AddActivityFunc<int, int>("mark", (_, value) =>
        {
            _runs.AddOrUpdate(-1 - value, 1, (_, runs) => runs + 1);
            return 100;
        });
        tasks.AddOrchestratorFunc<int[], int[]>("collect", async (context, seen) =>
        {
            int item = await context.WaitForExternalEvent<int>("item");
            if (item < 0)
            {
                return seen;
            }

            await context.CallActivityAsync<int>("add", item);
            context.ContinueAsNew(seen.Append(item).ToArray());
            return [];
        });
    }

    /// <summary>Ended with its result, once, with one result for every task; its activity ran at least once.</summary>
    public async Task CheckSumAsync(DurableTaskClient client, string id, int start)
    {
        OrchestrationMetadata result = await ForSureAsync(
            () => client.WaitForInstanceCompletionAsync(id, true, soon));
        Assert.Equal(OrchestrationRuntimeStatus.Completed, result.RuntimeStatus);
        // 3 steps, a fan-out of 4 and a child's answer.
        Assert.Equal(start + 3 + 4 + 100, result.ReadOutputAs<int>());
        Assert.InRange(_runs.GetValueOrDefault(start), 1, int.MaxValue);
    }

    /// <summary>One start, one end, and one result for every task.</summary>
    public async Task CheckHistoryAsync(GrpcChannel channel, string id)
    {
        var service = new TaskHubSidecarService.TaskHubSidecarServiceClient(channel);
        using AsyncServerStreamingCall<HistoryChunk> call = service.StreamInstanceHistory(
            new() { InstanceId = id }, cancellationToken: soon);
        var history = new List<HistoryEvent>();
        while (await call.ResponseStream.MoveNext(soon))
        {
            history.AddRange(call.ResponseStream.Current.Events);
        }

        Assert.Single(history, item => item.ExecutionStarted is not null);
        Assert.Single(history, item => item.ExecutionCompleted is not null);
        Assert.Single(history, item => item.TimerFired is not null);
        Assert.Single(history, item => item.SubOrchestrationInstanceCompleted is not null);
        int[] scheduled = [.. history.Where(item => item.TaskScheduled is not null).Select(item => item.EventId)];
        int[] completed = [.. history.Where(item => item.TaskCompleted is not null)
            .Select(item => item.TaskCompleted.TaskScheduledId)];
        Assert.Equal(ActivitiesOfOne, scheduled.Length);
        Assert.Equal(scheduled.Order(), completed.Order());
    }

    public Task<bool> StartAsync(DurableTaskClient client, string name, string id, object input) => ForSureAsync(
        async () =>
        {
            try
            {
                await client.ScheduleNewOrchestrationInstanceAsync(
                    name,
                    input,
                    new StartOrchestrationOptions(id)
                        .WithDedupeStatuses(Enum.GetValues<OrchestrationRuntimeStatus>()),
                    soon);
            }
            catch (AlreadyExists)
            {
                // An earlier try was accepted and its answer lost.
            }

            return true;
        });

    public async Task<T> ForSureAsync<T>(Func<Task<T>> call)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (RpcException error) when (error.StatusCode is StatusCode.Unavailable or StatusCode.Internal
                or StatusCode.Unknown)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), soon);
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled
                && !soon.IsCancellationRequested)
            {
                // The sidecar went down with the call.
                await Task.Delay(TimeSpan.FromMilliseconds(20), soon);
            }
        }
    }

    public GrpcChannel Channel() => GrpcChannel.ForAddress(address);
}
