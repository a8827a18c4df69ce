// Measures the HTTP API of a service in a process of its own, beside a live run and beside finished runs:
//   --runs N        finished runs for the second part (10,000): copies of one that this program runs first
//   --streams N     open event streams (1,000)
//   --seconds N     seconds of each measurement (10)
//   --connections N connections that ask for the status (16)
//   --rate N        status answers a second that are asked for; 0 (default) as many as possible
//   --report-only   ends with 0 also where a limit is missed: on a machine that others use, too
// Ends with 3 if a limit is missed.
using System.Globalization;
using Microsoft.Extensions.Configuration;
using Workflows.Http.Bench;
using Workflows.TestKit;

const int LeastAnswers = 3000, MostMilliseconds = 20, MostStreamMegabytes = 300;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var limits = MeasuredLimits.Of(args, out var others);
IConfiguration arguments = new ConfigurationBuilder().AddCommandLine(others).Build();
var seconds = TimeSpan.FromSeconds(arguments.GetValue("seconds", 10.0));
var connections = arguments.GetValue("connections", 16);
var rate = arguments.GetValue("rate", 0);
var runs = arguments.GetValue("runs", 10_000);

await using var service = await ServiceProcess.StartAsync();
var finished = await service.StartRunAsync(steps: 4, budgetUsd: 1, batchSize: 4);
await service.UntilSucceededAsync(finished);
var live = await service.StartRunAsync(steps: 1_000_000, budgetUsd: 1_000_000);
await service.UntilTrainingAsync(live);
Console.WriteLine($"{Environment.ProcessorCount} processors; load of the machine {ServiceProcess.LoadOfMachine()}");
Console.WriteLine($"{"",-58} {"a second",9} {"p50 ms",8} {"p99 ms",8} {"most ms",8} {"MB",7} {"limit",16}");
await MeasureAsync("1 finished run");

await service.KillAsync();
var begun = TimeProvider.System.GetTimestamp();
await FinishedRuns.CopyAsync(service.Folder, finished, runs);
Console.WriteLine($"# {runs:N0} finished runs were copied within {Since(begun):F0} s");
var start = await service.StartAgainAsync();
begun = TimeProvider.System.GetTimestamp();
Console.WriteLine($"{"start until /readyz",-58} {"",9} {start.TotalMilliseconds,8:F0} {"",8} {"",8} "
    + $"{service.Megabytes(),7:F0}");
foreach (var path in new[] { "/runs", "/spending", "/metrics", "/zones/seen" })
{
    Console.WriteLine($"{$"first GET {path} after the start",-58} {"",9} "
        + $"{(await service.AskAsync(path)).TotalMilliseconds,8:F0} {"",8} {"",8} {service.Megabytes(),7:F0}");
}

await service.UntilTrainingAsync(live);
Console.WriteLine($"# the live run trains again after {Since(begun) + start.TotalSeconds:F0} s");
await MeasureAsync($"{runs:N0} finished runs");
var before = service.Megabytes();
var streams = arguments.GetValue("streams", 1000);
await using (var open = await OpenStreams.OpenAsync(service, live, streams))
{
    await Task.Delay(seconds);
    Console.WriteLine($"{$"{streams:N0} open event streams, {open.Events:N0} events",-58} {"",9} {"",8} {"",8} {"",8} "
        + $"{service.Megabytes(),7:F0} {$"+{service.Megabytes() - before:F0} of {MostStreamMegabytes} MB",16}");
    limits.Below($"MB of {streams:N0} open event streams", service.Megabytes() - before, MostStreamMegabytes);
    Print($"status of a live run, {streams:N0} open streams",
        await Load.StatusAsync(service, live, connections, seconds, rate), "");
}

return limits.Finish(Console.Out);

async Task MeasureAsync(string beside)
{
    await Load.WarmUpAsync(service, live);
    var status = await Load.StatusAsync(service, live, connections, seconds, rate);
    Print($"status of a live run, {beside}", status, $"{LeastAnswers}/s, {MostMilliseconds} ms");
    if (rate == 0)
    {
        // Of a paced load the rate is the caller's.
        limits.AtLeast($"status answers a second, {beside}", status.PerSecond, LeastAnswers);
    }

    limits.Below($"their 99th percentile in ms, {beside}", status.P99, MostMilliseconds);
    foreach (var (name, path) in new[]
    {
        ("first page of the list", "/runs"),
        ("last page of the list", "/runs?to=2020-01-01"),
        ("search in the list", "/runs?text=nothing-has-this"),
        ("status of a finished run", $"/runs/{finished}"),
        ("spending", "/spending"),
        ("metrics for Prometheus", "/metrics"),
    })
    {
        var figures = await Load.PathAsync(service, path, 1, seconds / 3);
        Print($"{name}, {beside}", figures, path == "/runs" ? $"p50 {MostMilliseconds} ms" : "");
        if (path == "/runs")
        {
            limits.Below($"median of the first page in ms, {beside}", figures.P50, MostMilliseconds);
        }
    }
}

static double Since(long begun) => TimeProvider.System.GetElapsedTime(begun).TotalSeconds;

void Print(string name, Figures figures, string limit) => Console.WriteLine(
    $"{name,-58} {figures.PerSecond,9:F0} {figures.P50,8:F2} {figures.P99,8:F2} {figures.Most,8:F1} "
    + $"{service.Megabytes(),7:F0} {limit,16}");
