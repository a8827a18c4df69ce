namespace Workflows.Cli.Tests;

/// <summary>Options that all commands have, before the verb.</summary>
public sealed class GlobalOptionsTests
{
    [Theory]
    [InlineData("--service http://h:1 ls --limit 5", "ls --limit 5 --service http://h:1")]
    [InlineData("--state=/s --json --lang ko status run-1", "status run-1 --state=/s --json --lang ko")]
    [InlineData("--json keys list", "keys list --json")]
    [InlineData("--key-file k files put -- --odd", "files put --key-file k -- --odd")]
    [InlineData("ls --json", "ls --json")]
    [InlineData("--help", "--help")]
    [InlineData("--version", "--version")]
    [InlineData("--limit 5 ls", "--limit 5 ls")]
    [InlineData("--service", "--service")]
    [InlineData("--service http://h:1", "--service http://h:1")]
    [InlineData("--servicex ls", "--servicex ls")]
    [InlineData("", "")]
    public void BehindVerb_OfOptionsThatAllCommandsHave_MovesThem(string args, string expected) => Assert.Equal(
        expected.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        GlobalOptions.BehindVerb(args.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
}
