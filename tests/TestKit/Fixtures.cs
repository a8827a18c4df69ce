using System.Text.Json;

namespace Workflows.TestKit;

/// <summary>
/// Reference data that lies outside the repository: in the folder that the variable WORKFLOWS_FIXTURES names, else in
/// <c>shared/fixtures</c> beside or above the checkout. Tests that need it are skipped where it is absent.
/// </summary>
public static class Fixtures
{
    /// <summary>Gets the folder of all reference data, or null if there is none.</summary>
    public static string? Root => Environment.GetEnvironmentVariable("WORKFLOWS_FIXTURES") is { Length: > 0 } given
        ? given
        : Above("shared", "fixtures");

    /// <summary>Finds a file or folder, or skips the running test.</summary>
    /// <param name="parts">The names below the folder of all reference data.</param>
    /// <returns>Its full path.</returns>
    public static string Require(params string[] parts)
    {
        Skipped.Unless(Root is not null, "No reference data: set WORKFLOWS_FIXTURES or put it at ../shared/fixtures.");
        var path = Find(parts);
        Skipped.Unless(path is not null, $"No reference data at '{Path.Combine([Root, .. parts])}'.");
        return path;
    }

    /// <summary>Finds a file or folder.</summary>
    /// <param name="parts">The names below the folder of all reference data.</param>
    /// <returns>Its full path, or null if it is absent.</returns>
    public static string? Find(params string[] parts) =>
        Root is { } root && Path.Combine([root, .. parts]) is var path && Path.Exists(path) ? path : null;

    /// <summary>Reads a JSON file, or skips the running test.</summary>
    /// <param name="parts">The names below the folder of all reference data.</param>
    /// <returns>The document's root.</returns>
    public static JsonElement Json(params string[] parts)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Require(parts)));
        return document.RootElement.Clone();
    }

    /// <summary>Reads lines that end with "\n" and nothing else, or skips the running test.</summary>
    /// <param name="parts">The names below the folder of all reference data.</param>
    /// <returns>The lines without their ends.</returns>
    public static string[] Lines(params string[] parts) => File.ReadAllText(Require(parts)).Split('\n')[..^1];

    /// <summary>Finds a file or folder beside or above the program's own folder.</summary>
    /// <param name="parts">The names below one of the folders above.</param>
    /// <returns>Its full path, or null if no folder above has it.</returns>
    public static string? Above(params string[] parts)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine([folder.FullName, .. parts]);
            if (Path.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }
}
