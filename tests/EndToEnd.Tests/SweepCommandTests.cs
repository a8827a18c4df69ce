using System.Text.Json;
using Workflows.TestKit;

namespace Workflows.EndToEnd.Tests;

/// <summary>workflows sweep, as a user calls it.</summary>
[Collection("small programs")]
public sealed class SweepCommandTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);
    private readonly TemporaryFolder _folder = new("workflows-sweep-");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Sweep_EndsWithACodeForEachAnswer()
    {
        var (clean, text, _) = await RunAsync();
        var (deleted, json, _) = await RunAsync("--delete", "--json");
        var (wrong, _, error) = await RunAsync("--project", "../x", "--of", "nobody");

        Assert.Equal((0, 0, 2), (clean, deleted, wrong));
        Assert.Contains("0 projects looked over", text, StringComparison.Ordinal);
        Assert.Contains("looks every 15 minutes", text, StringComparison.Ordinal);
        using var view = JsonDocument.Parse(json);
        Assert.True(view.RootElement.GetProperty("clean").GetBoolean());
        Assert.Contains("project: '../x' is no id of a Google Cloud project", error, StringComparison.Ordinal);
        Assert.Contains("of: 'nobody' is no id of a service", error, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var run = ProgramRun.Cli(["sweep", .. arguments, "--state", _folder["state"]]);
        var code = await run.EndAsync(Deadline);
        return (code, run.Output, run.Error);
    }
}
