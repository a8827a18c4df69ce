using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>What a run does when spot nodes are no longer enough.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SpotFallback>))]
public enum SpotFallback
{
    /// <summary>Nothing: it uses spot nodes alone.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>It goes over to on-demand nodes.</summary>
    [JsonStringEnumMemberName("on-demand")]
    OnDemand,
}
