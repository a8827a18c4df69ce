using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The origin of a run.</summary>
public sealed record RunOrigin
{
    /// <summary>Gets the name of the caller who started it; null where callers have none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? By { get; init; }

    /// <summary>Gets the run whose request it repeats; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunId? Of { get; init; }

    /// <summary>Gets the stage with which it begins: train, evaluate or report. It takes over the work of the stages
    /// before from <see cref="Of"/>; null to take over nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunStageName? From { get; init; }

    /// <summary>Gets the reason of a repetition; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }
}
