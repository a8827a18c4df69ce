using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The directions in which one model is trained and evaluated.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunDirection>))]
public enum RunDirection
{
    /// <summary>Korean to English.</summary>
    [JsonStringEnumMemberName("ko-en")]
    KoToEn,

    /// <summary>English to Korean.</summary>
    [JsonStringEnumMemberName("en-ko")]
    EnToKo,

    /// <summary>Both of them: every pair is trained in both directions.</summary>
    [JsonStringEnumMemberName("both")]
    Both,
}
