using System.Text.Json;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>workflows plan, as a user calls it.</summary>
[Collection("small programs")]
public sealed class PlanCommandTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);
    private readonly TemporaryFolder _folder = new("workflows-plan-");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Plan_EndsWithACodeForEachAnswer()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("request.json", """
            {"model": "model", "data": {"train": "pairs.tsv"}, "project": "my-project-123",
             "tpu": {"acceleratorTypes": ["v5litepod-8"], "zones": ["us-west4-a", "us-east5-b"]}}
            """);

        var (good, text, _) = await RunAsync(_folder["request.json"], "--within", "1");
        var (_, many, _) = await RunAsync(_folder["request.json"], "--set", "training.steps=100000");
        var (refused, json, _) = await RunAsync(_folder["request.json"], "--set", "budgetUsd=0.01", "--json");
        var (wrong, _, error) = await RunAsync(_folder["request.json"], "--within", "-1");

        Assert.Equal((0, 4, 2), (good, refused, wrong));
        Assert.Contains("1. us-west4-a", text, StringComparison.Ordinal);
        Assert.Contains("of 15.8 GiB a chip", text, StringComparison.Ordinal);
        Assert.Contains("in 1 h", text, StringComparison.Ordinal);
        Assert.Contains("A run would start", text, StringComparison.Ordinal);
        Assert.Matches(@"passes +[0-9.]+ over [0-9]+ training pairs", text);
        Assert.Matches("note +[0-9.]+ passes over the training pairs: above 20", many);
        using var plan = JsonDocument.Parse(json);
        Assert.Equal(
            "BUDGET_BELOW_ESTIMATE", plan.RootElement.GetProperty("refusal").GetProperty("code").GetString());
        Assert.Contains("withinHours: '-1' is no number of hours", error, StringComparison.Ordinal);
    }

    /// <summary>The options of all commands stand before the verb here.</summary>
    [Fact]
    public async Task DryRun_ShowsThePlanAndStartsNothing()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("request.json", """
            {"model": "model", "data": {"train": "other.tsv"}, "project": "my-project-123",
             "tpu": {"acceleratorTypes": ["v5litepod-8"], "zones": ["us-west4-a"]}}
            """);
        string[] dry = ["run", _folder["request.json"], "--data-train", _folder["pairs.tsv"], "--dry-run"];

        var (good, text, _) = await CallAsync(["--state", _folder["state"], .. dry]);
        var (refused, json, _) = await CallAsync(
            ["--state", _folder["state"], "--json", .. dry, "--set", "budgetUsd=0.01"]);
        var (_, runs, _) = await CallAsync(["--state", _folder["state"], "--json", "ls"]);

        Assert.Equal((0, 4, "[]"), (good, refused, runs.Trim()));
        Assert.Contains("A run would start", text, StringComparison.Ordinal);
        using var plan = JsonDocument.Parse(json);
        Assert.Equal(
            "BUDGET_BELOW_ESTIMATE", plan.RootElement.GetProperty("refusal").GetProperty("code").GetString());
    }

    private Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) =>
        CallAsync(["plan", .. arguments, "--state", _folder["state"]]);

    private static async Task<(int Code, string Output, string Error)> CallAsync(string[] arguments)
    {
        using var run = ProgramRun.Cli(arguments);
        var code = await run.EndAsync(Deadline);
        return (code, run.Output, run.Error);
    }
}
