// Orchestrations of a few activities each, many in flight. Prints one line per round:
//   orchestrations/s, p50 and p99 from the schedule call to the answer of the wait, CPU-seconds per 1000.
// --address URL measures an engine that runs elsewhere, and its CPU time is then not counted; without it the engine
// runs in this process, in a new folder.
using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Workflows.DurableTask.Sidecar;

IConfiguration arguments = new ConfigurationBuilder().AddCommandLine(args).Build();
int count = arguments.GetValue("count", 1000);
int inFlight = arguments.GetValue("in-flight", 200);
int activities = arguments.GetValue("activities", 5);
int rounds = arguments.GetValue("rounds", 6);
string? address = arguments["address"];

string folder = Directory.CreateTempSubdirectory("taskhub-bench-").FullName;
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel =>
    kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2));
builder.Services.AddTaskHubSidecar(options => options.DataDirectory = folder);
WebApplication sidecar = builder.Build();
sidecar.MapTaskHubSidecar();
if (address is null)
{
    await sidecar.StartAsync();
    IServer server = sidecar.Services.GetRequiredService<IServer>();
    address = server.Features.Get<IServerAddressesFeature>()!.Addresses.Single();
}

HostApplicationBuilder workerBuilder = Host.CreateEmptyApplicationBuilder(null);
workerBuilder.Services.AddLogging();
workerBuilder.Services.AddDurableTaskWorker(worker =>
{
    worker.UseGrpc(address);
    worker.AddTasks(tasks =>
    {
        tasks.AddOrchestratorFunc<int, int>("steps", async (context, value) =>
        {
            for (int step = 0; step < activities; step++)
            {
                value = await context.CallActivityAsync<int>("nothing", value);
            }

            return value;
        });
        tasks.AddActivityFunc<int, int>("nothing", (_, value) => value);
    });
});
workerBuilder.Services.AddDurableTaskClient(client => client.UseGrpc(address));
using IHost host = workerBuilder.Build();
await host.StartAsync();
DurableTaskClient caller = host.Services.GetRequiredService<DurableTaskClient>();

for (int round = 0; round < rounds; round++)
{
    double[] latencies = new double[count];
    int next = -1;
    TimeSpan processor = Environment.CpuUsage.TotalTime;
    var watch = Stopwatch.StartNew();
    await Task.WhenAll(Enumerable.Range(0, inFlight).Select(async _ =>
    {
        int item;
        while ((item = Interlocked.Increment(ref next)) < count)
        {
            long started = Stopwatch.GetTimestamp();
            string id = await caller.ScheduleNewOrchestrationInstanceAsync("steps", item, CancellationToken.None);
            await caller.WaitForInstanceCompletionAsync(id, CancellationToken.None);
            latencies[item] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }
    }));
    double seconds = watch.Elapsed.TotalSeconds;
    double spent = (Environment.CpuUsage.TotalTime - processor).TotalSeconds * 1000 / count;
    Array.Sort(latencies);
    Console.WriteLine(
        $"{count / seconds,6:F0} orchestrations/s   p50 {latencies[count / 2],5:F0} ms   "
        + $"p99 {latencies[count * 99 / 100],5:F0} ms   {spent,5:F2} CPU-s per 1000");
}

await host.StopAsync();
await sidecar.StopAsync();
await sidecar.DisposeAsync();
Directory.Delete(folder, recursive: true);
