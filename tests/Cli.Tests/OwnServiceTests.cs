using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>The service inside the command reads the same settings as the program of the service.</summary>
public sealed class OwnServiceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("own-service-");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Workflows__MaxUsdPerDays", "5", "Did you mean 'Workflows:MaxUsdPerDay'?")]
    [InlineData("Workflows__MaxUsdPerMonth", "-2", "The setting 'Workflows:MaxUsdPerMonth' cannot be -2: use 0 to ")]
    public async Task List_AVariableThatCannotBeUsed_ExitsWithTwo(string name, string value, string words)
    {
        var (code, output, error) = await ListAsync((name, value));

        Assert.Equal(ExitCodes.Invalid, code);
        Assert.Equal("", output);
        Assert.Contains(words, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Spending_AVariableWithALimit_ShowsIt()
    {
        var (code, output, error) = await RunAsync(
            ["spending"], ("Workflows__MaxUsdPerDay", "7.25"), ("Workflows__HttpPort", "1"));

        Assert.Equal(ExitCodes.Done, code);
        Assert.Contains("7.25", output, StringComparison.Ordinal);
        Assert.StartsWith("Workflows:HttpPort: only for a service", error, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> ListAsync((string, string) variable) =>
        RunAsync(["list"], variable);

    private Task<(int ExitCode, string Output, string Error)> RunAsync(
        string[] arguments, params (string Name, string Value)[] variables) => Command.RunAsync(
            "dotnet",
            [Path.Combine(AppContext.BaseDirectory, "Workflows.Cli.dll"), .. arguments, "--state", _folder["state"]],
            variables.Append(("WORKFLOWS_SERVICE", "")).ToDictionary(each => each.Item1, each => each.Item2));
}
