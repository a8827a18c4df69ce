using System.Text.RegularExpressions;

namespace Workflows.Architecture.Tests;

/// <summary>The solution builds everything, in the configurations that projects have.</summary>
public sealed partial class SolutionTests
{
    /// <summary>Left out: LibTorch is hundreds of megabytes, and only this program wants it.</summary>
    private const string LeftOut = "bench/PyTorch/Workflows.PyTorch.Bench.csproj";

    private static readonly string Text = File.ReadAllText(Path.Combine(Repository.Root, "Workflows.sln"));

    [Fact]
    public void Solution_Projects_AreAllThatThereAre()
    {
        var listed = ProjectPath().Matches(Text).Select(match => match.Value.Replace('\\', '/'));
        var existing = Repository.FilesBelow(["src", "tests", "bench", "samples"], "*.csproj")
            .Select(Repository.Relative);

        Assert.Equal(existing.Except([LeftOut]).Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Solution_Platforms_AreTheOneThatProjectsHave()
    {
        Assert.Contains("Debug|Any CPU", Text, StringComparison.Ordinal);
        Assert.DoesNotContain("|x64", Text, StringComparison.Ordinal);
        Assert.DoesNotContain("|x86", Text, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"[A-Za-z][\w.]*\\[\w.\\]+\.csproj", RegexOptions.CultureInvariant)]
    private static partial Regex ProjectPath();
}
