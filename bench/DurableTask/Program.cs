// Measures the engine on this machine, each figure beside a limit of the machine or the official in-memory engine:
//   --compare           interleaves rounds of four contestants: the official in-memory engine ("peer") and this
//                       repository's, each with its worker and client in one process and in a process of its own;
//                       --warm-up rounds are run first and not counted
//   --engine inprocess|grpc|child|peer|peer-child|URL
//                       the transport: within this process without and with HTTP/2, against the sidecar program as a
//                       process of its own (started here), the peer in both ways, or an engine that runs elsewhere
//   --only NAME         one of: throughput, latency, fanout, history, timers, idle, parked, disk
//   --count, --in-flight, --activities, --rounds, --parked     sizes
using System.Globalization;
using Workflows.DurableTask.Bench;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string[] switches = ["--on-demand", "--compare"];
IConfiguration arguments = new ConfigurationBuilder().AddCommandLine([.. args.Except(switches)]).Build();
var sizes = new Sizes(
    arguments.GetValue("count", 1000),
    arguments.GetValue("in-flight", 200),
    arguments.GetValue("activities", 5),
    arguments.GetValue("rounds", 7),
    arguments.GetValue("parked", 100_000));
if (arguments["serve-peer"] is { } port)
{
    await using WebApplication peer = PeerEngine.Build(int.Parse(port, CultureInfo.InvariantCulture));
    await peer.RunAsync();
    return;
}

if (args.Contains("--compare"))
{
    await Comparison.RunAsync(
        sizes.Count, sizes.InFlight, sizes.Activities, sizes.Rounds, arguments.GetValue("warm-up", 3));
    return;
}

// Rounds are asked for by standard input: how the comparison runs its contestants.
bool isOnDemand = args.Contains("--on-demand");
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
