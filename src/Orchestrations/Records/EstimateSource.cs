using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The sources of a plan's figures, the most reliable first.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EstimateSource>))]
public enum EstimateSource
{
    /// <summary>An earlier run of this service measured it.</summary>
    [JsonStringEnumMemberName("measured")]
    Measured,

    /// <summary>A compiler for the chips counted it in the run's own programs.</summary>
    [JsonStringEnumMemberName("compiled")]
    Compiled,

    /// <summary>It is counted from the run's own programs, without a compiler.</summary>
    [JsonStringEnumMemberName("ir")]
    Ir,

    /// <summary>It is assumed; the plan's assumptions say what.</summary>
    [JsonStringEnumMemberName("assumed")]
    Assumed,
}
