using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Workflows.Architecture.Tests;

/// <summary>No project of the product sees the internals of another; tests and benches may.</summary>
public sealed partial class InternalsTests
{
    [Fact]
    public void ProjectFiles_OfTheSource_OpenInternalsToTestsAndBenchesAlone()
    {
        var opened = Repository.ProjectFiles
            .SelectMany(path => XDocument.Load(path).Descendants("InternalsVisibleTo")
                .Select(item => (Path: path, Friend: item.Attribute("Include")!.Value)))
            .ToList();

        Assert.NotEmpty(opened);
        Assert.Equal([], opened.Where(each => !IsTestOrBench(each.Friend)).Select(Text));
    }

    [Fact]
    public void ProjectFiles_OfTheSource_OpenInternalsToProjectsThatExist()
    {
        var names = Repository.FilesBelow(["src", "tests", "bench", "samples"], "*.csproj")
            .Select(path => Path.GetFileNameWithoutExtension(path)).ToHashSet(StringComparer.Ordinal);

        Assert.Equal([], Repository.ProjectFiles
            .SelectMany(path => XDocument.Load(path).Descendants("InternalsVisibleTo")
                .Select(item => (Path: path, Friend: item.Attribute("Include")!.Value)))
            .Where(each => !names.Contains(each.Friend)).Select(Text));
    }

    [Fact]
    public void SourceFiles_OpenInternals_ToTestsAndBenchesAlone() => Assert.Equal([], Repository.SourceFiles
        .SelectMany(path => Attribute().Matches(File.ReadAllText(path))
            .Select(match => (Path: path, Friend: match.Groups[1].Value)))
        .Where(each => !IsTestOrBench(each.Friend)).Select(Text));

    // Kits are parts of tests: their folders are below tests/.
    private static bool IsTestOrBench(string friend) =>
        friend.EndsWith(".Tests", StringComparison.Ordinal) || friend.EndsWith(".Bench", StringComparison.Ordinal)
        || friend.StartsWith("Workflows.TestKit", StringComparison.Ordinal);

    private static string Text((string Path, string Friend) each) => $"{Repository.Relative(each.Path)}: {each.Friend}";

    [GeneratedRegex(@"InternalsVisibleTo\(\s*""([^"",]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Attribute();
}
