// Measures the HTTP API of a service in a process of its own, beside a live run:
//   --runs N        finished runs for the second part (10,000); they end at their plan
//   --streams N     open event streams (1,000)
//   --seconds N     seconds of each measurement (10)
//   --connections N connections that ask for the status (16)
//   --rate N        status answers a second that are asked for; 0 (default) as many as possible
using System.Globalization;
using Microsoft.Extensions.Configuration;
using Workflows.Http.Bench;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
IConfiguration arguments = new ConfigurationBuilder().AddCommandLine(args).Build();
var seconds = TimeSpan.FromSeconds(arguments.GetValue("seconds", 10.0));
var connections = arguments.GetValue("connections", 16);
var rate = arguments.GetValue("rate", 0);
var runs = arguments.GetValue("runs", 10_000);

await using var service = await ServiceProcess.StartAsync();
var live = await service.StartRunAsync(steps: 1_000_000, budgetUsd: 1_000_000);
await service.UntilTrainingAsync(live);
Console.WriteLine($"{Environment.ProcessorCount} processors; load of the machine {ServiceProcess.LoadOfMachine()}");
Console.WriteLine($"{"",-58} {"a second",9} {"p50 ms",8} {"p99 ms",8} {"most ms",8} {"MB",7}");
await Load.WarmUpAsync(service, live);
Print("status of a live run", await Load.StatusAsync(service, live, connections, seconds, rate));
Print("first page of the list, few runs", await Load.ListAsync(service, seconds));

var begun = TimeProvider.System.GetTimestamp();
await service.FinishRunsAsync(runs);
Console.WriteLine($"# {runs} runs were started and ended within "
    + $"{TimeProvider.System.GetElapsedTime(begun).TotalSeconds:F0} s");
Print($"status of a live run, {runs:N0} finished runs",
    await Load.StatusAsync(service, live, connections, seconds, rate));
Print($"first page of the list, {runs:N0} finished runs", await Load.ListAsync(service, seconds));

var before = service.Megabytes();
var streams = arguments.GetValue("streams", 1000);
await using (var open = await OpenStreams.OpenAsync(service, live, streams))
{
    await Task.Delay(seconds);
    Console.WriteLine($"{$"{streams:N0} open event streams, {open.Events:N0} events",-58} {"",9} {"",8} {"",8} {"",8} "
        + $"{service.Megabytes(),7:F0} (+{service.Megabytes() - before:F0})");
    Print($"status of a live run, {streams:N0} open streams",
        await Load.StatusAsync(service, live, connections, seconds, rate));
}

void Print(string name, Figures figures) => Console.WriteLine(
    $"{name,-58} {figures.PerSecond,9:F0} {figures.P50,8:F2} {figures.P99,8:F2} {figures.Most,8:F1} "
    + $"{service.Megabytes(),7:F0}");
