using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>
/// A state folder is lost, and restored from a copy that is older than the cloud: the emulated cloud is a program of
/// its own, and has not gone back in time with it.
/// </summary>
[Collection("crashes")]
public sealed class RestoreTests : IDisposable
{
    private const int Steps = 600;
    private readonly TemporaryFolder _folder = new("workflows-restore-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 8);
    private readonly List<ProgramRun> _programs = [];

    private int Emulator => _ports.Number + 4;

    public void Dispose()
    {
        _programs.ForEach(program => program.Dispose());
        WorkerProcesses.End(_folder["cloud"]);
        _folder.Dispose();
        _ports.Dispose();
    }

    [Fact]
    public async Task Service_OfARestoredFolder_ListsItsRunsAndContinuesAndLeavesNoNode()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("scenario.json", """
            {"createSeconds": 0.3, "deleteSeconds": 0.3, "zones": {
              "us-west4-a": {"preempt": {"guestAttribute": "workflows/step", "atLeast": 300}}}}
            """);
        Start(
            "Workflows.GoogleCloud.TpuEmulator", "--grpc-port", $"{Emulator}", "--rest-port", $"{Emulator + 1}",
            "--storage-port", $"{Emulator + 2}", "--state", _folder["cloud"], "--worker",
            $"dotnet {Path.Combine(AppContext.BaseDirectory, "Workflows.TpuWorker.Host.dll")}");
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_ports.Number}") };
        var service = await StartServiceAsync();
        using (var done = await http.PostAsJsonAsync("/runs", Request("before", steps: 4)))
        {
            Assert.True(done.IsSuccessStatusCode, await done.Content.ReadAsStringAsync());
        }

        await ServiceWaits.UntilAsync(http, "before", ServiceWaits.HasEnded, Said);
        using (var started = await http.PostAsJsonAsync("/runs", Request("live", Steps)))
        {
            Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync());
        }

        await ServiceWaits.UntilAsync(http, "live", HasStepped, Said);
        service.Kill();
        Copy(_folder["state"], _folder["backup"]);

        // After the copy the run loses its node and gets another one, of which the copy knows nothing.
        service = await StartServiceAsync();
        await ServiceWaits.UntilAsync(
            http, "live", run => run.GetProperty("recoveries").GetInt32() > 0 && HasStepped(run), Said);
        service.Kill();
        Directory.Delete(_folder["state"], recursive: true);
        Directory.Move(_folder["backup"], _folder["state"]);
        service = await StartServiceAsync();

        var runs = (await http.GetFromJsonAsync<JsonArray>("/runs"))!.Select(run => (string)run!["id"]!);
        Assert.Equal(["live", "before"], runs);
        await ServiceWaits.UntilAsync(http, "live", ServiceWaits.HasEnded, Said);
        var report = await http.GetFromJsonAsync<JsonElement>("/runs/live/report");

        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}\n{service.Output}");
        Assert.Equal(Steps, report.GetProperty("training").GetProperty("steps").GetInt32());
        Assert.NotEmpty(report.GetProperty("recoveries").EnumerateArray());
        using var cloud = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{Emulator + 1}") };
        Assert.Equal("[]", await cloud.GetStringAsync("/emulator/projects"));
    }

    private static bool HasStepped(JsonElement run) =>
        run.GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress
        && progress.GetProperty("step").GetInt32() > 0;

    private static void Copy(string from, string to)
    {
        foreach (var folder in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories).Prepend(from))
        {
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        }

        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
        }
    }

    private ProgramRun Start(string program, params string[] arguments)
    {
        var run = ProgramRun.Start(program, arguments);
        _programs.Add(run);
        return run;
    }

    private async Task<ProgramRun> StartServiceAsync()
    {
        var service = await ServiceWaits.StartServiceAsync(
            $"http://127.0.0.1:{_ports.Number}", _folder["state"],
            $"--Workflows:EmulatorAddress=http://127.0.0.1:{Emulator}");
        _programs.Add(service);
        return service;
    }

    private string Said() => string.Join('\n', _programs.Select(program => program.Output + program.Error));

    private JsonObject Request(string id, int steps)
    {
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], _folder["scenario.json"], steps, checkpointEvery: 100);
        request["id"] = id;
        return request;
    }
}
