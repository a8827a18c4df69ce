using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The status of a run.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunStatus>))]
public enum RunStatus
{
    /// <summary>Accepted, and not begun yet.</summary>
    [JsonStringEnumMemberName("pending")]
    Pending,

    /// <summary>Under way.</summary>
    [JsonStringEnumMemberName("running")]
    Running,

    /// <summary>Suspended: without a node, until it is unsuspended; or suspended in the engine.</summary>
    [JsonStringEnumMemberName("suspended")]
    Suspended,

    /// <summary>Ended with a verdict.</summary>
    [JsonStringEnumMemberName("succeeded")]
    Succeeded,

    /// <summary>Ended by a fault, a refusal or its budget.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,

    /// <summary>Ended by a cancellation, with every node released.</summary>
    [JsonStringEnumMemberName("cancelled")]
    Cancelled,

    /// <summary>Terminated in the engine, so that the teardown did not run.</summary>
    [JsonStringEnumMemberName("terminated")]
    Terminated,
}
