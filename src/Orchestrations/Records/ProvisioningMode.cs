using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The ways to rent a TPU.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ProvisioningMode>))]
public enum ProvisioningMode
{
    /// <summary>Cheap, and can be preempted at any moment.</summary>
    [JsonStringEnumMemberName("spot")]
    Spot,

    /// <summary>Kept until it is released.</summary>
    [JsonStringEnumMemberName("on-demand")]
    OnDemand,

    /// <summary>By queued resources only: kept until a maximum run duration is over, and never preempted.</summary>
    [JsonStringEnumMemberName("flex-start")]
    FlexStart,

    /// <summary>From a reservation that the project has in the zone: kept until it is released.</summary>
    [JsonStringEnumMemberName("reserved")]
    Reserved,
}
