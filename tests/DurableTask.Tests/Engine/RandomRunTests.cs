using System.Diagnostics;
using System.Globalization;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>
/// Orchestrations that wait for each other at entities and their locks, while operators terminate, suspend, purge,
/// rewind, restart and replace them, workers drop, repeat and delay what they have, and the engine restarts.
/// WORKFLOWS_RANDOM_SEED repeats the seed of a failure; WORKFLOWS_RANDOM_MINUTES goes on with new seeds for that long.
/// </summary>
public sealed class RandomRunTests(ITestOutputHelper output)
{
    // The first ones, and every one that once found a fault.
    private static readonly int[] Fixed = [.. Enumerable.Range(1, 100), 561_507_498];

    [Fact]
    public async Task Engine_AnyInterleavingWithOperators_EndsEverythingOnceAndAsItShould()
    {
        if (Setting("WORKFLOWS_RANDOM_SEED") is { } one)
        {
            await RunAsync(one);
            return;
        }

        foreach (int seed in Fixed)
        {
            await RunAsync(seed);
        }

        var limit = TimeSpan.FromMinutes(Setting("WORKFLOWS_RANDOM_MINUTES") ?? 0);
        long started = Stopwatch.GetTimestamp();
        int count = 0;
        do
        {
            int seed = Random.Shared.Next(1000, int.MaxValue);
            output.WriteLine($"Random seed {seed}.");
            await RunAsync(seed);
            count++;
        }
        while (Stopwatch.GetElapsedTime(started) < limit);

        output.WriteLine($"{count} random seeds.");
    }

    private static async Task RunAsync(int seed)
    {
        await using var run = new RandomRun(seed);
        try
        {
            await run.RunAsync();
        }
        catch (Exception error)
        {
            throw new InvalidOperationException(
                $"Seed {seed} (WORKFLOWS_RANDOM_SEED={seed} repeats it) after {run.Trace}: {error.Message}", error);
        }
    }

    private static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value)
            ? value
            : null;
}
