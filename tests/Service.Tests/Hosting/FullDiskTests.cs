using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.Service.Tests.Hosting;

/// <summary>
/// The disk of the state folder fills up while a run trains: the service says that it failed, and the next start, with
/// room again, takes the run up and gives its TPU back.
/// </summary>
public sealed class FullDiskTests : IAsyncDisposable
{
    // A small disk that goes with the name space. It is filled when the test asks for it; after the first service has
    // ended, the space is freed and a second one started.
    private const string Script = """
        mount -t tmpfs -o size=96m small "$0/disk" || exit 99
        (while [ ! -e "$0/fill" ]; do sleep 0.1; done; cat /dev/zero > "$0/disk/filler" 2> /dev/null) &
        "$@" > "$0/first.out" 2> "$0/first.err"
        echo $? > "$0/first.part"
        mv "$0/first.part" "$0/first.code"
        while [ ! -e "$0/go-on" ]; do sleep 0.1; done
        rm -f "$0/disk/filler"
        exec "$@" > "$0/second.out" 2> "$0/second.err"
        """;

    // Only what hangs takes this long, on the slowest of machines, too.
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);

    private readonly TemporaryFolder _folder = new("workflows-full-");
    private readonly ReservedPort _ports = ReservedPort.Take(4);
    private readonly HttpClient _http;
    private Process? _process;

    public FullDiskTests() => _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_ports.Number}") };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Service_WhoseDiskFillsWhileARunTrains_EndsWithAFailureAndGivesTheTpuBackLater()
    {
        Skipped.Unless(
            await CanMountAsync(), "A small disk needs 'unshare' with user and mount name spaces, and tmpfs.");
        Start();
        await UntilAsync("/healthz", answer => answer.IsSuccessStatusCode);
        using (var started = await _http.PostAsJsonAsync("/runs", Request(), Cancellation))
        {
            Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync(Cancellation));
        }

        await RunAsync(run => run.GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress
            && progress.GetProperty("step").GetInt32() > 0);
        _folder.Write("fill", "");
        await UntilAsync(() => File.Exists(_folder["first.code"]));

        Assert.Equal("3", (await File.ReadAllTextAsync(_folder["first.code"], Cancellation)).Trim());
        Assert.Contains(
            "The engine cannot go on: ", await File.ReadAllTextAsync(_folder["first.err"], Cancellation),
            StringComparison.Ordinal);

        _folder.Write("go-on", "");
        await UntilAsync("/healthz", answer => answer.IsSuccessStatusCode);
        var run = await _http.GetFromJsonAsync<JsonElement>("/runs/full", Cancellation);
        if (!run.GetProperty("hasEnded").GetBoolean())
        {
            using var cancel = await _http.PostAsync(
                new Uri("/runs/full/cancel", UriKind.Relative), null, Cancellation);
        }

        await RunAsync(each => each.GetProperty("hasEnded").GetBoolean());
        var report = await _http.GetFromJsonAsync<JsonElement>("/runs/full/report", Cancellation);
        Assert.Contains(report.GetProperty("status").GetString(), new[] { "cancelled", "failed" });
        Assert.NotEmpty(report.GetProperty("teardown").EnumerateArray());
        Assert.All(
            report.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean(), $"{row}"));
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_process is not null)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        _ports.Dispose();
        _folder.Dispose();
    }

    private static async Task<bool> CanMountAsync() => Command.IsInstalled("unshare")
        && (await Command.RunAsync("unshare",
        [
            "--user", "--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs -o size=1m small /mnt",
        ])).ExitCode == 0;

    private void Start()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("scenario.json", """{"createSeconds": 0.05, "deleteSeconds": 0.05}""");
        Directory.CreateDirectory(_folder["disk"]);
        _process = Process.Start("unshare",
        [
            "--user", "--map-root-user", "--mount", "sh", "-c", Script, _folder.Path, "dotnet",
            ServiceProgram.Path, "--urls", $"{_http.BaseAddress}",
            $"--Workflows:StateDirectory={_folder["disk/state"]}",
        ]);
    }

    private JsonObject Request() => new()
    {
        ["id"] = "full",
        ["model"] = _folder["model"],
        ["prompt"] = "brief",
        ["data"] = new JsonObject { ["train"] = _folder["pairs.tsv"] },
        ["tpu"] = new JsonObject { ["acceleratorTypes"] = new JsonArray("v5litepod-8") },
        ["budgetUsd"] = 1_000_000,
        ["training"] = new JsonObject
        {
            ["steps"] = 1_000_000,
            ["batchSize"] = 4,
            ["warmupSteps"] = 1,
            ["checkpointEverySteps"] = 50,
            ["maxLength"] = 128,
        },
        ["rehearsal"] = new JsonObject { ["scenario"] = _folder["scenario.json"] },
    };

    private Task RunAsync(Func<JsonElement, bool> condition) => UntilAsync("/runs/full", async answer =>
        answer.IsSuccessStatusCode
        && await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation) is var run && Holds(run, condition));

    private static bool Holds(JsonElement run, Func<JsonElement, bool> condition) =>
        (run.TryGetProperty("progress", out _) || run.GetProperty("hasEnded").GetBoolean()) && condition(run);

    private Task UntilAsync(string path, Func<HttpResponseMessage, bool> condition) =>
        UntilAsync(path, answer => Task.FromResult(condition(answer)));

    private Task UntilAsync(string path, Func<HttpResponseMessage, Task<bool>> condition) => UntilAsync(async () =>
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
            return await condition(answer);
        }
        catch (HttpRequestException)
        {
            // It does not listen yet.
            return false;
        }
    });

    private Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private async Task UntilAsync(Func<Task<bool>> condition)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < Deadline && !_process!.HasExited, Said());
            await Task.Delay(TimeSpan.FromMilliseconds(100), Cancellation);
        }
    }

    private string Said()
    {
        var said = new StringBuilder();
        foreach (var name in new[] { "first.code", "first.out", "first.err", "second.out", "second.err" })
        {
            said.AppendLine(File.Exists(_folder[name]) ? $"{name}: {File.ReadAllText(_folder[name])}" : $"no {name}");
        }

        return said.ToString();
    }
}
