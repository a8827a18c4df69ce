using System.CommandLine;
using Workflows.Cli.Commands;

namespace Workflows.Cli.Tests;

/// <summary>The words that complete a line of a shell.</summary>
public sealed class CompletionTests
{
    private readonly Command _root = new("workflows")
    {
        ListCommand.Create(), SuspendCommand.Create(), EventCommand.Create(), ResourcesCommand.Create(),
        CompletionCommand.Create(),
        CompletionCommand.CreateHelper(),
    };

    [Theory]
    [InlineData("workflows ", "completion list suspend")]
    [InlineData("workflows sus", "suspend")]
    [InlineData("workflows list --st", "--state --status")]
    [InlineData("dotnet/workflows list --status running --lim", "--limit")]
    [InlineData("workflows list --a", "--all")]
    [InlineData("workflows reso", "resources")]
    [InlineData("workflows completion ", "bash fish pwsh zsh")]
    [InlineData("workflows event run-1 ", "approve reject finish")]
    [InlineData("workflows event run-1 fi", "finish")]
    [InlineData("workflows nothing ", "")]
    [InlineData("workflows", "completion list suspend")]
    [InlineData("workflows list \"unclosed --st", "")]
    public void Words_OfALine_AreThoseThatCanStandThere(string line, string expected)
    {
        var words = CompletionCommand.Words(_root, line, null).Where(word => word[0] != '-' || line.Contains("--"));

        Assert.Superset(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet(), words.ToHashSet());
        Assert.DoesNotContain("complete", words);
    }

    [Theory]
    [InlineData(13, "suspend")]
    [InlineData(-1, "suspend")]
    [InlineData(1000, "")]
    public void Words_WithTheCursorInsideTheLine_CompleteWhatIsBeforeIt(int position, string expected) =>
        Assert.Equal(
            expected, CompletionCommand.Words(_root, "workflows sus run-1 --x", position)
                .FirstOrDefault(word => word == "suspend") ?? "");
}
