using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>The plug is pulled in the middle, again and again.</summary>
[Collection("crashes")]
public sealed class CrashTests : IDisposable
{
    // The moments differ from run to run, so that many runs of the tests meet many of them.
    private const int Kills = 6;

    // Some ten seconds on two cores: the last kills fall into them, and what comes after the kills tests nothing.
    private const int Steps = 800;

    private readonly TemporaryFolder _folder = new("workflows-crash-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 4);

    private string Address => $"http://127.0.0.1:{_ports.Number}";

    /// <summary>Gets the address of the metadata that the workers of this test's emulated cloud are given.</summary>
    private string Metadata => $"127.0.0.1:{_ports.Number + 2}/";

    public void Dispose()
    {
        WorkerProcesses.End(Metadata);
        _folder.Dispose();
        _ports.Dispose();
    }

    [Fact]
    public async Task Service_KilledAtRandomMomentsOfARun_FinishesItExactlyOnce()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("scenario.json", """
            {"createSeconds": 0.3, "deleteSeconds": 0.3, "zones": {
              "us-central2-b": {"refuse": "LOCATION_POLICY_VIOLATED"},
              "us-west4-a": {"preempt": {"guestAttribute": "workflows/step", "atLeast": 60}}}}
            """);

        var service = await StartServiceAsync();
        try
        {
            using var http = new HttpClient { BaseAddress = new Uri(Address) };
            using (var started = await http.PostAsJsonAsync("/runs", Request()))
            {
                Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync());
            }

            for (var kill = 0; kill < Kills; kill++)
            {
                await Task.Delay(TimeSpan.FromSeconds(0.1 + random.NextDouble() * 1.4));
                service.Kill();
                service.Dispose();
                service = await StartServiceAsync();
            }

            var report = await ReportAsync(http, service);

            Assert.True(report.GetProperty("status").GetString() == "succeeded", $"Seed {seed}: {report}");
            Assert.Equal(Steps, report.GetProperty("training").GetProperty("steps").GetInt32());
            Assert.All(report.GetProperty("teardown").EnumerateArray(),
                row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean(), $"Seed {seed}: {row}"));
            var attempts = report.GetProperty("attempts").EnumerateArray()
                .Select(row => row.GetProperty("attempt").GetInt32()).ToList();
            Assert.Equal(attempts.Distinct(), attempts);
            Assert.NotEmpty(report.GetProperty("recoveries").EnumerateArray());

            var runs = await http.GetFromJsonAsync<JsonElement>("/runs");
            Assert.Equal(1, runs.GetArrayLength());
            Assert.Empty(WorkerProcesses.With(Metadata));
        }
        finally
        {
            service.Dispose();
        }
    }

    private Task<ProgramRun> StartServiceAsync() => ServiceWaits.StartServiceAsync(Address, _folder["state"]);

    private JsonObject Request()
    {
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], _folder["scenario.json"], Steps, checkpointEvery: 100);
        request["id"] = "crash";
        request["tpu"]!["zones"] = new JsonArray("us-central2-b", "us-west4-a", "us-west1-c");
        return request;
    }

    private static async Task<JsonElement> ReportAsync(HttpClient http, ProgramRun service)
    {
        var deadline = TimeProvider.System.GetUtcNow().AddMinutes(15);
        while (true)
        {
            var run = await http.GetFromJsonAsync<JsonElement>("/runs/crash");
            if (run.GetProperty("hasEnded").GetBoolean())
            {
                return await http.GetFromJsonAsync<JsonElement>("/runs/crash/report");
            }

            Assert.True(TimeProvider.System.GetUtcNow() < deadline, $"Not finished: {run}\n{service.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }
}
