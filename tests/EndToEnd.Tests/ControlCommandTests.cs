using Workflows.TestKit;

namespace Workflows.EndToEnd.Tests;

/// <summary>The commands that change a run, as a user calls them.</summary>
[Collection("small programs")]
public sealed class ControlCommandTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);
    private readonly TemporaryFolder _folder = new("workflows-control-");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Commands_ForAnUnknownRunOrAWrongChange_EndWithTheirCodesAndSayWhy()
    {
        var suspended = await RunAsync("suspend", "run-nobody");
        var purged = await RunAsync("purge", "run-nobody", "--artifacts");
        var rerun = await RunAsync("rerun", "run-nobody", "--set", "training.steps");

        Assert.Equal((1, 1, 2), (suspended.Code, purged.Code, rerun.Code));
        Assert.Contains("no run 'run-nobody'", suspended.Error, StringComparison.Ordinal);
        Assert.Contains("no run 'run-nobody'", purged.Error, StringComparison.Ordinal);
        Assert.Contains("write FIELD=VALUE", rerun.Error, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var run = ProgramRun.Cli([.. arguments, "--state", _folder["state"]]);
        var code = await run.EndAsync(Deadline);
        return (code, run.Output, run.Error);
    }
}
