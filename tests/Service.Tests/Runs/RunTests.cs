using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>Whole runs against the emulated cloud, with a model that trains in a second.</summary>
public sealed class RunTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public async Task Run_ThroughThreeRefusals_ReportsEachAndSucceeds()
    {
        var request = service.Request("""
            {"zones": {
              "us-central2-b": {"refuse": "LOCATION_POLICY_VIOLATED"},
              "us-central1-a": {"quota": {"TPUV5sLitepodServingPerProjectPerZoneForTPUAPI": 4}},
              "us-central1-b": {"acceleratorTypes": ["v6e-8"]}}}
            """);
        request["tpu"]!["zones"] = new JsonArray("us-central2-b", "us-central1-a", "us-central1-b", "us-west4-a");

        var report = await service.ReportAsync(await service.StartAsync(request));

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Equal(
            ["ZONE_FORBIDDEN", "QUOTA_EXHAUSTED", "ACCELERATOR_NOT_IN_ZONE", null],
            report.GetProperty("attempts").EnumerateArray().Select(row => Text(row, "code")));
        Assert.Equal("ready", report.GetProperty("attempts")[3].GetProperty("outcome").GetString());
        Assert.All(report.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
        Assert.Equal(6, report.GetProperty("training").GetProperty("steps").GetInt32());
        Assert.NotEmpty(Text(report.GetProperty("verdict").GetProperty("tuned"), "bleuSignature")!);
        Assert.True(report.GetProperty("cost").GetProperty("actual").GetDouble() > 0);
    }

    /// <summary>The prompt alone is longer than the length, which the worker would find on the TPU.</summary>
    [Fact]
    public async Task Run_WhosePromptLeavesNoRoom_EndsBeforeAnythingIsRented()
    {
        var request = service.Request();
        request["prompt"] = "translategemma";
        request["training"]!["maxLength"] = 128;

        var report = await service.ReportAsync(await service.StartAsync(request));

        Assert.Equal("TRAINING_LENGTH_TOO_SHORT", report.GetProperty("failure").GetProperty("code").GetString());
        Assert.Contains("or prompt to \"brief\"", report.GetProperty("failure").GetProperty("fix").GetString(),
            StringComparison.Ordinal);
        Assert.Equal(0, report.GetProperty("attempts").GetArrayLength());
    }

    [Fact]
    public async Task Run_InBothDirections_JudgesEach()
    {
        var request = service.Request();
        request["direction"] = "both";

        var report = await service.ReportAsync(await service.StartAsync(request));

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        var verdicts = report.GetProperty("verdicts").EnumerateArray().ToList();
        Assert.Equal(["ko-en", "en-ko"], verdicts.Select(verdict => Text(verdict, "direction")));
        Assert.All(verdicts, verdict => Assert.True(File.Exists(Text(verdict.GetProperty("tuned"), "hypotheses"))));
        Assert.Equal("ko-en", Text(report.GetProperty("verdict"), "direction"));
    }

    [Fact]
    public async Task Run_PreemptedInTraining_ResumesElsewhere()
    {
        var request = service.Request(
            """{"zones": {"us-west4-a": {"preempt": {"guestAttribute": "workflows/step", "atLeast": 1}}}}""",
            steps: 120);

        var report = await service.ReportAsync(await service.StartAsync(request));

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        var recovery = Assert.Single(report.GetProperty("recoveries").EnumerateArray());
        Assert.Equal(("us-west4-a", "PREEMPTED"), (Text(recovery, "zone"), Text(recovery, "cause")));
        Assert.True(recovery.GetProperty("seconds").GetDouble() > 0);
        Assert.Equal(["us-west4-a", "us-west1-c"],
            report.GetProperty("attempts").EnumerateArray().Select(row => Text(row, "zone")));
        Assert.Equal(2, report.GetProperty("teardown").GetArrayLength());
    }

    [Fact]
    public async Task Run_WhoseWorkerFallsSilentOnAHealthyNode_GoesOnElsewhere()
    {
        Skipped.Unless(Directory.Exists("/proc/self"), "Finding the worker's process needs /proc.");

        var id = await service.StartAsync(service.Request(steps: 20_000));
        await service.WaitAsync(id, run =>
            run.TryGetProperty("progress", out var progress) && progress.ValueKind == JsonValueKind.Object);

        // The cloud still says READY: only the silence tells.
        service.KillWorkerOf(id);
        await service.WaitAsync(id, run => run.GetProperty("recoveries").GetInt32() == 1);
        using var cancel = await service.Http.PostAsync($"/runs/{id}/cancel", null);
        var report = await service.ReportAsync(id);

        var recovery = Assert.Single(report.GetProperty("recoveries").EnumerateArray());
        Assert.Equal("WORKER_SILENT", Text(recovery, "cause"));
        Assert.All(report.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
    }

    [Fact]
    public async Task Worker_ToldToEndByTheNoticeOfASpotVm_SavesACheckpointFirst()
    {
        Skipped.Unless(File.Exists("/bin/kill"), "Sending SIGTERM needs /bin/kill.");

        // No checkpoint is due by itself: the one that is found was made on the signal.
        var request = service.Request(steps: 100_000);
        request["training"]!["checkpointEverySteps"] = 1_000_000;
        var id = await service.StartAsync(request);
        await service.WaitAsync(id, run => run.TryGetProperty("progress", out var progress)
            && progress.ValueKind == JsonValueKind.Object && progress.GetProperty("step").GetInt32() > 1);
        var bucket = Path.Combine(service.Settings.StateDirectory, "emulator", "buckets", "index.jsonl");
        var mark = $"runs/{id}/checkpoints/step-";
        Assert.DoesNotContain(mark, await File.ReadAllTextAsync(bucket), StringComparison.Ordinal);

        using var worker = service.WorkerOf(id);
        using var kill = System.Diagnostics.Process.Start("/bin/kill", ["-TERM", $"{worker.Id}"]);
        using var notice = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await worker.WaitForExitAsync(notice.Token);

        // Whole, in the bucket: the VM and its disk are about to go.
        Assert.Contains(
            await File.ReadAllLinesAsync(bucket), line => line.Contains(mark, StringComparison.Ordinal)
                && line.Contains("/artifact.json", StringComparison.Ordinal));
        using var cancel = await service.Http.PostAsync($"/runs/{id}/cancel", null);
        Assert.Equal("cancelled", (await service.ReportAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Run_WhoseTimeIsOver_GivesItsTpuBackAndNamesHowToGoOn()
    {
        var request = service.Request(steps: 100_000);
        request["maxHours"] = 0.003;

        var report = await service.ReportAsync(await service.StartAsync(request));

        Assert.Equal("failed", report.GetProperty("status").GetString());
        Assert.Equal("TIME_EXHAUSTED", Text(report.GetProperty("failure"), "code"));
        Assert.StartsWith("workflows resume ", report.GetProperty("resume").GetString(), StringComparison.Ordinal);
        Assert.All(report.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean()));
    }

    [Fact]
    public async Task Run_ProjectWithoutTheApi_StopsAtOnceWithTheFix()
    {
        var report = await service.ReportAsync(await service.StartAsync(service.Request("""{"apiDisabled": true}""")));

        Assert.Equal("failed", report.GetProperty("status").GetString());
        Assert.Equal("API_DISABLED", Text(report.GetProperty("failure"), "code"));
        Assert.Contains("gcloud services enable", Text(report.GetProperty("failure"), "fix"), StringComparison.Ordinal);
        Assert.Single(report.GetProperty("attempts").EnumerateArray());
        Assert.Empty(report.GetProperty("teardown").EnumerateArray());
    }

    [Fact]
    public async Task Run_NoCapacityAnywhere_GivesUpInTimeWithNothingLeft()
    {
        var request = service.Request(
            """{"zones": {"us-west4-a": {"capacity": 0}, "us-west1-c": {"capacity": 0}}}""");
        request["tpu"]!["acquireTimeoutSeconds"] = 1;

        var report = await service.ReportAsync(await service.StartAsync(request));

        Assert.Equal("NO_CAPACITY", Text(report.GetProperty("failure"), "code"));
        Assert.All(report.GetProperty("attempts").EnumerateArray(),
            row => Assert.Equal("OUT_OF_CAPACITY", Text(row, "code")));
    }

    /// <summary>A place that was refused lately is passed over, which is no attempt.</summary>
    [Fact]
    public async Task Run_NoCapacityForSomeRounds_CountsWhatItPassedOverApart()
    {
        var request = service.Request(
            """{"zones": {"us-west4-a": {"capacity": 0}, "us-west1-c": {"capacity": 0}}}""");
        request["tpu"]!["acquireTimeoutSeconds"] = 8;
        var id = await service.StartAsync(request);

        var report = await service.ReportAsync(id);

        var outcomes = report.GetProperty("attempts").EnumerateArray().Select(row => Text(row, "outcome")).ToList();
        var run = await service.Http.GetFromJsonAsync<JsonElement>($"/runs/{id}");
        Assert.Equal("NO_CAPACITY", Text(report.GetProperty("failure"), "code"));
        Assert.Equal(["failed", "skipped"], outcomes.Distinct().Order());
        Assert.Equal(2, outcomes.Count(outcome => outcome == "failed"));
        Assert.Equal(2, run.GetProperty("attempts").GetInt32());
        var page = await service.Http.GetStringAsync($"/runs/{id}/report.html");
        Assert.Contains($"0 refused, {outcomes.Count - 2} not asked, ", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Cancelled_StopsTheStepAndGivesTheNodeBack()
    {
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run =>
            run.TryGetProperty("progress", out var progress) && progress.ValueKind == JsonValueKind.Object);

        using var cancel = await service.Http.PostAsync($"/runs/{id}/cancel?reason=enough", null);
        var report = await service.ReportAsync(id);

        Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
        Assert.Equal("cancelled", report.GetProperty("status").GetString());
        Assert.True(Assert.Single(report.GetProperty("teardown").EnumerateArray())
            .GetProperty("confirmedNotFound").GetBoolean());
        using var again = await service.Http.PostAsync($"/runs/{id}/cancel", null);
        Assert.Equal(HttpStatusCode.Gone, again.StatusCode);
    }

    [Fact]
    public async Task Run_OverItsBudget_StopsAndReports()
    {
        var request = service.Request(steps: 100_000);
        // This node costs 0.037 USD a second; 0.187 USD are kept for giving it back.
        request["budgetUsd"] = 0.25;
        request["allowOverBudget"] = true;
        request["tpu"]!["acceleratorTypes"] = new JsonArray("v5litepod-256");

        var report = await service.ReportAsync(await service.StartAsync(request));

        Assert.Equal("BUDGET_EXHAUSTED", Text(report.GetProperty("failure"), "code"));

        // All of its steps would cost more; how far beyond its budget it came depends on the load of this machine.
        Assert.InRange(report.GetProperty("cost").GetProperty("actual").GetDouble(), 0.06, 2);
    }

    [Fact]
    public async Task Run_CorpusWithoutUsablePairs_FailsBeforeAnythingIsRented()
    {
        var path = Path.Combine(service.Folder, "bad.tsv");
        File.WriteAllLines(path, ["ko\ten", "hello\thello", "\t", "안녕\t"]);
        var request = service.Request();
        request["data"]!["train"] = path;

        var report = await service.ReportAsync(await service.StartAsync(request));

        Assert.Equal("CORPUS_TOO_SMALL", Text(report.GetProperty("failure"), "code"));
        Assert.Empty(report.GetProperty("attempts").EnumerateArray());
        Assert.Equal(0, report.GetProperty("cost").GetProperty("actual").GetDouble());
    }

    private static string? Text(JsonElement row, string name) =>
        row.TryGetProperty(name, out var value) ? value.GetString() : null;
}
