// The official packages under the load of bench/DurableTask, and both side by side:
//   --compare            interleaves rounds of four contestants: the official in-memory engine and this repository's,
//                        each with its worker and client in one process and with the engine in a process of its own
//   --engine inprocess|child   measures the official engine alone
//   --count, --in-flight, --activities, --rounds     sizes; --warm-up rounds are run first and not counted
using System.Globalization;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Workflows.DurableTask.Bench;
using Workflows.DurableTask.Peer;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
IConfiguration arguments = new ConfigurationBuilder()
    .AddCommandLine([.. args.Where(argument => argument is not ("--compare" or "--on-demand"))]).Build();
int count = arguments.GetValue("count", 1000);
int inFlight = arguments.GetValue("in-flight", 200);
int activities = arguments.GetValue("activities", 5);
int rounds = arguments.GetValue("rounds", 7);

if (arguments["serve"] is { } port)
{
    await using PeerEngine served = await PeerEngine.StartAsync(int.Parse(port, CultureInfo.InvariantCulture));
    await served.UntilStoppedAsync();
    return;
}

if (args.Contains("--compare"))
{
    await Comparison.RunAsync(count, inFlight, activities, rounds, arguments.GetValue("warm-up", 3));
    return;
}

await using PeerEngine engine = arguments["engine"] == "child"
    ? await PeerEngine.StartChildAsync(PeerEngine.FreePort())
    : await PeerEngine.StartAsync(PeerEngine.FreePort());
HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
builder.Services.AddLogging(logging => logging.AddConsole().SetMinimumLevel(LogLevel.Warning));
builder.Services.AddDurableTaskWorker(worker =>
{
    worker.UseGrpc(engine.Address);
    worker.AddTasks(tasks => Tasks.Add(tasks, activities));
});
builder.Services.AddDurableTaskClient(client => client.UseGrpc(engine.Address));
using IHost host = builder.Build();
await host.StartAsync();
DurableTaskClient client = host.Services.GetRequiredService<DurableTaskClient>();
if (args.Contains("--on-demand"))
{
    await Load.RunOnDemandAsync(client, engine.ProcessorTime);
}
else
{
    for (int round = 1; round <= rounds; round++)
    {
        Round figures = await Load.RunAsync(client, count, inFlight, engine.ProcessorTime);
        Console.WriteLine($"peer       round {round}: {figures}");
    }
}

await host.StopAsync();
