using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>Variants of a request: by the command, and in a service that dies meanwhile.</summary>
[Collection("small programs")]
public sealed class VariantTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(15);

    private readonly TemporaryFolder _folder = new("workflows-variants-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 4);

    public VariantTests()
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

    /// <summary>The engine is killed in the middle of the first variant and once more later; the group goes on, each
    /// variant runs once, and the money of both is in one sum. Then the command shows what there is.</summary>
    [Fact]
    public async Task Service_KilledInTheMiddleOfAVariant_FinishesTheGroupOnce()
    {
        var service = await StartServiceAsync();
        try
        {
            using var http = new HttpClient { BaseAddress = new Uri(Address) };
            using (var started = await http.PostAsJsonAsync("/runs", Request()))
            {
                Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync());
            }

            foreach (var variant in new[] { 0, 1 })
            {
                await ServiceWaits.UntilAsync(
                    http, "both", run => run.GetProperty("variants")[variant].TryGetProperty("step", out var step)
                        && step.ValueKind == JsonValueKind.Number && step.GetInt32() > 10);
                service.Kill();
                service.Dispose();
                service = await StartServiceAsync();
            }

            await ServiceWaits.UntilAsync(http, "both", ServiceWaits.HasEnded);
            var comparison = await http.GetFromJsonAsync<JsonElement>("/runs/both/report");
            Assert.True(comparison.GetProperty("status").GetString() == "succeeded", $"{comparison}");
            Assert.Single(comparison.GetProperty("best").EnumerateArray());
            Assert.Equal(
                comparison.GetProperty("actualUsd").GetDouble(),
                comparison.GetProperty("variants").EnumerateArray().Sum(row => row.GetProperty("usd").GetDouble()), 9);
            var events = await http.GetFromJsonAsync<JsonElement>("/runs/both/events");
            Assert.Equal(
                ["variant-begun both-slow#1", "variant-begun both-fast#1", "variant-ended both-slow#1",
                    "variant-ended both-fast#1"],
                events.EnumerateArray().Where(each => each.GetProperty("kind").GetString()!
                    .StartsWith("variant-", StringComparison.Ordinal))
                    .Select(each => $"{each.GetProperty("kind")} {each.GetProperty("key")}"));
            // The second service died while the other variant's node worked for this one.
            Assert.Equal("both-slow", comparison.GetProperty("variants")[1].GetProperty("nodeFrom").GetString());
            var proofs = 0;
            foreach (var id in new[] { "both-slow", "both-fast" })
            {
                var report = await http.GetFromJsonAsync<JsonElement>($"/runs/{id}/report");
                Assert.Equal(200, report.GetProperty("training").GetProperty("steps").GetInt32());

                // One node, and another one only for a node that was lost while no service heard it.
                var kinds = (await http.GetFromJsonAsync<JsonElement>($"/runs/{id}/events")).EnumerateArray()
                    .Select(each => each.GetProperty("kind").GetString()).ToList();
                Assert.DoesNotContain("resumed", kinds);
                Assert.Equal(1 + kinds.Count(kind => kind == "loss"), kinds.Count(kind => kind == "intent"));
                proofs += report.GetProperty("teardown").GetArrayLength();
                Assert.All(report.GetProperty("teardown").EnumerateArray(),
                    row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
            }

            Assert.True(proofs > 0, "No node is proved gone.");
            await ShowsAsync(comparison.GetProperty("best")[0].GetProperty("variant").GetString()!);
        }
        finally
        {
            service.Dispose();
        }
    }

    private async Task ShowsAsync(string best)
    {
        using var watch = ProgramRun.Cli("watch", "both", "--service", Address);
        Assert.True(await watch.EndAsync(Deadline) == 0, watch.Output + watch.Error);
        Assert.Contains("variant     slow begins: both-slow", watch.Output, StringComparison.Ordinal);
        Assert.Contains($"\n* {best}", watch.Output, StringComparison.Ordinal);
        Assert.Contains($"Best of 2 (ko-en): '{best}', validation loss", watch.Output, StringComparison.Ordinal);

        using var status = ProgramRun.Cli("status", "both", "--service", Address);
        Assert.True(await status.EndAsync(Deadline) == 0, status.Output + status.Error);
        Assert.Matches("slow +succeeded +0\\.[0-9]+ USD  both-slow", status.Output);
    }

    private Task<ProgramRun> StartServiceAsync() => ServiceWaits.StartServiceAsync(Address, _folder["state"]);

    private JsonObject Request()
    {
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], _folder["scenario.json"], steps: 200, checkpointEvery: 10);
        request["id"] = "both";
        request["training"]!["validation"] = new JsonObject { ["everySteps"] = 100, ["patience"] = 0 };
        request["variants"] = new JsonArray(
            new JsonObject { ["name"] = "slow", ["training"] = new JsonObject { ["learningRate"] = 1e-6 } },
            new JsonObject { ["name"] = "fast", ["training"] = new JsonObject { ["learningRate"] = 0.01 } });
        return request;
    }
}
