using System.Collections.Concurrent;
using System.Globalization;
using Grpc.Net.Client;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Crash;

/// <summary>The sidecar is killed again and again under load; nothing that was acknowledged may be lost or done twice.
/// WORKFLOWS_CRASH_KILLS (8) and WORKFLOWS_CRASH_INSTANCES (1000) make the run longer or shorter.</summary>
public sealed class KillTests
{
    private const int Events = 80;
    private const int Starters = 16;

    private static readonly int Kills = Size("WORKFLOWS_CRASH_KILLS", 8);
    private static readonly int Instances = Size("WORKFLOWS_CRASH_INSTANCES", 1000);

    [Fact]
    public async Task Kill_AtRandomMomentsUnderLoad_LosesNothing()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(300 + Kills * 10 + Instances / 2));
        CancellationToken soon = deadline.Token;
        string folder = Directory.CreateTempSubdirectory("crash-").FullName;
        int seed = Environment.TickCount;
        var random = new Random(seed);
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        await using var sidecar = new SidecarProcess(folder, Ports.Free());
        await sidecar.StartAsync(soon);
        var load = new CrashLoad(sidecar.Address, soon);
        using IHost worker = await SidecarHost.StartWorkerAsync(sidecar.Address, load.AddTasks);
        await using ServiceProvider clients = SidecarHost.CreateClient(sidecar.Address, out DurableTaskClient client);

        Task<int> loading = Task.Run(() => LoadAsync(load, client, soon), soon);
        for (int kill = 0; kill < Kills; kill++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(50, 700)), soon);
            await sidecar.KillAsync();
            await sidecar.StartAsync(soon);
        }

        int sent = await loading;

        using GrpcChannel channel = load.Channel();
        for (int item = 0; item < Instances; item++)
        {
            await load.CheckSumAsync(client, $"sum-{item}", item);
            await load.CheckHistoryAsync(channel, $"sum-{item}");
        }

        OrchestrationMetadata collected = await load.ForSureAsync(
            () => client.WaitForInstanceCompletionAsync("collector", true, soon));
        int[] items = collected.ReadOutputAs<int[]>()!;
        Assert.Equal(Enumerable.Range(0, Events), items.Distinct().Order().Where(item => item >= 0));
        // An event is there once for every time that it may have been accepted: twice only when its answer was lost.
        Assert.InRange(items.Length, Events, sent);
        await worker.StopAsync(soon);
        await sidecar.KillAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<int> LoadAsync(CrashLoad load, DurableTaskClient client, CancellationToken soon)
    {
        int sent = 0;
        await load.StartAsync(client, "collect", "collector", Array.Empty<int>());
        var work = new ConcurrentQueue<int>(Enumerable.Range(0, Instances));
        async Task StartAllAsync()
        {
            while (work.TryDequeue(out int item))
            {
                await load.StartAsync(client, "sum", $"sum-{item}", item);
            }
        }

        async Task RaiseAllAsync()
        {
            for (int item = 0; item < Events; item++)
            {
                await load.ForSureAsync(async () =>
                {
                    sent++;
                    await client.RaiseEventAsync("collector", "item", item, soon);
                    return true;
                });
                await Task.Delay(TimeSpan.FromMilliseconds(15), soon);
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Starters).Select(_ => StartAllAsync()).Append(RaiseAllAsync()));
        await load.ForSureAsync(async () =>
        {
            await client.RaiseEventAsync("collector", "item", -1, soon);
            return true;
        });
        return sent;
    }

    private static int Size(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int size)
            ? size
            : otherwise;
}
