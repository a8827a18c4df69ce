using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Workflows.DurableTask.Protocol;
using Workflows.DurableTask.Tests.Hosting;
using AlreadyExists = DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException;

namespace Workflows.DurableTask.Tests.Crash;

/// <summary>The sidecar is killed again and again under load; nothing that was acknowledged may be lost or done
/// twice.</summary>
public sealed class KillTests
{
    private const int Kills = 8;
    private const int Instances = 120;
    private const int Events = 80;

    [Fact]
    public async Task Kill_AtRandomMomentsUnderLoad_LosesNothing()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(50));
        CancellationToken soon = deadline.Token;
        string folder = Directory.CreateTempSubdirectory("crash-").FullName;
        int port = FreePort();
        int seed = Environment.TickCount;
        var random = new Random(seed);
        TestContext.Current.SendDiagnosticMessage("seed {0}", seed);
        await using var sidecar = new SidecarProcess(folder, port);
        await sidecar.StartAsync(soon);
        using IHost worker = await SidecarHost.StartWorkerAsync(sidecar.Address, AddTasks);
        await using ServiceProvider clients = SidecarHost.CreateClient(sidecar.Address, out DurableTaskClient client);

        Task<int> load = Task.Run(() => LoadAsync(client, soon), soon);
        for (int kill = 0; kill < Kills; kill++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(50, 500)), soon);
            await sidecar.KillAsync();
            await sidecar.StartAsync(soon);
        }

        int sent = await load;

        for (int item = 0; item < Instances; item++)
        {
            OrchestrationMetadata result = await ForSureAsync(
                () => client.WaitForInstanceCompletionAsync($"sum-{item}", true, soon), soon);
            Assert.Equal(OrchestrationRuntimeStatus.Completed, result.RuntimeStatus);
            // 3 steps, a fan-out of 4 and a child's answer.
            Assert.Equal(item + 3 + 4 + 100, result.ReadOutputAs<int>());
            await CheckHistoryAsync(sidecar.Address, $"sum-{item}", soon);
        }

        OrchestrationMetadata collected = await ForSureAsync(
            () => client.WaitForInstanceCompletionAsync("collector", true, soon), soon);
        int[] items = collected.ReadOutputAs<int[]>()!;
        Assert.Equal(Enumerable.Range(0, Events), items.Distinct().Order().Where(item => item >= 0));
        // An event is there once for every time that it may have been accepted: twice only when its answer was lost.
        Assert.InRange(items.Length, Events, sent);
        await worker.StopAsync(soon);
        await sidecar.KillAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static void AddTasks(DurableTaskRegistry tasks)
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
            return sum + ones.Sum() + await context.CallSubOrchestratorAsync<int>("child", 99);
        });
        tasks.AddOrchestratorFunc<int, int>(
            "child", (context, value) => context.CallActivityAsync<int>("add", value));
        tasks.AddActivityFunc<int, int>("add", (_, value) => value + 1);
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

    private static async Task<int> LoadAsync(DurableTaskClient client, CancellationToken soon)
    {
        int sent = 0;
        await StartAsync(client, "collect", "collector", Array.Empty<int>(), soon);
        var work = new ConcurrentQueue<int>(Enumerable.Range(0, Instances));
        async Task StartAllAsync()
        {
            while (work.TryDequeue(out int item))
            {
                await StartAsync(client, "sum", $"sum-{item}", item, soon);
                await Task.Delay(TimeSpan.FromMilliseconds(30), soon);
            }
        }

        async Task RaiseAllAsync()
        {
            for (int item = 0; item < Events; item++)
            {
                await ForSureAsync(
                    async () =>
                    {
                        sent++;
                        await client.RaiseEventAsync("collector", "item", item, soon);
                        return true;
                    },
                    soon);
                await Task.Delay(TimeSpan.FromMilliseconds(15), soon);
            }
        }

        await Task.WhenAll(StartAllAsync(), StartAllAsync(), StartAllAsync(), RaiseAllAsync());
        await ForSureAsync(
            async () =>
            {
                await client.RaiseEventAsync("collector", "item", -1, soon);
                return true;
            },
            soon);
        return sent;
    }

    private static Task<bool> StartAsync(
        DurableTaskClient client, string name, string id, object input, CancellationToken soon) =>
        ForSureAsync(
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
            },
            soon);

    private static async Task<T> ForSureAsync<T>(Func<Task<T>> call, CancellationToken soon)
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
        }
    }

    /// <summary>One start, one end, and one result for every task.</summary>
    private static async Task CheckHistoryAsync(string address, string id, CancellationToken soon)
    {
        using GrpcChannel channel = GrpcChannel.ForAddress(address);
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
        int[] scheduled = [.. history.Where(item => item.TaskScheduled is not null).Select(item => item.EventId)];
        int[] completed = [.. history.Where(item => item.TaskCompleted is not null)
            .Select(item => item.TaskCompleted.TaskScheduledId)];
        Assert.Equal(7, scheduled.Length);
        Assert.Equal(scheduled.Order(), completed.Order());
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
