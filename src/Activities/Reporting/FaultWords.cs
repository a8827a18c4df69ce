using System.Collections.Frozen;
using System.Text.Json;

namespace Workflows.Activities.Reporting;

/// <summary>
/// Explains the codes of failures and refusals in the reader's language. The messages themselves are English: they have
/// the words of the cloud, of files and of settings.
/// </summary>
public static class FaultWords
{
    private const string Resource = "Workflows.Activities.faults-korean.json";

    private static readonly Lazy<FrozenDictionary<string, string>> Korean = new(
        () => JsonSerializer.Deserialize<Dictionary<string, string>>(KoreanJson())!
            .ToFrozenDictionary(StringComparer.Ordinal));

    /// <summary>Names the message and the fix of a failure on Korean pages and terminals: they are English.</summary>
    public const string KoreanMessage = "자세한 내용(영어):", KoreanFix = "해결 방법(영어):";

    /// <summary>Gets the codes that are explained.</summary>
    public static IReadOnlyCollection<string> Codes => Korean.Value.Keys;

    /// <summary>Explains a code.</summary>
    /// <param name="code">The code, such as <c>NO_CAPACITY</c>.</param>
    /// <param name="language">The reader's language.</param>
    /// <returns>One or two sentences; null where the message says it in that language, or for a code of another
    /// version.</returns>
    public static string? Of(string? code, Language language) => language == Language.Korean && code is not null
        ? Korean.Value.GetValueOrDefault(code) : null;

    /// <summary>Returns the Korean sentences as a JSON object, a member for each code.</summary>
    public static byte[] KoreanJson()
    {
        using var stream = typeof(FaultWords).Assembly.GetManifestResourceStream(Resource)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
