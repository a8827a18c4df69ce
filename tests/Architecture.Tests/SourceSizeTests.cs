using System.Text.RegularExpressions;

namespace Workflows.Architecture.Tests;

/// <summary>Limits of lines, columns, and lines of a type with all its parts; no compiler checks them.</summary>
public sealed partial class SourceSizeTests
{
    private const int MaxLines = 400, MaxTypeLines = 800, MaxColumns = 120;

    /// <summary>Types whose parts together may be longer, each with its reason.</summary>
    private static readonly Dictionary<string, string> LongTypes = new(StringComparer.Ordinal)
    {
        ["Workflows.GoogleCloud.TpuEmulator.Cloud.EmulatedCloud"] =
            "one state machine under one lock: nodes, queued resources and operations change together",
    };

    [Fact]
    public void SourceFiles_UnderSrc_StayWithinTheirLines() => Assert.Equal([], Repository.SourceFiles
        .Select(path => (Name: Repository.Relative(path), Lines: File.ReadLines(path).Count()))
        .Where(file => file.Lines > MaxLines)
        .Select(file => $"{file.Name}: {file.Lines} lines, at most {MaxLines}"));

    [Fact]
    public void SourceFiles_Everywhere_StayWithinTheirColumns()
    {
        var problems =
            from path in Repository.FilesBelow("src", "tests", "bench", "samples")
            let name = Repository.Relative(path)
            from line in File.ReadLines(path).Select((text, index) => (Text: text, Number: index + 1))
            where line.Text.Length > MaxColumns
            select $"{name}:{line.Number}: {line.Text.Length} columns, at most {MaxColumns}";

        Assert.Equal([], problems);
    }

    [Fact]
    public void Types_OfAllTheirParts_StayWithinTheirLines()
    {
        var parts = Repository.SourceFiles.SelectMany(PartsOf).ToLookup(part => part.Type, part => part.Lines);
        var problems = parts.Where(type => type.Sum() > MaxTypeLines && !LongTypes.ContainsKey(type.Key))
            .Select(type => $"{type.Key}: {type.Sum()} lines in {type.Count()} files, at most {MaxTypeLines}");

        Assert.True(parts.Count > 10, $"Only {parts.Count} types in parts were found.");
        Assert.Equal([], problems);
    }

    /// <summary>Partial types that a file declares outside all others, with the file's lines.</summary>
    private static IEnumerable<(string Type, int Lines)> PartsOf(string path)
    {
        var text = File.ReadAllText(path);
        var lines = text.Count(letter => letter == '\n');
        return PartialType().Matches(text)
            .Select(match => ($"{Namespace().Match(text).Groups[1].Value}.{match.Groups[1].Value}", lines));
    }

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Namespace();

    [GeneratedRegex(
        @"^(?:\w+ )*partial (?:class|struct|interface|record(?: class| struct)?) (\w+)",
        RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex PartialType();
}
