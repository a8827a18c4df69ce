using System.Diagnostics;
using System.Globalization;
using Microsoft.DurableTask.Client;

namespace Workflows.DurableTask.Bench;

/// <summary>What one round of orchestrations cost: the columns of every table of throughput.</summary>
internal readonly record struct Round(double PerSecond, double P50, double P99, double ProcessorSeconds)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{PerSecond,6:F0} orchestrations/s   p50 {P50,6:F1} ms   p99 {P99,6:F1} ms   "
        + $"{ProcessorSeconds,5:F2} CPU-s per 1000");
}

/// <summary>The load of the measurements.</summary>
internal static class Load
{
    /// <param name="client">Where the orchestrations are started.</param>
    /// <param name="count">How many.</param>
    /// <param name="inFlight">How many at once.</param>
    /// <param name="processorTime">Of all processes that take part.</param>
    public static async Task<Round> RunAsync(
        DurableTaskClient client, int count, int inFlight, Func<TimeSpan> processorTime)
    {
        TimeSpan before = processorTime();
        var watch = Stopwatch.StartNew();
        double[] latencies = new double[count];
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, inFlight).Select(async _ =>
        {
            int item;
            while ((item = Interlocked.Increment(ref next)) < count)
            {
                long started = Stopwatch.GetTimestamp();
                string id = await client.ScheduleNewOrchestrationInstanceAsync(Tasks.Steps, item);
                Completed(await client.WaitForInstanceCompletionAsync(id, CancellationToken.None));
                latencies[item] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            }
        }));
        double seconds = watch.Elapsed.TotalSeconds;
        double cost = (processorTime() - before).TotalSeconds * 1000 / count;
        Array.Sort(latencies);
        return new Round(count / seconds, latencies[count / 2], latencies[count * 99 / 100], cost);
    }

    /// <summary>What failed is no throughput.</summary>
    public static OrchestrationMetadata Completed(OrchestrationMetadata state) =>
        state.RuntimeStatus == OrchestrationRuntimeStatus.Completed
            ? state
            : throw new InvalidOperationException(
                $"'{state.InstanceId}' is {state.RuntimeStatus}: {state.FailureDetails?.ErrorMessage}");

    /// <summary>Runs a round for each line "COUNT IN-FLIGHT" of standard input and answers with its figures.</summary>
    public static async Task RunOnDemandAsync(DurableTaskClient client, Func<TimeSpan> processorTime)
    {
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            Round round = await RunAsync(
                client, int.Parse(words[0], CultureInfo.InvariantCulture),
                int.Parse(words[1], CultureInfo.InvariantCulture), processorTime);
            await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"round {round.PerSecond:R} {round.P50:R} {round.P99:R} {round.ProcessorSeconds:R}"));
        }
    }
}
