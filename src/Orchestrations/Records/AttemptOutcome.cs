using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The outcome of an attempt to get a TPU.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AttemptOutcome>))]
public enum AttemptOutcome
{
    /// <summary>The node is READY and its worker has connected.</summary>
    [JsonStringEnumMemberName("ready")]
    Ready,

    /// <summary>The cloud refused the request; no node was created.</summary>
    [JsonStringEnumMemberName("refused")]
    Refused,

    /// <summary>No request was sent, because the cloud refused this place lately.</summary>
    [JsonStringEnumMemberName("skipped")]
    Skipped,

    /// <summary>The creation failed after it was accepted.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,

    /// <summary>The node was not usable in time.</summary>
    [JsonStringEnumMemberName("timeout")]
    Timeout,

    /// <summary>The run was cancelled, or reached a limit, meanwhile.</summary>
    [JsonStringEnumMemberName("cancelled")]
    Cancelled,
}
