using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>Something that an orchestrator asks for, as its action says it and as the history keeps it.</summary>
/// <param name="Id">Its number within the execution.</param>
/// <param name="Kind">Such as <c>activity</c> or <c>timer</c>.</param>
/// <param name="Name">Name of the activity, orchestrator or event, or the status of an ending.</param>
/// <param name="Detail">Version, instance, time, fault: all that must be the same to the letter.</param>
/// <param name="Payload">Input, or result.</param>
internal sealed record OrchestratorStep(int Id, string Kind, string Name, string Detail, string? Payload)
{
    private const int MostPayload = 400;

    /// <summary>Reads an action of a worker's answer.</summary>
    public static OrchestratorStep Of(OrchestratorAction action) => action switch
    {
        { ScheduleTask: { } task } => Activity(action.Id, task.Name, task.Version, task.Input),
        { CreateTimer: { } timer } => Timer(action.Id, timer.FireAt),
        { CreateSubOrchestration: { } child } =>
            Child(action.Id, child.Name, child.Version, child.InstanceId, child.Input),
        { SendEvent: { } send } => Sent(action.Id, send.Name, send.Instance.InstanceId, send.Data),
        { CompleteOrchestration: { } end } => End(action.Id, end),
        _ => throw new FormatException($"The replay knows no action {action.OrchestratorActionTypeCase}: add it."),
    };

    /// <summary>Reads an event of the history.</summary>
    /// <returns>null for one that no action made.</returns>
    public static OrchestratorStep? Of(HistoryEvent item) => item switch
    {
        { TaskScheduled: { } task } => Activity(item.EventId, task.Name, task.Version, task.Input),
        { TimerCreated: { } timer } => Timer(item.EventId, timer.FireAt),
        { SubOrchestrationInstanceCreated: { } child } =>
            Child(item.EventId, child.Name, child.Version, child.InstanceId, child.Input),
        { EventSent: { } sent } => Sent(item.EventId, sent.Name, sent.InstanceId, sent.Input),
        _ => null,
    };

    /// <summary>Compares with the same step of a replay.</summary>
    /// <returns>The first difference; null: none.</returns>
    public string? DifferenceTo(OrchestratorStep replayed) => replayed with { Payload = Payload } == this
        ? PayloadDifference(Payload, replayed.Payload)
        : $"'{this with { Payload = null }}' became '{replayed with { Payload = null }}'";

    /// <summary>
    /// Compares payloads. A replayed one may have more properties than the recorded one: a new field of a record, with
    /// a default, changes nothing for an instance that runs.
    /// </summary>
    /// <returns>The path and both values of the first difference; null: none.</returns>
    public static string? PayloadDifference(string? recorded, string? replayed)
    {
        if (recorded is null or "" || replayed is null or "")
        {
            return string.IsNullOrEmpty(recorded) == string.IsNullOrEmpty(replayed)
                ? null
                : $"'{recorded}' became '{replayed}'";
        }

        return Difference("$", JsonNode.Parse(recorded), JsonNode.Parse(replayed));
    }

    public override string ToString()
    {
        var payload = Payload is { Length: > MostPayload } ? $"{Payload[..MostPayload]}..." : Payload;
        return $"#{Id} {Kind} {Name} {Detail}{(payload is null ? "" : $" {payload}")}";
    }

    private static string? Difference(string path, JsonNode? was, JsonNode? now) => (was, now) switch
    {
        (JsonObject old, JsonObject next) => old
            .Select(pair => next.TryGetPropertyValue(pair.Key, out var value)
                ? Difference($"{path}.{pair.Key}", pair.Value, value)
                : $"{path}.{pair.Key} is gone")
            .FirstOrDefault(difference => difference is not null),
        (JsonArray old, JsonArray next) when old.Count == next.Count => old
            .Select((item, index) => Difference($"{path}[{index}]", item, next[index]))
            .FirstOrDefault(difference => difference is not null),
        _ => JsonNode.DeepEquals(was, now) ? null : $"{path}: {Shown(was)} became {Shown(now)}",
    };

    private static string Shown(JsonNode? node) => node?.ToJsonString() ?? "null";

    private static OrchestratorStep Activity(int id, string name, string? version, string? input) =>
        new(id, "activity", name, OfVersion(version), input);

    private static OrchestratorStep Timer(int id, Timestamp at) =>
        new(id, "timer", "", $"at {at.ToDateTime():O}", null);

    private static OrchestratorStep Child(int id, string name, string? version, string instance, string? input) =>
        new(id, "child", name, $"as '{instance}'{OfVersion(version)}", input);

    private static OrchestratorStep Sent(int id, string name, string instance, string? data) =>
        new(id, "event", name, $"to '{instance}'", data);

    private static OrchestratorStep End(int id, CompleteOrchestrationAction end)
    {
        var fault = end.FailureDetails is { } failure ? $"{failure.ErrorType}: {failure.ErrorMessage}" : "";
        var kept = end.CarryoverEvents.Select(item => item.EventRaised?.Name ?? $"{item.EventTypeCase}");
        var detail = string.Join(", ", [.. kept.Select(name => $"keeping {name}"), fault]);
        return new OrchestratorStep(id, "end", $"{end.OrchestrationStatus}", detail, end.Result);
    }

    private static string OfVersion(string? version) => string.IsNullOrEmpty(version) ? "" : $" of version {version}";
}
