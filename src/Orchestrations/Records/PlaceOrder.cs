using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The order in which a run tries its places.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PlaceOrder>))]
public enum PlaceOrder
{
    /// <summary>The types of the request in their order, and its zones in theirs; without zones those of a type by
    /// expected cost.</summary>
    [JsonStringEnumMemberName("listed")]
    Listed,

    /// <summary>All places of all types by the expected cost of the whole run.</summary>
    [JsonStringEnumMemberName("cost")]
    Cost,
}
