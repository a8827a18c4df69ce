using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Hosting;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>Stopped runs that are resumed over HTTP, in the emulated cloud.</summary>
public sealed class ResumeTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public async Task Resume_AfterACancellationAndAnExhaustedBudget_FinishesFromTheCheckpointWithEveryDollar()
    {
        var request = service.Request(steps: 100_000);
        request["id"] = "resumed";
        request["budgetUsd"] = 5000;

        // So dear that the cost until the checkpoint is above the least budget of a request.
        request["tpu"]!["acceleratorTypes"] = new JsonArray("v5litepod-256");
        await service.StartAsync(request);
        var last = RunningService.StepOf(await CheckpointedAsync("resumed"));
        await ConflictAsync("resumed", "RUN_UNDER_WAY", "is under way (train)");
        await CancelAsync("resumed");
        var first = await service.ReportAsync("resumed");
        Assert.Equal("workflows resume resumed", first.GetProperty("resume").GetString());
        var spent = first.GetProperty("cost").GetProperty("actual").GetDouble();
        await RefusedAsync("resumed", spent);

        // A budget of which less than a second of this node, 0.037 USD a second, is not kept for giving it back.
        var small = spent + 0.21;
        using (var answer = await ResumeAsync("resumed", new JsonObject { ["budgetUsd"] = small }))
        {
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal((2, "budgetUsd"), (
                body.GetProperty("part").GetInt32(), body.GetProperty("changes")[0].GetProperty("field").GetString()));
            Assert.Equal("/runs/resumed", answer.Headers.Location?.ToString());
        }

        var second = await service.ReportAsync("resumed");
        Assert.Equal("BUDGET_EXHAUSTED", second.GetProperty("failure").GetProperty("code").GetString());
        Assert.StartsWith(
            "workflows resume resumed --set budgetUsd=", second.GetProperty("resume").GetString(),
            StringComparison.Ordinal);
        using (var answer = await ResumeAsync("resumed", []))
        {
            var (field, message) = await ErrorAsync(answer);
            Assert.Equal("budgetUsd", field);
            Assert.Contains("has cost", message, StringComparison.Ordinal);
        }

        // A rewind has the limits of before.
        using (var answer = await service.Http.PostAsync("/runs/resumed/rewind", null))
        {
            Assert.Equal("budgetUsd", (await ErrorAsync(answer)).Field);
        }

        // Of two at once, one wins.
        var both = await Task.WhenAll(
            ResumeAsync("resumed", new JsonObject { ["budgetUsd"] = 50_000 }),
            ResumeAsync("resumed", new JsonObject { ["budgetUsd"] = 60_000 }));
        Assert.Equal(
            [HttpStatusCode.Accepted, HttpStatusCode.Conflict],
            both.Select(answer => answer.StatusCode).Order());
        Array.ForEach(both, answer => answer.Dispose());

        // The first request is still this run's.
        using (var again = await service.Http.PostAsJsonAsync("/runs", request))
        {
            Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
            Assert.True((await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("wasThere").GetBoolean());
        }

        await service.FinishAsync("resumed", beyond: last);
        var report = await service.ReportAsync("resumed");
        Assert.InRange(report.GetProperty("training").GetProperty("steps").GetInt32(), last + 1, 99_999);
        await AssertContinuedAsync(report, spent);
        await ConflictAsync("resumed", "RUN_SUCCEEDED", "has its verdict");
    }

    /// <summary>A deletion that takes long: the run has not ended, and its node is named.</summary>
    [Fact]
    public async Task Resume_WhileANodeIsNotProvedGone_NamesItAndStartsNothing()
    {
        var id = await service.StartAsync(service.Request("""{"deleteSeconds": 20}""", steps: 100_000));
        await CheckpointedAsync(id);
        await CancelAsync(id);
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() == "teardown");

        await ConflictAsync(id, "RUN_UNDER_WAY", $"and these are not proved gone: wf-{id}-1 in us-west4-a.");

        Assert.Equal("cancelled", (await service.ReportAsync(id)).GetProperty("status").GetString());
        using var shown = await service.Http.GetAsync($"/runs/{id}", TestContext.Current.CancellationToken);
        var view = await shown.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        Assert.Equal(0, view.GetProperty("resumptions").GetInt32());
    }

    [Fact]
    public async Task Resume_WithADamagedCheckpointAndOtherSteps_UsesTheOneBeforeAndEndsWhereAsked()
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await CheckpointedAsync(id, least: 2 * RunningService.EndlessCheckpoint);
        await CancelAsync(id);
        await service.ReportAsync(id);
        var steps = await CheckpointsAsync(id);

        // A third one, if the cancellation came between the upload of a checkpoint and the removal of the oldest.
        Assert.InRange(steps.Count, 2, 3);
        using (var gone = await Storage().DeleteAsync(new Uri(
            $"/storage/v1/b/rehearsal-{id}-artifacts/o/"
            + Uri.EscapeDataString($"runs/{id}/checkpoints/step-{steps[^1]:D8}/weights.safetensors"),
            UriKind.Relative)))
        {
            Assert.True(gone.IsSuccessStatusCode, $"{gone}");
        }

        using (var few = await ResumeAsync(id, Training("steps", steps[^1] - 1)))
        {
            var (field, message) = await ErrorAsync(few);
            Assert.Equal("training.steps", field);
            Assert.Contains($"the newest checkpoint is of step {steps[^1]}", message, StringComparison.Ordinal);
        }

        var asked = steps[^1] + 6;
        using (var answer = await ResumeAsync(id, Training("steps", asked)))
        {
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        }

        var report = await service.ReportAsync(id);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Equal(asked, report.GetProperty("training").GetProperty("steps").GetInt32());
        var end = Assert.Single(await FactsAsync(id, "job-ended"), fact => fact.TryGetProperty("train", out var train)
            && train.ValueKind == JsonValueKind.Object);
        Assert.Equal(steps[^2], end.GetProperty("train").GetProperty("resumedFromStep").GetInt32());
        Assert.Equal(
            $"{asked}", report.GetProperty("stops")[0].GetProperty("changes")[0].GetProperty("to").GetString());
    }

    [Fact]
    public async Task Resume_OfARunThatTrainedNothing_MayChangeItsDataAndBeginsAtTheFirstStep()
    {
        var bad = Path.Combine(service.Folder, "too-few.tsv");
        File.WriteAllLines(bad, ["ko\ten", "하나\tone"]);
        var request = service.Request();
        request["data"]!["train"] = bad;
        var id = await service.StartAsync(request);
        Assert.Equal(
            "CORPUS_TOO_SMALL", (await service.ReportAsync(id)).GetProperty("failure").GetProperty("code").GetString());

        using (var answer = await ResumeAsync(id, new JsonObject
        {
            ["data"] = new JsonObject { ["train"] = Path.Combine(service.Folder, "pairs.tsv") },
            ["training"] = new JsonObject { ["learningRate"] = 0.002 },
        }))
        {
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        }

        var report = await service.ReportAsync(id);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        var stop = Assert.Single(report.GetProperty("stops").EnumerateArray());
        Assert.Equal(
            ("failed", 0, 0.0), (
                stop.GetProperty("status").GetString(), stop.GetProperty("checkpointStep").GetInt32(),
                stop.GetProperty("usd").GetDouble()));
        Assert.Equal(6, report.GetProperty("training").GetProperty("steps").GetInt32());
        Assert.False(Assert.Single(await FactsAsync(id, "found")).GetProperty("hasData").GetBoolean());
    }

    [Fact]
    public async Task Resume_OfATerminatedRun_WaitsForItsPartsAndForgetsNoNode()
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await CheckpointedAsync(id);
        await service.Services.GetRequiredService<DurableTaskClient>().TerminateInstanceAsync(id);

        // Its child still works: it is told to end, and the caller to come again.
        using (var answer = await ResumeAsync(id, []))
        {
            Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
            Assert.Contains(
                "train is still ending", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        while (true)
        {
            using var answer = await ResumeAsync(id, []);
            if (answer.StatusCode == HttpStatusCode.Accepted)
            {
                break;
            }

            Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }

        await service.WaitAsync(id, run => run.GetProperty("attempts").GetInt32() == 2);
        await CancelAsync(id);
        var report = await service.ReportAsync(id);

        Assert.Equal("terminated", report.GetProperty("stops")[0].GetProperty("status").GetString());
        Assert.NotEmpty(Assert.Single(await FactsAsync(id, "found")).GetProperty("left").EnumerateArray());
        Assert.Equal(2, report.GetProperty("teardown").GetArrayLength());
        Assert.All(report.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
    }

    [Theory]
    [InlineData("run-unknown")]
    [InlineData("Not An Id")]
    public async Task Resume_OfAnUnknownRun_Answers404(string id)
    {
        using var answer = await ResumeAsync(Uri.EscapeDataString(id), []);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("RUN_UNKNOWN", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    /// <summary>Refuses every change that would mix two trainings, or cannot be.</summary>
    private async Task RefusedAsync(string id, double spent)
    {
        (string Json, string Field, string Message)[] changes =
        [
            ("""{"training": {"learningRate": 0.5}}""", "training.learningRate", "would mix two trainings"),
            ("""{"training": {"seed": 5}}""", "training.seed", "would mix two trainings"),
            ("""{"training": {"batchSize": 5}}""", "training.batchSize", "would mix two trainings"),
            ("""{"direction": "both"}""", "direction", "would mix two trainings"),
            ("""{"data": {"maxTestPairs": 9}}""", "data.maxTestPairs", "would mix two trainings"),
            ($$"""{"model": {{JsonSerializer.Serialize(service.Folder)}}}""", "model", "config.json"),
            ("""{"training": {"steps": 1}}""", "training.steps", "the newest checkpoint is of step"),
            ("""{"id": "another"}""", "id", "belongs to the run for ever"),
            ("""{"rehearsal": {"scenario": "/x.json"}}""", "rehearsal.scenario", "keeps its scenario"),
            ("""{"rehearsal": null, "project": "p"}""", "project", "belongs to the run for ever"),
            ("""{"budgetUsd": 0.01, "budget": 5}""", "budget", "no such field"),
            ("""{"budgetUsd": 0}""", "budgetUsd", "out of range"),
            ("""{"tpu": {"acceleratorTypes": ["bogus"]}}""", "tpu.acceleratorTypes", "not in the price catalog"),
            ("[]", "$", "an object"),
            ("{", "$", ""),
        ];
        foreach (var (json, field, message) in changes)
        {
            using var answer = await ResumeAsync(id, json);
            Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{json}: {answer.StatusCode}");
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Contains(problem.GetProperty("errors").EnumerateArray(), error =>
                error.GetProperty("field").GetString() == field
                && error.GetProperty("message").GetString()!.Contains(message, StringComparison.Ordinal));
        }

        Assert.True(spent > 0.01, $"{spent}");
        using (var answer = await ResumeAsync(id, """{"budgetUsd": 0.01}"""))
        {
            Assert.Equal("budgetUsd", (await ErrorAsync(answer)).Field);
        }

        // Nothing was changed by any of them.
        Assert.True((await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}"))
            .GetProperty("hasEnded").GetBoolean());
    }

    private async Task AssertContinuedAsync(JsonElement report, double spent)
    {
        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        var stops = report.GetProperty("stops").EnumerateArray().ToList();
        Assert.Equal(["cancelled", "failed"], stops.Select(stop => stop.GetProperty("status").GetString()));
        Assert.Equal(spent, stops[0].GetProperty("usd").GetDouble(), 9);
        var from = stops[1].GetProperty("checkpointStep").GetInt32();
        Assert.True(from >= 2, $"{from}");

        // No step up to the checkpoint is done again, and attempts and nodes are counted on.
        var trained = Assert.Single(await FactsAsync("resumed", "job-ended"), fact =>
            fact.TryGetProperty("train", out var train) && train.ValueKind == JsonValueKind.Object);
        Assert.Equal(from, trained.GetProperty("train").GetProperty("resumedFromStep").GetInt32());
        Assert.Equal(
            [1, 2, 3],
            report.GetProperty("attempts").EnumerateArray().Select(row => row.GetProperty("attempt").GetInt32()));
        Assert.Single(await FactsAsync("resumed", "data"));
        Assert.True(
            report.GetProperty("cost").GetProperty("budget").GetDouble() is 50_000 or 60_000,
            $"{report.GetProperty("cost")}");
        await AssertBillAsync(report);
    }

    /// <summary>
    /// Compares the report's cost with the emulated cloud's own record: every node that it has created and deleted is
    /// paid for from the moment at which the run saw it READY until it saw it gone, and for nothing else.
    /// </summary>
    private async Task AssertBillAsync(JsonElement report)
    {
        using var emulator = new HttpClient
        {
            BaseAddress = new Uri($"http://127.0.0.1:{Ports().EmulatorRest}"),
        };
        var ready = new Dictionary<string, DateTimeOffset>();
        var gone = new Dictionary<string, DateTimeOffset>();
        foreach (var zone in new[] { "us-west4-a", "us-west1-c" })
        {
            var list = await emulator.GetFromJsonAsync<JsonElement>(
                $"/v2/projects/rehearsal-resumed/locations/{zone}/operations?pageSize=100");
            foreach (var operation in list.TryGetProperty("operations", out var all) ? all.EnumerateArray() : [])
            {
                var metadata = operation.GetProperty("metadata");
                var times = metadata.GetProperty("verb").GetString() == "create" ? ready : gone;
                times.Add(
                    metadata.GetProperty("target").GetString()!, metadata.GetProperty("endTime").GetDateTimeOffset());
            }
        }

        Assert.Equal(3, ready.Count);
        Assert.Equal(ready.Keys.Order(), gone.Keys.Order());
        Assert.Equal(
            ready.Keys.Order(),
            report.GetProperty("teardown").EnumerateArray().Select(row => row.GetProperty("node").GetString()!)
                .Order());
        var prices = (await FactsAsync("resumed", "intent")).ToDictionary(
            fact => fact.GetProperty("nodeName").GetString()!,
            fact => fact.GetProperty("candidate").GetProperty("usdPerHour").GetDouble());
        var (bill, late) = (0.0, 0.0);
        foreach (var (node, from) in ready)
        {
            var (sawReady, sawGone) = (await SeenAsync("ready", node), await SeenAsync("released", node));
            Assert.True(from <= sawReady && sawReady <= gone[node] && gone[node] <= sawGone, $"{node}: {report}");
            bill += (gone[node] - from).TotalHours * prices[node];
            late += (sawGone - gone[node] - (sawReady - from)).TotalHours * prices[node];
        }

        Assert.Equal(bill + late, report.GetProperty("cost").GetProperty("actual").GetDouble(), 9);
        Assert.Equal(
            report.GetProperty("cost").GetProperty("actual").GetDouble(),
            report.GetProperty("cost").GetProperty("byStage").EnumerateObject()
                .Sum(stage => stage.Value.GetDouble()), 9);
    }

    private async Task<DateTimeOffset> SeenAsync(string kind, string node) =>
        (await EventsAsync("resumed")).Single(entry => entry.GetProperty("kind").GetString() == kind
            && entry.GetProperty("key").GetString() == node).GetProperty("at").GetDateTimeOffset();

    private Task<JsonElement> CheckpointedAsync(string id, int least = 2) => service.WaitAsync(id, run =>
        run.TryGetProperty("progress", out var progress) && progress.ValueKind == JsonValueKind.Object
        && progress.GetProperty("checkpointStep").GetInt32() >= least);

    private async Task CancelAsync(string id)
    {
        using var cancel = await service.Http.PostAsync($"/runs/{id}/cancel", null);
        Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
    }

    private Task<HttpResponseMessage> ResumeAsync(string id, JsonObject changes) =>
        ResumeAsync(id, changes.ToJsonString());

    private async Task<HttpResponseMessage> ResumeAsync(string id, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        return await service.Http.PostAsync($"/runs/{id}/resume", content);
    }

    private async Task ConflictAsync(string id, string code, string message)
    {
        using var answer = await ResumeAsync(id, []);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(
            (HttpStatusCode.Conflict, code), (answer.StatusCode, problem.GetProperty("code").GetString()));
        Assert.Contains(message, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private static async Task<(string? Field, string Message)> ErrorAsync(HttpResponseMessage answer)
    {
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{problem}");
        var error = Assert.Single(problem.GetProperty("errors").EnumerateArray());
        return (error.GetProperty("field").GetString(), error.GetProperty("message").GetString()!);
    }

    private async Task<List<JsonElement>> FactsAsync(string id, string kind) =>
        [.. (await EventsAsync(id)).Where(entry => entry.GetProperty("kind").GetString() == kind)
            .Select(entry => entry.GetProperty("data"))];

    private async Task<List<JsonElement>> EventsAsync(string id) =>
        [.. (await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}/events")).EnumerateArray()];

    /// <summary>Returns the steps of the complete checkpoints in the run's bucket, in their order.</summary>
    private async Task<List<int>> CheckpointsAsync(string id)
    {
        using var storage = Storage();
        var list = await storage.GetFromJsonAsync<JsonElement>(
            $"/storage/v1/b/rehearsal-{id}-artifacts/o?prefix=runs/{id}/checkpoints/");
        return [.. list.GetProperty("items").EnumerateArray()
            .Select(item => item.GetProperty("name").GetString()!)
            .Where(name => name.EndsWith("/artifact.json", StringComparison.Ordinal))
            .Select(name => int.Parse(
                name.Split('/')[^2]["step-".Length..], System.Globalization.CultureInfo.InvariantCulture))
            .Order()];
    }

    private HttpClient Storage() => new()
    {
        BaseAddress = new Uri($"http://127.0.0.1:{Ports().EmulatorStorage}"),
    };

    private ServicePorts Ports() => ServicePorts.Kept(service.Settings.StateDirectory)!;

    private static JsonObject Training(string field, int value) => new()
    {
        ["training"] = new JsonObject { [field] = value },
    };
}
