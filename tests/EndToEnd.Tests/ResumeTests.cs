using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>Stopped runs, resumed by the command, and by a service that dies meanwhile.</summary>
[Collection("small programs")]
public sealed class ResumeTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(15);

    private readonly TemporaryFolder _folder = new("workflows-resume-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 4);

    public ResumeTests()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("scenario.json", """{"createSeconds": 0.1, "deleteSeconds": 0.1}""");
    }

    private string Address => $"http://127.0.0.1:{_ports.Number}";

    public void Dispose()
    {
        WorkerProcesses.End(_folder.Path);
        _folder.Dispose();
        _ports.Dispose();
    }

    [Fact]
    public async Task Command_OfARunThatStoppedForItsBudget_IsNamedAndFinishesIt()
    {
        var request = Request("budget", steps: 20);
        // All but 0.013 USD, less than a second of this node, is kept for giving it back.
        request["budgetUsd"] = 0.2;
        request["allowOverBudget"] = true;
        request["tpu"]!["acceleratorTypes"] = new JsonArray("v5litepod-256");
        _folder.Write("request.json", request.ToJsonString());
        var state = _folder["state"];
        using (var run = ProgramRun.Cli("run", _folder["request.json"], "--state", state))
        {
            Assert.True(await run.EndAsync(Deadline) == 1, run.Output + run.Error);
            Assert.Contains("BUDGET_EXHAUSTED", run.Output, StringComparison.Ordinal);

            // The next round number, which depends on the time that this machine takes to give the node back.
            Assert.Matches(
                $@"Resume it:  workflows resume budget --set budgetUsd=\d+ --state {Regex.Escape(state)}", run.Output);
        }

        using (var small = ProgramRun.Cli("resume", "budget", "--set", "budgetUsd=0.0101", "--state", state))
        {
            Assert.True(await small.EndAsync(Deadline) == 2, small.Output + small.Error);
            Assert.Contains("budgetUsd: It is 0.0101 USD, and the run has cost", small.Error, StringComparison.Ordinal);
        }

        using var resumed = ProgramRun.Cli("resume", "budget", "--set", "budgetUsd=900", "--state", state);
        Assert.True(await resumed.EndAsync(Deadline) == 0, resumed.Output + resumed.Error);
        Assert.Contains("== part 2: the run had failed (BUDGET_EXHAUSTED)", resumed.Output, StringComparison.Ordinal);
        Assert.Contains("budgetUsd: 0.2 -> 900", resumed.Output, StringComparison.Ordinal);
        Assert.Contains("stopped    failed, BUDGET_EXHAUSTED", resumed.Output, StringComparison.Ordinal);

        // The facts of the first part were shown when they happened.
        Assert.DoesNotContain("attempt 1 ", resumed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_KilledInTheMiddleOfAResumption_FinishesTheRunOnce()
    {
        var service = await StartServiceAsync();
        try
        {
            using var http = new HttpClient { BaseAddress = new Uri(Address) };
            using (var started = await http.PostAsJsonAsync("/runs", Request("killed", steps: 600)))
            {
                Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync());
            }

            await ServiceWaits.UntilAsync(http, "killed", run => run.TryGetProperty("progress", out var progress)
                && progress.ValueKind == JsonValueKind.Object && progress.GetProperty("checkpointStep").GetInt32() > 0);
            using (var cancel = await http.PostAsync("/runs/killed/cancel", null))
            {
                Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
            }

            await ServiceWaits.UntilAsync(http, "killed", ServiceWaits.HasEnded);
            using (var resumed = await http.PostAsJsonAsync("/runs/killed/resume", new { budgetUsd = 20 }))
            {
                Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
            }

            // At once, and while it acquires or trains again.
            foreach (var seconds in new[] { 0, 2.0 })
            {
                await Task.Delay(TimeSpan.FromSeconds(seconds));
                service.Kill();
                service.Dispose();
                service = await StartServiceAsync();
            }

            using (var again = await http.PostAsJsonAsync("/runs/killed/resume", new { }))
            {
                Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
            }

            await ServiceWaits.UntilAsync(http, "killed", ServiceWaits.HasEnded);
            var report = await http.GetFromJsonAsync<JsonElement>("/runs/killed/report");

            Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");
            Assert.Equal(600, report.GetProperty("training").GetProperty("steps").GetInt32());
            var stop = Assert.Single(report.GetProperty("stops").EnumerateArray());
            Assert.True(stop.GetProperty("checkpointStep").GetInt32() > 0);
            Assert.All(report.GetProperty("teardown").EnumerateArray(),
                row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
            var attempts = report.GetProperty("attempts").EnumerateArray()
                .Select(row => row.GetProperty("attempt").GetInt32()).ToList();
            Assert.Equal(attempts.Distinct(), attempts);
            var events = await http.GetFromJsonAsync<JsonElement>("/runs/killed/events");
            Assert.Single(
                events.EnumerateArray(), entry => entry.GetProperty("kind").GetString() == "resumed");
        }
        finally
        {
            service.Dispose();
        }
    }

    private Task<ProgramRun> StartServiceAsync() => ServiceWaits.StartServiceAsync(Address, _folder["state"]);

    private JsonObject Request(string id, int steps)
    {
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], _folder["scenario.json"], steps, checkpointEvery: 10);
        request["id"] = id;
        return request;
    }
}
