using System.Text;
using System.Text.Json;
using Workflows.Activities.Reporting;

namespace Workflows.Activities.Variants;

/// <summary>Writes the comparison of a group as JSON and as a page.</summary>
public static class ComparisonFiles
{
    /// <summary>Names of the files in the group's folder.</summary>
    public const string Json = "comparison.json", Page = "comparison.html";

    private static readonly JsonSerializerOptions Indented = new(RunLedger.Json) { WriteIndented = true };

    /// <summary>Writes a comparison.</summary>
    /// <param name="ledger">Resolves the group's folder.</param>
    /// <param name="comparison">The comparison.</param>
    /// <returns>The path of the JSON.</returns>
    internal static async Task<string> WriteAsync(RunLedger ledger, VariantComparison comparison)
    {
        var folder = ledger.DirectoryOf(comparison.RunId);
        var path = Path.Combine(folder, Json);
        await WriteAsync(path, JsonSerializer.Serialize(comparison, Indented) + "\n");
        await WriteAsync(Path.Combine(folder, Page), ComparisonPage.Render(comparison));
        return path;
    }

    private static async Task WriteAsync(string path, string text)
    {
        var aside = path + ".new";
        await File.WriteAllTextAsync(aside, text, new UTF8Encoding(false));
        File.Move(aside, path, overwrite: true);
    }
}
