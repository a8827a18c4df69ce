using Grpc.Net.Client;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Workflows.DurableTask.Sidecar;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Crash;

/// <summary>The sidecar dies between two steps of a change, at each place where there are two.</summary>
public sealed class FaultPointTests
{
    private const int Instances = 12;
    private const int Killed = 128 + 9;

    [Fact]
    public async Task Die_AtEveryFaultPoint_LosesNothing()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        CancellationToken soon = deadline.Token;
        string folder = Directory.CreateTempSubdirectory("fault-").FullName;
        await using var sidecar = new SidecarProcess(folder, Ports.Free());
        var load = new CrashLoad(sidecar.Address, soon);
        using IHost worker = await SidecarHost.StartWorkerAsync(sidecar.Address, load.AddTasks);
        await using ServiceProvider clients = SidecarHost.CreateClient(sidecar.Address, out DurableTaskClient client);
        using GrpcChannel channel = load.Channel();

        int next = 0;
        var starting = new List<Task>();

        // At the first change after a start, and in the midst of many; what one round leaves is the next one's load.
        foreach ((string point, int count) in FaultPoint.All.SelectMany(point => new[] { (point, 1), (point, 5) }))
        {
            await sidecar.StartAsync(soon, $"{point}:{count}");
            starting.AddRange(Enumerable.Range(next, Instances).Select(
                item => load.StartAsync(client, "sum", $"sum-{item}", item)));
            next += Instances;
            (int exitCode, string errors) = await sidecar.EndAsync(soon);

            Assert.True(exitCode == Killed, $"{point}:{count} ended with {exitCode}: {errors}");
        }

        await sidecar.StartAsync(soon);
        await Task.WhenAll(starting);
        for (int item = 0; item < next; item++)
        {
            await load.CheckSumAsync(client, $"sum-{item}", item);
            await load.CheckHistoryAsync(channel, $"sum-{item}");
        }

        await worker.StopAsync(soon);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void All_FaultPoints_AreWalked()
    {
        string[] constants = [.. typeof(FaultPoint).GetFields().Where(field => field.IsLiteral)
            .Select(field => field.Name)];

        Assert.Equal(constants.Order(), FaultPoint.All.Order());
    }
}
