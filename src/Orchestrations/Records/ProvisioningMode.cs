using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>How a TPU is rented.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ProvisioningMode>))]
public enum ProvisioningMode
{
    /// <summary>Cheap, and taken away at any moment.</summary>
    [JsonStringEnumMemberName("spot")]
    Spot,

    /// <summary>Kept until it is given back.</summary>
    [JsonStringEnumMemberName("on-demand")]
    OnDemand,
}
