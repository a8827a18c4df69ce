using System.Text.Json;
using System.Text.Json.Serialization;
using DurableTask.Core.History;
using Microsoft.DurableTask.Client;
using Workflows.Orchestrations;
using Workflows.Service.Logs;

namespace Workflows.Service.Runs;

/// <summary>An event of the engine's history, as Durable Functions shows it: the end of an activity, a child or a timer
/// has the time at which it was scheduled, and stands for both.</summary>
/// <param name="EventType">Its kind, such as <c>TaskCompleted</c>.</param>
/// <param name="Timestamp">Its time.</param>
public sealed record HistoryEventView(string EventType, DateTimeOffset Timestamp)
{
    /// <summary>Gets the orchestration, activity or event; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    /// <summary>Gets the time at which it was scheduled; null for an event that is not scheduled.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? ScheduledTime { get; init; }

    /// <summary>Gets the instance of a child; null for others.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? InstanceId { get; init; }

    /// <summary>Gets the time at which a timer fires; null for others.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? FireAt { get; init; }

    /// <summary>Gets the reason of a failure, a suspension or an end; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>Gets the status with which the orchestration ended; null for other events.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? OrchestrationStatus { get; init; }

    /// <summary>Gets the input, only with <c>showHistoryOutput</c>; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Input { get; init; }

    /// <summary>Gets the result, only with <c>showHistoryOutput</c>; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Result { get; init; }
}

/// <summary>Reads the engine's history of a run.</summary>
internal static class RunHistory
{
    /// <summary>Most events that are shown, the newest: a run of weeks polls its node many times.</summary>
    public const int Most = 5000;

    /// <summary>Adds the history to the view of a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="client">The engine.</param>
    /// <param name="withOutput">true to show inputs and results, too.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The run with its history.</returns>
    public static async Task<RunView> AddAsync(
        RunView run, DurableTaskClient client, bool withOutput, CancellationToken cancellation)
    {
        // An instance that waits for its first episode has no history yet.
        var events = run.Status == RunStatus.Pending
            ? [] : Of(await client.GetOrchestrationHistoryAsync(run.Id.Value, cancellation), withOutput);
        return run with
        {
            HistoryEvents = [.. events.Skip(events.Count - Most)],
            HistoryEventsLeftOut = events.Count > Most ? events.Count - Most : null,
        };
    }

    /// <summary>Converts a history.</summary>
    /// <param name="history">The engine's events in their order.</param>
    /// <param name="withOutput">true to show inputs and results, too.</param>
    /// <returns>The events, without those that an end stands for.</returns>
    public static IReadOnlyList<HistoryEventView> Of(IEnumerable<HistoryEvent> history, bool withOutput)
    {
        var views = new List<HistoryEventView?>();
        var scheduled = new Dictionary<int, int>();
        foreach (var each in history)
        {
            if (each is OrchestratorStartedEvent or OrchestratorCompletedEvent)
            {
                // The engine's own steps, which tell nothing about the run.
                continue;
            }

            var view = ViewOf(each, withOutput);
            if (each is TaskScheduledEvent or SubOrchestrationInstanceCreatedEvent or TimerCreatedEvent)
            {
                scheduled[each.EventId] = views.Count;
            }
            else if (ScheduleOf(each) is { } id && scheduled.Remove(id, out var at) && views[at] is { } begun)
            {
                view = view with
                {
                    Name = begun.Name,
                    InstanceId = begun.InstanceId,
                    FireAt = view.FireAt ?? begun.FireAt,
                    ScheduledTime = begun.Timestamp,
                    Input = begun.Input,
                };
                views[at] = null;
            }

            views.Add(view);
        }

        return [.. views.OfType<HistoryEventView>()];
    }

    private static int? ScheduleOf(HistoryEvent each) => each switch
    {
        TaskCompletedEvent done => done.TaskScheduledId,
        TaskFailedEvent failed => failed.TaskScheduledId,
        SubOrchestrationInstanceCompletedEvent done => done.TaskScheduledId,
        SubOrchestrationInstanceFailedEvent failed => failed.TaskScheduledId,
        TimerFiredEvent fired => fired.TimerId,
        _ => null,
    };

    private static HistoryEventView ViewOf(HistoryEvent each, bool withOutput)
    {
        var view = new HistoryEventView($"{each.EventType}", Utc(each.Timestamp));
        return each switch
        {
            ExecutionStartedEvent start => view with { Name = start.Name, Input = Data(start.Input) },
            ExecutionTerminatedEvent end => view with { Reason = Text(end.Input) },
            ExecutionCompletedEvent end => view with
            {
                OrchestrationStatus = $"{end.OrchestrationStatus}",
                Reason = Text(end.FailureDetails?.ErrorMessage),
                Result = Data(end.Result),
            },
            ExecutionSuspendedEvent held => view with { Reason = Text(held.Reason) },
            ExecutionResumedEvent resumed => view with { Reason = Text(resumed.Reason) },
            TaskScheduledEvent task => view with { Name = task.Name, Input = Data(task.Input) },
            TaskCompletedEvent task => view with { Result = Data(task.Result) },
            TaskFailedEvent task => view with { Reason = Text(task.FailureDetails?.ErrorMessage ?? task.Reason) },
            SubOrchestrationInstanceCreatedEvent child => view with
            {
                Name = child.Name,
                InstanceId = child.InstanceId,
                Input = Data(child.Input),
            },
            SubOrchestrationInstanceCompletedEvent child => view with { Result = Data(child.Result) },
            SubOrchestrationInstanceFailedEvent child => view with
            {
                Reason = Text(child.FailureDetails?.ErrorMessage ?? child.Reason),
            },
            TimerCreatedEvent timer => view with { FireAt = Utc(timer.FireAt) },
            TimerFiredEvent timer => view with { FireAt = Utc(timer.FireAt) },
            EventRaisedEvent raised => view with { Name = raised.Name, Input = Data(raised.Input) },
            EventSentEvent sent => view with { Name = sent.Name, InstanceId = sent.InstanceId },
            _ => view,
        };

        JsonElement? Data(string? text)
        {
            if (!withOutput || string.IsNullOrEmpty(text))
            {
                return null;
            }

            var shown = SecretText.Without(text);
            try
            {
                return JsonElement.Parse(shown);
            }
            catch (JsonException)
            {
                return JsonSerializer.SerializeToElement(shown);
            }
        }
    }

    private static string? Text(string? text) => string.IsNullOrEmpty(text) ? null : SecretText.Without(text);

    private static DateTimeOffset Utc(DateTime time) => new(DateTime.SpecifyKind(time, DateTimeKind.Utc));
}
