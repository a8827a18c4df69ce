using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.RegularExpressions;

namespace Workflows.Service.Files;

/// <summary>Names of uploaded files: letters and digits of any script, dots, dashes and underscores.</summary>
internal static partial class FileName
{
    /// <summary>The rule in words.</summary>
    public const string Rule = "Use up to 100 letters, digits, dots, dashes and underscores, beginning with a letter, "
        + "digit or underscore: pairs.tsv.";

    // Of file systems, in bytes; with room for names beside it.
    private const int MostBytes = 200;

    /// <summary>Reads a name, which is composed (NFC), since macOS writes Hangul decomposed.</summary>
    /// <param name="given">Any text.</param>
    /// <param name="name">The name.</param>
    /// <returns>false if it is none.</returns>
    public static bool TryParse(string given, [NotNullWhen(true)] out string? name)
    {
        name = null;
        if (given.Length is 0 or > 400 || !IsText(given))
        {
            return false;
        }

        var composed = given.Normalize(NormalizationForm.FormC);
        if (!Pattern().IsMatch(composed) || Encoding.UTF8.GetByteCount(composed) > MostBytes)
        {
            return false;
        }

        name = composed;
        return true;
    }

    // Half of a surrogate pair cannot be normalized.
    private static bool IsText(string given)
    {
        try
        {
            return given.IsNormalized(NormalizationForm.FormC) || given.Length > 0;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._-]{0,99}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
