using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>Inputs of "workflows score" that are no files of segments.</summary>
[Collection(ScoreCommandTests.Environment)]
public sealed class ScoreInputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("pipe", "not a regular file")]
    [InlineData("device", "not a regular file")]
    [InlineData("folder", "it is a folder")]
    [InlineData("large", "a line of more than 1,048,576 bytes")]
    public void Score_InputThatIsNoFile_IsRefusedByName(string kind, string words)
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Devices are told from files on Linux alone.");
        var good = _folder.Write("good.txt", "a b c d\n");
        SpecialFile.Make(kind, _folder["special.txt"]);

        foreach (var arguments in new[]
        {
            new[] { _folder["special.txt"], "-i", good }, [good, "-i", _folder["special.txt"]],
            [good, _folder["special.txt"], "-i", good],
        })
        {
            var run = ScoreRun.Of(arguments);

            Assert.Equal((2, ""), (run.ExitCode, run.Output));
            Assert.Contains("special.txt", run.Error, StringComparison.Ordinal);
            Assert.Contains(words, run.Error, StringComparison.Ordinal);
            Assert.Single(run.Error.TrimEnd().Split('\n'));
        }
    }

    /// <summary>Standard input has the same limits.</summary>
    [Fact]
    public void Score_OneLineWithoutEndOnStandardInput_IsRefused()
    {
        var good = _folder.Write("good.txt", "a b c d\n");

        var run = ScoreRun.With(new string('x', 3 << 20), good);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains("standard input", run.Error, StringComparison.Ordinal);
        Assert.Contains("line of more than", run.Error, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
