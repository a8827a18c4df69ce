using System.Text.Json;
using Workflows.Activities.Reporting;

namespace Workflows.Activities.Variants;

/// <summary>Writes the comparison of a group as JSON and as a page in each language.</summary>
public static class ComparisonFiles
{
    /// <summary>Names of the files in the group's folder.</summary>
    public const string Json = "comparison.json", Page = "comparison.html", KoreanPage = "comparison.ko.html";

    private static readonly JsonSerializerOptions Indented = new(RunLedger.Json) { WriteIndented = true };

    /// <summary>Returns the name of the page in a language.</summary>
    /// <param name="language">The language.</param>
    /// <returns>The file's name.</returns>
    public static string PageIn(Language language) => language == Language.Korean ? KoreanPage : Page;

    /// <summary>Writes a comparison.</summary>
    /// <param name="ledger">Resolves the group's folder.</param>
    /// <param name="comparison">The comparison.</param>
    /// <returns>The path of the JSON.</returns>
    internal static async Task<string> WriteAsync(RunLedger ledger, VariantComparison comparison)
    {
        await RunFiles.WriteAsync(
            ledger, comparison.RunId, Json, JsonSerializer.Serialize(comparison, Indented) + "\n");
        foreach (var language in Enum.GetValues<Language>())
        {
            await RunFiles.WriteAsync(
                ledger, comparison.RunId, PageIn(language), ComparisonPage.Render(comparison, language));
        }

        return Path.Combine(ledger.DirectoryOf(comparison.RunId), Json);
    }
}
