using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>
/// An orchestrator as simple as one can be, decided from the history alone: its input is a list of steps, one letter
/// each (a: activity, t: timer of a second, c: child, e: event, n: go on as new), and its result is what its
/// activities, children and events gave, in order.
/// </summary>
internal static class StepsWorker
{
    public static IReadOnlyList<OrchestratorAction> Decide(OrchestratorRequest request)
    {
        List<HistoryEvent> history = [.. request.PastEvents, .. request.NewEvents];
        HistoryEvent[] starts = [.. history.Where(item => item.ExecutionStarted is not null)];
        Assert.Single(starts);
        // An input is what is left to do and what was gathered so far.
        string[] input = starts[0].ExecutionStarted.Input.Split('|');
        string gathered = input[1];
        if (history.Find(item => item.ExecutionTerminated is not null) is { } terminated)
        {
            return [End(OrchestrationStatus.Terminated, terminated.ExecutionTerminated.Input)];
        }

        var events = new Queue<HistoryEvent>(history.Where(item => item.EventRaised is not null));
        for (int step = 0; step < input[0].Length; step++)
        {
            char kind = input[0][step];
            if (kind == 'n')
            {
                OrchestratorAction next = End(
                    OrchestrationStatus.ContinuedAsNew, $"{input[0][(step + 1)..]}|{gathered}");
                next.CompleteOrchestration.CarryoverEvents.AddRange(events);
                return [next];
            }

            string? result = kind == 'e'
                ? events.TryDequeue(out HistoryEvent? raised) ? raised.EventRaised.Input : null
                : Result(history, step);
            if (result is null)
            {
                bool isAsked = kind == 'e' || history.Exists(item => item.EventId == step);
                return isAsked ? [] : [Ask(kind, step, request)];
            }

            gathered += result;
        }

        return [End(OrchestrationStatus.Completed, gathered)];
    }

    private static string? Result(List<HistoryEvent> history, int step)
    {
        // Every task has one result; a second one would show in the sum of what was gathered.
        HistoryEvent[] results =
        [
            .. history.Where(item => item.TaskCompleted?.TaskScheduledId == step
                || item.TimerFired?.TimerId == step
                || item.SubOrchestrationInstanceCompleted?.TaskScheduledId == step),
        ];
        Assert.True(results.Length <= 1, $"Task {step} has {results.Length} results.");
        return results.Length == 0 ? null
            : results[0].TaskCompleted?.Result ?? results[0].SubOrchestrationInstanceCompleted?.Result ?? string.Empty;
    }

    private static OrchestratorAction Ask(char kind, int id, OrchestratorRequest request) => kind switch
    {
        'a' => new() { Id = id, ScheduleTask = new() { Name = "letter", Input = "x" } },
        't' => new()
        {
            Id = id,
            CreateTimer = new()
            {
                FireAt = request.NewEvents[0].Timestamp + Duration.FromTimeSpan(TimeSpan.FromSeconds(1)),
            },
        },
        _ => new() { Id = id, CreateSubOrchestration = new() { Name = "steps", Input = "a|" } },
    };

    private static OrchestratorAction End(OrchestrationStatus status, string? result) => new()
    {
        Id = 1000,
        CompleteOrchestration = new() { OrchestrationStatus = status, Result = result },
    };
}
