using System.Text.Json.Serialization;

namespace Workflows.Activities.Reporting;

/// <summary>Outcome of the comparison of the tuned model with the base model.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<VerdictOutcome>))]
public enum VerdictOutcome
{
    /// <summary>The difference can be chance.</summary>
    [JsonStringEnumMemberName("no significant difference")]
    NoSignificantDifference,

    /// <summary>Better, and not by chance.</summary>
    [JsonStringEnumMemberName("finer")]
    Finer,

    /// <summary>Worse, and not by chance.</summary>
    [JsonStringEnumMemberName("worse")]
    Worse,

    /// <summary>Every output is the same, so there was nothing to compare.</summary>
    [JsonStringEnumMemberName("identical")]
    Identical,
}
