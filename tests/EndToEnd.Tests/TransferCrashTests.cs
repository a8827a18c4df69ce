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
[Collection("crashes")]
public sealed class TransferCrashTests : IDisposable
{
    // A checkpoint that the next one overtakes stays here; ten steps between two leave time for each.
    private const int Steps = 50, CheckpointEvery = 10;
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);
    private readonly TemporaryFolder _folder = new("workflows-transfer-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 4);
    private ProgramRun? _service;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Gets the address of the metadata that the workers of this test's emulated cloud are given.</summary>
    private string Metadata => $"127.0.0.1:{_ports.Number + 2}/";

    public void Dispose()
    {
        _service?.Dispose();
        WorkerProcesses.End(Metadata);
        _folder.Dispose();
        _ports.Dispose();
    }

    /// <summary>The order in which one run meets them.</summary>
    private static readonly Interruption[] Interruptions =
    [
        new("service", "upload", "/model.safetensors", Seen: "/config.json"),
        new("worker", "download", "models/", Seen: "runs/hurt/test.jsonl"),
        new("worker", "upload", "step-00000020/weights", Seen: "step-00000020/manifest.json"),
        new("worker", "upload", "step-00000030/artifact.json", Seen: "step-00000030/weights.safetensors"),
        new("service", "upload", "step-00000050/artifact.json", Seen: "step-00000050/weights.safetensors"),
    ];

    [Fact]
    public async Task Run_KilledInsideFiveTransfers_EndsWithTheSameWeights()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("calm.json", """{"createSeconds": 0.1, "deleteSeconds": 0.1}""");
        var held = Interruptions.Select(each =>
            $$"""{"on": "{{each.Call}}", "name": "{{each.Name}}", "delaySeconds": 8}""");
        _folder.Write("hurt.json", $$"""
            {"createSeconds": 0.1, "deleteSeconds": 0.1, "storage": [{{string.Join(", ", held)}}]}
            """);
        _service = await StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_ports.Number}") };
        var expected = await WeightsAsync(http, "calm", []);

        var weights = await WeightsAsync(http, "hurt", Interruptions);

        Assert.Equal(expected, weights);
        var report = await http.GetFromJsonAsync<JsonElement>("/runs/hurt/report", Cancellation);
        Assert.True(report.GetProperty("recoveries").GetArrayLength() >= 3, $"{report}");
        using var bucket = Bucket();
        var tree = new ArtifactTree(bucket);
        var root = ArtifactUri.Parse("gs://rehearsal-hurt-artifacts");
        foreach (var part in new[] { "models", "runs/hurt/checkpoints", "runs/hurt/tuned" })
        {
            Assert.NotEmpty(await tree.ListAsync(root.Child(part), Cancellation));
            Assert.Empty(await tree.UnreachableAsync(root.Child(part), Cancellation));
        }
    }

    /// <summary>Waits until the call is under way, which the scenario holds up, and kills the process.</summary>
    private async Task InterruptAsync(HttpClient http, Interruption each)
    {
        await UntilAsync(each, async () => (await NamesAsync("hurt")).Any(
            name => name.Contains(each.Seen, StringComparison.Ordinal)));
        if (each.Call == "download")
        {
            await UntilAsync(each, async () => (await http.GetStringAsync("/runs/hurt/events", Cancellation)).Contains(
                "\"kind\":\"job\"", StringComparison.Ordinal));
        }

        await Task.Delay(TimeSpan.FromSeconds(each.Call == "download" ? 2 : 0.3), Cancellation);
        if (each.Call == "upload")
        {
            Assert.DoesNotContain(
                await NamesAsync("hurt"), name => name.Contains(each.Name, StringComparison.Ordinal));
        }

        if (each.Who == "worker")
        {
            Assert.NotEmpty(WorkerProcesses.With(Metadata));
            WorkerProcesses.End(Metadata);
            return;
        }

        _service!.Kill();
        _service.Dispose();
        _service = await StartAsync();
    }

    private async Task<byte[]> WeightsAsync(HttpClient http, string id, IReadOnlyList<Interruption> interruptions)
    {
        using (var started = await http.PostAsJsonAsync("/runs", Request(id), Cancellation))
        {
            Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync(Cancellation));
        }

        foreach (var each in interruptions)
        {
            await InterruptAsync(http, each);
        }

        var last = default(JsonElement);
        await UntilAsync(id, async () =>
        {
            last = await http.GetFromJsonAsync<JsonElement>($"/runs/{id}", Cancellation);
            return last.GetProperty("hasEnded").GetBoolean();
        });
        Assert.True(last.GetProperty("status").GetString() == "succeeded", $"{last}\n{_service!.Output}");
        return await File.ReadAllBytesAsync(
            Path.Combine(_folder["state"], "runs", id, "tuned", "model.safetensors"), Cancellation);
    }

    private JsonObject Request(string id)
    {
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], _folder[$"{id}.json"], Steps, CheckpointEvery);
        request["id"] = id;
        return request;
    }

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

    private async Task UntilAsync(object moment, Func<Task<bool>> condition)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(begun) > Deadline)
            {
                Assert.Fail($"It did not come to {moment}.\n{await EventsAsync()}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), Cancellation);
        }
    }

    private async Task<string> EventsAsync()
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_ports.Number}") };
        return await http.GetStringAsync("/runs/hurt/events", Cancellation);
    }

    /// <summary>A process that dies in a call, and the object by which one sees that the call is under way.</summary>
    private sealed record Interruption(string Who, string Call, string Name, string Seen);
}
