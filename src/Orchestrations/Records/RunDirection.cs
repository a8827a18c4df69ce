using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The directions that one model learns and is judged in.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunDirection>))]
public enum RunDirection
{
    /// <summary>Korean to English.</summary>
    [JsonStringEnumMemberName("ko-en")]
    KoToEn,

    /// <summary>English to Korean.</summary>
    [JsonStringEnumMemberName("en-ko")]
    EnToKo,

    /// <summary>Each of the two: every pair is learned both ways.</summary>
    [JsonStringEnumMemberName("both")]
    Both,
}
