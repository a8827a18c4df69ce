using System.Text.Json.Serialization;

namespace Workflows.Translation;

/// <summary>The direction of a translation.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TranslationDirection>))]
public enum TranslationDirection
{
    /// <summary>From Korean into English.</summary>
    [JsonStringEnumMemberName(TranslationDirections.KoToEnCode)]
    KoToEn,

    /// <summary>From English into Korean.</summary>
    [JsonStringEnumMemberName(TranslationDirections.EnToKoCode)]
    EnToKo,
}
