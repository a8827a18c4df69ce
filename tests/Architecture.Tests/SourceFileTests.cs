namespace Workflows.Architecture.Tests;

/// <summary>What neither the compiler nor the formatter checks.</summary>
public sealed class SourceFileTests
{
    [Fact]
    public void SourceFiles_UnderSrc_LeaveNothingUnfinished()
    {
        string[] marks =
        [
            "new NotImplementedException()", "throw new NotSupportedException()", "TO" + "DO", "FIX" + "ME",
            "HA" + "CK",
        ];

        var problems =
            from path in Repository.SourceFiles
            from line in File.ReadLines(path).Select((text, index) => (Text: text, Number: index + 1))
            from mark in marks
            where line.Text.Contains(mark, StringComparison.Ordinal)
            select $"{Repository.Relative(path)}:{line.Number}: {mark}";

        Assert.Empty(problems);
    }

    [Fact]
    public void ErrorCodes_InSource_AllHaveAnEntryInTheDocumentation()
    {
        var documented = File.ReadAllText(Path.Combine(Repository.Root, "docs", "errors.md"));
        var constructors = new System.Text.RegularExpressions.Regex(
            "new (?:Refusal|RunFailure|RunFaultException|Rule)\\(\\s*\"([A-Z][A-Z_]+)\""
            + "|new\\(\"([A-Z][A-Z_]+)\", RefusalScope"
            + "|Problems\\.Of\\(\\s*StatusCodes\\.\\w+, \"([A-Z_]+)\"|Failed\\(\"([A-Z_]+)\"");

        var codes = Repository.SourceFiles
            .SelectMany(path => constructors.Matches(File.ReadAllText(path)))
            .Select(match => match.Groups.Values.Skip(1).First(group => group.Success).Value)
            .Distinct()
            .ToList();

        Assert.True(codes.Count > 20, $"Only {codes.Count} codes were found: the pattern no longer fits the source.");
        Assert.Equal([], codes.FindAll(code => !documented.Contains($"`{code}`", StringComparison.Ordinal)));
    }
}
