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

    [Fact]
    public async Task Purge_OfFilters_ListsFirstAndRefusesContradictions()
    {
        var nothing = await RunAsync("purge");
        var both = await RunAsync("purge", "run-1", "--status", "failed");
        var contradiction = await RunAsync("purge", "--all", "--status", "failed");
        var wrong = await RunAsync("purge", "--before", "yesterday");
        var listed = await RunAsync("purge", "--status", "failed", "--before", "2026-11-01");
        var unmatched = await RunAsync("purge", "--all", "--delete");

        Assert.Equal((2, 2, 2), (nothing.Code, both.Code, contradiction.Code));
        Assert.Contains("or --all alone", nothing.Error, StringComparison.Ordinal);
        Assert.Contains("needs no filter", both.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, wrong.Code);
        Assert.Contains("'yesterday' is no time", wrong.Error, StringComparison.Ordinal);
        Assert.Equal(0, listed.Code);
        Assert.Contains("0 ended runs: --delete deletes them.", listed.Output, StringComparison.Ordinal);
        Assert.Contains("No run is like that", unmatched.Error, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var run = ProgramRun.Cli([.. arguments, "--state", _folder["state"]]);
        var code = await run.EndAsync(Deadline);
        return (code, run.Output, run.Error);
    }
}
