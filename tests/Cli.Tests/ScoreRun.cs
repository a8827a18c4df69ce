using System.Text;
using Workflows.Cli.Commands;

namespace Workflows.Cli.Tests;

/// <summary>One run of "workflows score" in this process.</summary>
internal sealed record ScoreRun(int ExitCode, string Output, string Error)
{
    public static ScoreRun Of(params string[] arguments) => With("", arguments);

    public static ScoreRun With(string input, params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var command = ScoreCommand.Create(() => new MemoryStream(Encoding.UTF8.GetBytes(input)), output, error);
        var parsed = command.Parse(arguments);
        Assert.Empty(parsed.Errors);
        return new ScoreRun(parsed.Invoke(), output.ToString(), error.ToString());
    }
}
