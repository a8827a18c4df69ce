using System.Text.RegularExpressions;
using Workflows.TestKit;

namespace Workflows.Architecture.Tests;

/// <summary>Pages that a newcomer reads first tell what would otherwise be found by waiting or by failing.</summary>
public sealed partial class NewcomerTests
{
    [Fact]
    public void Readme_BesideTheFirstCommand_SaysHowLongBuildRunAndTestsTake()
    {
        var text = File.ReadAllText(Path.Combine(Checkout.Root, "README.md"));
        var command = text.IndexOf("run samples/ko-en.json", StringComparison.Ordinal);

        Assert.True(command > 0);
        var after = text[command..(command + 700)];
        Assert.Matches(@"first command takes about \w+ minutes", after);
        Assert.Matches(@"the run itself takes about \d+ seconds", after);
        Assert.Matches(@"`dotnet test` takes about \w+ minutes", after);
    }

    /// <summary>The command that CONTRIBUTING gives for one class names a project and a class that there are.</summary>
    [Fact]
    public void Contributing_ForOneTest_GivesACommandThatRunsOneAndWarnsOfFilter()
    {
        var text = File.ReadAllText(Path.Combine(Checkout.Root, "CONTRIBUTING.md"));
        var command = OneClass().Match(text);

        Assert.True(command.Success);
        Assert.Contains("`dotnet test --filter` finds nothing", text, StringComparison.Ordinal);
        var project = Path.Combine(Checkout.Root, command.Groups[1].Value);
        Assert.Single(
            Directory.EnumerateFiles(project, $"{command.Groups[2].Value}.cs", SearchOption.AllDirectories));
    }

    [GeneratedRegex(@"dotnet run --project (tests/[\w.]+) -- -class '\*(\w+)'")]
    private static partial Regex OneClass();
}
