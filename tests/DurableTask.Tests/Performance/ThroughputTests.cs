using System.Diagnostics;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Performance;

/// <summary>A measurement, run by hand: <c>-explicit only</c>. Everything is in one process.</summary>
public sealed class ThroughputTests(ITestOutputHelper output)
{
    private const int Count = 1000;
    private const int InFlight = 200;

    [Fact(Explicit = true)]
    public async Task Throughput_ThousandOrchestrationsOfFiveActivities_IsReported()
    {
        await using SidecarHost sidecar = await SidecarHost.StartAsync();
        DurableTaskClient client = await sidecar.WithWorkerAsync(tasks =>
        {
            tasks.AddOrchestratorFunc<int, int>("five", async (context, value) =>
            {
                for (int step = 0; step < 5; step++)
                {
                    value = await context.CallActivityAsync<int>("nothing", value);
                }

                return value;
            });
            tasks.AddActivityFunc<int, int>("nothing", (_, value) => value);
        });
        for (int round = 0; round < 6; round++)
        {
            TimeSpan cpu = Process.GetCurrentProcess().TotalProcessorTime;
            var watch = Stopwatch.StartNew();
            double[] latencies = new double[Count];
            int next = -1;
            await Task.WhenAll(Enumerable.Range(0, InFlight).Select(async _ =>
            {
                int item;
                while ((item = Interlocked.Increment(ref next)) < Count)
                {
                    long started = Stopwatch.GetTimestamp();
                    string id = await client.ScheduleNewOrchestrationInstanceAsync(
                        "five", item, CancellationToken.None);
                    await client.WaitForInstanceCompletionAsync(id, CancellationToken.None);
                    latencies[item] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
                }
            }));
            Array.Sort(latencies);
            double seconds = watch.Elapsed.TotalSeconds;
            double processor = (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds;
            output.WriteLine(
                $"{Count / seconds:F0} orchestrations/s, p50 {latencies[Count / 2]:F0} ms, "
                + $"p99 {latencies[Count * 99 / 100]:F0} ms, {processor:F2} CPU-s");
        }
    }
}
