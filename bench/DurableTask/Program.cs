// What the engine can do on this machine, each figure beside a limit of the machine; bench/DurableTask.Peer has the peer:
//   --engine inprocess|grpc|child|URL   the transport: within this process without and with HTTP/2, against the sidecar
//                                       program as a process of its own (started here), or one that runs elsewhere
//   --only NAME                         one of: throughput, latency, fanout, history, timers, idle, parked, disk
//   --count, --in-flight, --activities, --rounds, --parked     sizes
using System.Globalization;
using Workflows.DurableTask.Bench;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
// Rounds are asked for by standard input: how bench/DurableTask.Peer runs this program beside its own.
bool isOnDemand = args.Contains("--on-demand");
IConfiguration arguments = new ConfigurationBuilder()
    .AddCommandLine([.. args.Where(argument => argument != "--on-demand")]).Build();
var sizes = new Sizes(
    arguments.GetValue("count", 1000),
    arguments.GetValue("in-flight", 200),
    arguments.GetValue("activities", 5),
    arguments.GetValue("rounds", 7),
    arguments.GetValue("parked", 100_000));
string? only = arguments["only"];
string[] engines = arguments["engine"] is { } engine ? [engine] : ["inprocess", "child"];

if (!isOnDemand && only is null or "disk")
{
    Disk.Measure();
}

foreach (string name in engines)
{
    string folder = Directory.CreateTempSubdirectory("taskhub-bench-").FullName;
    try
    {
        await using Bench bench = await Bench.StartAsync(name, folder, sizes);
        await (isOnDemand ? bench.RunOnDemandAsync() : bench.RunAsync(only));
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
}

internal sealed record Sizes(int Count, int InFlight, int Activities, int Rounds, int Parked);
