using System.Text.Json;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>workflows doctor, as a user calls it.</summary>
[Collection("small programs")]
public sealed class DoctorCommandTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);
    private readonly TemporaryFolder _folder = new("workflows-doctor-");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Doctor_EndsWithACodeForEachAnswer()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("denied.json", """{"deniedPermissions": ["tpu.nodes.delete"]}""");
        _folder.Write("request.json", """
            {"model": "model", "data": {"train": "pairs.tsv"}, "tpu": {"acceleratorTypes": ["v5litepod-8"]},
             "rehearsal": {}}
            """);

        var (ready, readyText, _) = await RunAsync(_folder["request.json"]);
        var (failed, failedText, _) = await RunAsync(
            _folder["request.json"], "--set", $"rehearsal.scenario={_folder["denied.json"]}", "--json");
        var (wrong, _, error) = await RunAsync(_folder["request.json"], "--set", "model=hf://nothing");

        Assert.Equal((0, 4, 2), (ready, failed, wrong));
        Assert.Contains("ok    rights", readyText, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(failedText);
        Assert.False(json.RootElement.GetProperty("ready").GetBoolean());
        Assert.Contains("tpu.nodes.delete", failedText, StringComparison.Ordinal);
        Assert.Contains("model: 'hf://nothing' names no repository", error, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var run = ProgramRun.Cli(["doctor", .. arguments, "--state", _folder["state"]]);
        var code = await run.EndAsync(Deadline);
        return (code, run.Output, run.Error);
    }
}
