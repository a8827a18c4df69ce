using System.Diagnostics;
using Microsoft.DurableTask;

namespace Workflows.DurableTask.Bench;

/// <summary>What the worker of the measurements can do.</summary>
internal static class Tasks
{
    public static readonly TaskName Steps = new("steps");
    public static readonly TaskName FanOut = new("fan-out");
    public static readonly TaskName LongHistory = new("long-history");
    public static readonly TaskName Timer = new("timer");
    public static readonly TaskName Wait = new("wait");

    private static readonly TaskName Nothing = new("nothing");
    private static readonly TaskName Clock = new("clock");

    /// <summary>How many rows of the store an orchestration of so many activities changes.</summary>
    public static int RowsOf(int activities) =>
        // The instance (added, begun, ended), its start, an episode for each step and the last, a message a step.
        3 + 1 + activities + 1 + activities;

    public static void Add(DurableTaskRegistry tasks, int activities)
    {
        tasks.AddActivityFunc<int, int>(Nothing, (_, value) => value);
        tasks.AddActivityFunc<double>(Clock, _ => Stopwatch.GetTimestamp() * 1000.0 / Stopwatch.Frequency);
        tasks.AddOrchestratorFunc<int, int>(Steps, async (context, value) =>
        {
            for (int step = 0; step < activities; step++)
            {
                value = await context.CallActivityAsync<int>(Nothing, value);
            }

            return value;
        });
        tasks.AddOrchestratorFunc<int, int>(FanOut, async (context, width) => (await Task.WhenAll(
            Enumerable.Range(0, width).Select(item => context.CallActivityAsync<int>(Nothing, item)))).Length);
        tasks.AddOrchestratorFunc<(int Wide, int Steps), double[]>(LongHistory, async (context, size) =>
        {
            await Task.WhenAll(
                Enumerable.Range(0, size.Wide).Select(item => context.CallActivityAsync<int>(Nothing, item)));
            double[] times = new double[size.Steps];
            double last = await context.CallActivityAsync<double>(Clock);
            for (int step = 0; step < size.Steps; step++)
            {
                double now = await context.CallActivityAsync<double>(Clock);
                times[step] = now - last;
                last = now;
            }

            return times;
        });
        tasks.AddOrchestratorFunc<int, double>(Timer, async (context, milliseconds) =>
        {
            DateTime due = context.CurrentUtcDateTime.AddMilliseconds(milliseconds);
            await context.CreateTimer(due, CancellationToken.None);
            return (context.CurrentUtcDateTime - due).TotalMilliseconds;
        });
        tasks.AddOrchestratorFunc<int, int>(Wait, (context, _) => context.WaitForExternalEvent<int>("go"));
    }
}
