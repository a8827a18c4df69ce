using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>Events of people, as a user sends them with the command.</summary>
[Collection("small programs")]
public sealed class EventCommandTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);
    private readonly TemporaryFolder _folder = new("workflows-event-");

    public void Dispose()
    {
        WorkerProcesses.End(_folder.Path);
        _folder.Dispose();
    }

    [Fact]
    public async Task Approve_AfterTheProgramWasKilledWhileItWaited_FinishesTheRun()
    {
        await StartAndKillAsync("asked");

        var (shown, status, _) = await RunAsync("status", "asked");
        var (unknown, _, words) = await RunAsync("event", "asked", "aprove");
        var (code, output, error) = await RunAsync("event", "asked", "approve", "--reason", "within budget");

        Assert.Equal((0, 1), (shown, unknown));
        Assert.Contains("workflows event asked approve", status, StringComparison.Ordinal);
        Assert.Contains("Did you mean 'approve'?", words, StringComparison.Ordinal);
        Assert.True(code == 0, $"{output}\n{error}");
        Assert.Contains("asked  approved", output, StringComparison.Ordinal);
        Assert.Contains("approval    approved: within budget", output, StringComparison.Ordinal);
        var (_, report, _) = await RunAsync("report", "asked");
        Assert.Equal("succeeded", JsonNode.Parse(report)!["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task Reject_WithJson_EndsTheRunWithItsCode()
    {
        await StartAndKillAsync("rejected");

        var (code, output, error) = await RunAsync("event", "rejected", "reject", "--json");

        Assert.True(code == 1, $"{code}\n{output}\n{error}");
        using var answer = JsonDocument.Parse(output.Split('\n')[0]);
        Assert.Equal("rejected", answer.RootElement.GetProperty("status").GetString());
        Assert.Contains("APPROVAL_REJECTED", output, StringComparison.Ordinal);
    }

    /// <summary>Starts a run that asks for approval, and kills its program while it waits.</summary>
    private async Task StartAndKillAsync(string id)
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("scenario.json", """{"createSeconds": 0.1, "deleteSeconds": 0.1}""");
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], _folder["scenario.json"], steps: 6, checkpointEvery: 2);
        request["id"] = id;
        request["approval"] = new JsonObject { ["withinHours"] = 1 };
        _folder.Write("request.json", request.ToJsonString());
        using var run = ProgramRun.Cli("run", _folder["request.json"], "--state", _folder["state"]);
        await run.SaysAsync("approval    asked for", Deadline);
        run.Kill();
        Assert.DoesNotContain("attempt 1", run.Output, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var run = ProgramRun.Cli([.. arguments, "--state", _folder["state"]]);
        var code = await run.EndAsync(Deadline);
        return (code, run.Output, run.Error);
    }
}
