using System.Text.Json.Serialization;

namespace Workflows.Activities.Reporting;

/// <summary>Outcome of the comparison of the tuned model with the base model.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<VerdictOutcome>))]
public enum VerdictOutcome
{
    /// <summary>The difference is not significant.</summary>
    [JsonStringEnumMemberName("no significant difference")]
    NoSignificantDifference,

    /// <summary>The tuned model is significantly better.</summary>
    [JsonStringEnumMemberName("finer")]
    Finer,

    /// <summary>The tuned model is significantly worse.</summary>
    [JsonStringEnumMemberName("worse")]
    Worse,

    /// <summary>All outputs are the same, so there was nothing to compare.</summary>
    [JsonStringEnumMemberName("identical")]
    Identical,

    /// <summary>The base model gave one output for every sentence, so there was nothing to compare with.</summary>
    [JsonStringEnumMemberName("not compared")]
    NotCompared,
}
