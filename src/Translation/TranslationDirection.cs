using System.Text.Json.Serialization;

namespace Workflows.Translation;

/// <summary>Which of the two languages is translated into the other.</summary>
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
