using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Artifacts;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>
/// The plug is pulled inside transfers: the tuned weights are those of a run that nobody disturbed, and nothing is left
/// in the bucket that no manifest names.
/// </summary>
[Collection("programs")]
public sealed class TransferCrashTests : IDisposable
{
    private const int Steps = 8;
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);
    private readonly TemporaryFolder _folder = new("workflows-transfer-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 4);
    private ProgramRun? _service;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _service?.Dispose();
        _folder.Dispose();
        _ports.Dispose();
    }

    /// <summary>Which process dies, in which call, and the object by which the test sees that the call is under
    /// way.</summary>
    [Theory]
    [InlineData("worker", "download", "models/", "runs/hurt/test.jsonl")]
    [InlineData("worker", "upload", "step-00000004/weights", "step-00000004/manifest.json")]
    [InlineData("worker", "upload", "step-00000004/artifact.json", "step-00000004/weights.safetensors")]
    [InlineData("service", "upload", "step-00000004/artifact.json", "step-00000004/weights.safetensors")]
    [InlineData("service", "upload", "/model.safetensors", "/config.json")]
    public async Task Run_KilledInsideATransfer_EndsWithTheSameWeights(
        string who, string call, string name, string seen)
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("calm.json", """{"createSeconds": 0.1, "deleteSeconds": 0.1}""");
        _folder.Write("hurt.json", $$"""
            {"createSeconds": 0.1, "deleteSeconds": 0.1,
             "storage": [{"on": "{{call}}", "name": "{{name}}", "delaySeconds": 10}]}
            """);
        _service = await StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_ports.Number}") };
        var expected = await WeightsAsync(http, "calm", []);

        var weights = await WeightsAsync(http, "hurt", [async () =>
        {
            await UntilAsync(async () => (await NamesAsync("hurt")).Any(
                each => each.Contains(seen, StringComparison.Ordinal)));

            // The next call of the scenario's kind is held up for ten seconds from here.
            if (call == "download")
            {
                await UntilAsync(async () => (await http.GetStringAsync("/runs/hurt/events", Cancellation)).Contains(
                    "\"kind\":\"job\"", StringComparison.Ordinal));
            }

            await Task.Delay(TimeSpan.FromSeconds(call == "download" ? 2 : 0.3), Cancellation);
            if (call == "upload")
            {
                Assert.DoesNotContain(await NamesAsync("hurt"), each => each.Contains(name, StringComparison.Ordinal));
            }

            if (who == "worker")
            {
                using var worker = WorkerOf();
                worker!.Kill();
                return;
            }

            _service.Kill();
            _service.Dispose();
            _service = await StartAsync();
        }]);

        Assert.Equal(expected, weights);
        var report = await http.GetFromJsonAsync<JsonElement>("/runs/hurt/report", Cancellation);
        Assert.True(who == "service" || report.GetProperty("recoveries").GetArrayLength() > 0, $"{report}");
        using var bucket = Bucket();
        var tree = new ArtifactTree(bucket);
        var root = ArtifactUri.Parse("gs://rehearsal-hurt-artifacts");
        foreach (var part in new[] { "models", "runs/hurt/checkpoints", "runs/hurt/tuned" })
        {
            Assert.NotEmpty(await tree.ListAsync(root.Child(part), Cancellation));
            Assert.Empty(await tree.UnreachableAsync(root.Child(part), Cancellation));
        }
    }

    private async Task<byte[]> WeightsAsync(HttpClient http, string id, IReadOnlyList<Func<Task>> disturb)
    {
        using (var started = await http.PostAsJsonAsync("/runs", Request(id), Cancellation))
        {
            Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync(Cancellation));
        }

        foreach (var each in disturb)
        {
            await each();
        }

        var last = default(JsonElement);
        await UntilAsync(async () =>
        {
            last = await http.GetFromJsonAsync<JsonElement>($"/runs/{id}", Cancellation);
            return last.GetProperty("hasEnded").GetBoolean();
        });
        Assert.True(last.GetProperty("status").GetString() == "succeeded", $"{last}\n{_service!.Output}");
        return await File.ReadAllBytesAsync(
            Path.Combine(_folder["state"], "runs", id, "tuned", "model.safetensors"), Cancellation);
    }

    private JsonObject Request(string id) => new()
    {
        ["id"] = id,
        ["model"] = _folder["model"],
        ["prompt"] = "brief",
        ["data"] = new JsonObject { ["train"] = _folder["pairs.tsv"] },
        ["tpu"] = new JsonObject
        {
            ["acceleratorTypes"] = new JsonArray("v5litepod-8"),
            ["zones"] = new JsonArray("us-west4-a", "us-west1-c"),
        },
        ["training"] = new JsonObject
        {
            ["steps"] = Steps,
            ["batchSize"] = 4,
            ["warmupSteps"] = 1,
            ["checkpointEverySteps"] = 2,
            ["maxLength"] = 128,
        },
        ["evaluation"] = new JsonObject { ["maxNewTokens"] = 4, ["bootstrapSamples"] = 100 },
        ["rehearsal"] = new JsonObject { ["scenario"] = _folder[$"{id}.json"] },
    };

    private async Task<ProgramRun> StartAsync()
    {
        var service = ProgramRun.Start(
            "Workflows.Service", "--urls", $"http://127.0.0.1:{_ports.Number}",
            $"--Workflows:StateDirectory={_folder["state"]}");
        await service.SaysAsync("Runs: http://", TimeSpan.FromMinutes(2));
        return service;
    }

    private StorageArtifactStore Bucket() => new(new Uri($"http://127.0.0.1:{_ports.Number + 3}"));

    private async Task<List<string>> NamesAsync(string id)
    {
        using var bucket = Bucket();
        var names = new List<string>();
        try
        {
            await foreach (var file in bucket.ListAsync(
                ArtifactUri.Parse($"gs://rehearsal-{id}-artifacts"), Cancellation))
            {
                names.Add(file.Uri.Path);
            }
        }
        catch (ArtifactException exception) when (exception.Fault == ArtifactFault.NotFound)
        {
            // The bucket is not made yet.
        }

        return names;
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < Deadline, "It did not come to that.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), Cancellation);
        }
    }

    /// <summary>The worker process whose metadata lies in this test's emulated cloud; null: none runs.</summary>
    private Process? WorkerOf()
    {
        foreach (var path in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(path), out var id) && Says(path, "cmdline", "TpuWorker.Host")
                && Says(path, "environ", $"127.0.0.1:{_ports.Number + 2}/"))
            {
                return Process.GetProcessById(id);
            }
        }

        return null;
    }

    private static bool Says(string process, string file, string text)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, file)).Contains(text, StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or is somebody else's.
            return false;
        }
    }
}
