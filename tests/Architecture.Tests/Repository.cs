using Workflows.TestKit;

namespace Workflows.Architecture.Tests;

/// <summary>The checkout that these tests were built from.</summary>
internal static class Repository
{
    private static readonly string[] Built = ["/obj/", "/bin/", "/artifacts/"];

    public static string Root => Checkout.Root;

    /// <summary>Gets the C# files of the product.</summary>
    public static IEnumerable<string> SourceFiles => FilesBelow("src");

    /// <summary>Gets the project files of the product.</summary>
    public static IEnumerable<string> ProjectFiles => FilesBelow(["src"], "*.csproj");

    /// <summary>C# files below folders of the checkout, without generated ones.</summary>
    public static IEnumerable<string> FilesBelow(params string[] folders) => FilesBelow(folders, "*.cs");

    /// <summary>Files below folders of the checkout, without generated ones.</summary>
    public static IEnumerable<string> FilesBelow(string[] folders, string pattern) => folders
        .Select(folder => Path.Combine(Root, folder))
        .SelectMany(folder => Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories))
        .Where(path => !Array.Exists(Built, part => $"/{Relative(path)}".Contains(part, StringComparison.Ordinal)));

    public static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');
}
