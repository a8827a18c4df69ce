using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>How a run stands, or how it ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunStatus>))]
public enum RunStatus
{
    /// <summary>Accepted, and not begun yet.</summary>
    [JsonStringEnumMemberName("pending")]
    Pending,

    /// <summary>Under way.</summary>
    [JsonStringEnumMemberName("running")]
    Running,

    /// <summary>Paused in the engine.</summary>
    [JsonStringEnumMemberName("suspended")]
    Suspended,

    /// <summary>Ended with a verdict.</summary>
    [JsonStringEnumMemberName("succeeded")]
    Succeeded,

    /// <summary>Ended by a fault, a refusal or its budget.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,

    /// <summary>Ended by a cancel, with everything given back.</summary>
    [JsonStringEnumMemberName("cancelled")]
    Cancelled,

    /// <summary>Ended by force in the engine: teardown did not run.</summary>
    [JsonStringEnumMemberName("terminated")]
    Terminated,
}
