using System.Text.Json;

namespace Workflows.Translation.Tests;

/// <summary>
/// Reference data that lies outside the repository; tests that need it are skipped where it is absent.
/// </summary>
internal static class Fixtures
{
    public static string Require(params string[] parts)
    {
        var root = Root();
        Assert.SkipWhen(root is null, "No reference data: set WORKFLOWS_FIXTURES or put it at ../shared/fixtures.");
        var path = Path.Combine([root!, .. parts]);
        Assert.SkipUnless(Path.Exists(path), $"No reference data at '{Path.Combine(parts)}'.");
        return path;
    }

    /// <summary>As <see cref="Require"/>, but null where it is absent.</summary>
    public static string? Find(params string[] parts) =>
        Root() is { } root && Path.Combine([root, .. parts]) is var path && Path.Exists(path) ? path : null;

    public static JsonElement Json(params string[] parts)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Require(parts)));
        return document.RootElement.Clone();
    }

    /// <summary>Lines that end with "\n" and nothing else.</summary>
    public static string[] Lines(params string[] parts) => File.ReadAllText(Require(parts)).Split('\n')[..^1];

    private static string? Root()
    {
        if (Environment.GetEnvironmentVariable("WORKFLOWS_FIXTURES") is { Length: > 0 } given)
        {
            return given;
        }

        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "shared", "fixtures");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }
}
