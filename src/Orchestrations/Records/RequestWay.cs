using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The ways to ask for a node.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RequestWay>))]
public enum RequestWay
{
    /// <summary>A node, which the cloud gives or refuses at once.</summary>
    [JsonStringEnumMemberName("node")]
    Node,

    /// <summary>A queued resource, which waits for capacity for some time.</summary>
    [JsonStringEnumMemberName("queued-resource")]
    QueuedResource,
}
