using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The resumption of a run that had stopped: the beginning of another part of the same run.</summary>
/// <param name="Part">Number of the part, from 2; the first part is no resumption.</param>
/// <param name="Request">The run as it was first requested, by which a repeated request is recognised.</param>
/// <param name="StartedAt">Time at which the first part was started.</param>
/// <param name="Changes">Fields that differ from the part before.</param>
public sealed record RunResumption(
    int Part, RunSpec Request, DateTimeOffset StartedAt, IReadOnlyList<FieldChange> Changes)
{
    /// <summary>Gets the name of the caller who asked for it; null where callers have none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public string? By { get; init; }

    /// <summary>Gets the reason that the caller gave; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public string? Reason { get; init; }
}

/// <summary>A field that was changed at a resumption.</summary>
/// <param name="Field">Path of the field in the request, such as <c>training.steps</c>.</param>
/// <param name="From">Its value before, as JSON; null if it had none.</param>
/// <param name="To">Its value from now on, as JSON; null if it has none.</param>
public sealed record FieldChange(string Field, string? From, string? To);

/// <summary>The finished work of a run that is resumed.</summary>
/// <param name="Data">The corpus; null to prepare it again.</param>
/// <param name="CheckpointStep">Step of the newest checkpoint; 0 for none.</param>
/// <param name="IsTrained">true if the tuned model is complete.</param>
/// <param name="IsTranslated">true if the translations of both models are complete.</param>
/// <param name="NextAttempt">Number for the next attempt to get a TPU.</param>
/// <param name="Left">Nodes of earlier parts that are not proved gone.</param>
public sealed record ResumeState(
    PreparedData? Data, int CheckpointStep, bool IsTrained, bool IsTranslated, int NextAttempt,
    IReadOnlyList<NodeName> Left)
{
    /// <summary>Gets the state of a run in its first part: nothing is done.</summary>
    public static ResumeState Nothing { get; } = new(null, 0, false, false, 1, []);

    /// <summary>Gets a value indicating whether the run is still to take over the work of another one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool MustTakeOver { get; init; }
}
