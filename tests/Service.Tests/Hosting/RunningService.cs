using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Hosting;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.Service.Tests.Hosting;

/// <summary>A service on free ports with a folder of its own, and a model small enough to train in a second.</summary>
public sealed class RunningService : IAsyncLifetime
{
    /// <summary>Steps between the checkpoints of a training that a test ends. With fewer, a training that only has to
    /// be there would do nothing but store checkpoints, and take the processors from what the test is about.</summary>
    public const int EndlessCheckpoint = 20;

    private static readonly TimeSpan RunDeadline = TimeSpan.FromMinutes(6);
    private readonly TemporaryFolder _folder = new("workflows-test-");
    private WebApplication? _application;

    /// <summary>Gets what changes the parts that the service is put together from; null: nothing.</summary>
    public Action<IServiceCollection>? Change { get; init; }

    /// <summary>Gets the command line.</summary>
    public string[] Arguments { get; init; } = [];

    public string Folder => _folder.Path;

    public HttpClient Http { get; private set; } = new();

    /// <summary>Gets the port of the emulated cloud's REST side.</summary>
    public int EmulatorRestPort { get; private set; }

    /// <summary>Gets the parts of the running service.</summary>
    public IServiceProvider Services => _application!.Services;

    public ServiceSettings Settings { get; } = new() { HttpPort = 0 };

    public async ValueTask InitializeAsync()
    {
        Settings.StateDirectory = Path.Combine(Folder, "state");
        TinyModel.Write(Path.Combine(Folder, "model"));
        TinyModel.WriteCorpus(Path.Combine(Folder, "pairs.tsv"));
        await StartAsync();
    }

    /// <summary>Stops the service and starts another on the same folder.</summary>
    /// <param name="change">Changes the settings of the next one.</param>
    /// <param name="meanwhile">Looks at the world without the service; null for nothing.</param>
    public async Task RestartAsync(Action<ServiceSettings> change, Func<Task>? meanwhile = null)
    {
        await StopAsync();
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        change(Settings);
        await StartAsync();
    }

    private async Task StartAsync()
    {
        // Messages come from other machines, so they may name nothing of the disk without this.
        Settings.InputRoots ??= Settings.PubSub.Subscription is null && Settings.Dapr.StartTopic is null
            ? null : Folder;
        var (application, ports) = WorkflowsService.Build(Arguments, Settings, isEmbedded: true, Change);
        (_application, EmulatorRestPort) = (application, ports.EmulatorRest);
        await application.StartOrExplainAsync(ports, Settings.StateDirectory, CancellationToken.None);
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ports.Http}") };
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        WorkerProcesses.End(Folder);
        _folder.Dispose();
    }

    /// <summary>A request for a short rehearsal, to be changed by a test.</summary>
    /// <param name="scenario">The emulated cloud's scenario.</param>
    /// <param name="steps">Steps of the training; thousands for one that a test ends, see
    /// <see cref="FinishAsync"/>.</param>
    public JsonObject Request(string scenario = "{}", int steps = 6)
    {
        var isEndless = steps > 1000;
        var request = TinyModel.Request(
            Path.Combine(Folder, "model"), Path.Combine(Folder, "pairs.tsv"), Scenario(scenario), steps,
            checkpointEvery: isEndless ? EndlessCheckpoint : 2);

        // By the rates of earlier rehearsals it would be over any budget.
        request["allowOverBudget"] = isEndless;
        return request;
    }

    public async Task<string> StartAsync(JsonObject request)
    {
        using var answer = await Http.PostAsJsonAsync("/runs", request);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, body);
        return JsonNode.Parse(body)!["id"]!.GetValue<string>();
    }

    /// <summary>Waits until a run satisfies a condition.</summary>
    public async Task<JsonElement> WaitAsync(string id, Func<JsonElement, bool> condition)
    {
        var deadline = TimeProvider.System.GetUtcNow() + RunDeadline;
        while (true)
        {
            var run = await Http.GetFromJsonAsync<JsonElement>($"/runs/{id}");
            if (condition(run))
            {
                return run;
            }

            Assert.True(TimeProvider.System.GetUtcNow() < deadline, $"Run {id} is still {run}");
            Assert.False(run.GetProperty("hasEnded").GetBoolean(), $"Run {id} ended too soon: {run}");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    /// <summary>Returns the newest step of a run's training; 0 before there is one.</summary>
    public static int StepOf(JsonElement run) =>
        run.TryGetProperty("progress", out var progress) && progress.ValueKind == JsonValueKind.Object
            ? progress.GetProperty("step").GetInt32() : 0;

    /// <summary>Ends a training early once it is beyond a step, so that it lasts as long as the test needs it, on
    /// machines of any speed.</summary>
    /// <param name="id">The run.</param>
    /// <param name="beyond">The step, such as the newest before the training was interrupted.</param>
    public async Task FinishAsync(string id, int beyond)
    {
        await WaitAsync(id, run => StepOf(run) > beyond);
        using var answer = await Http.PostAsync($"/runs/{id}/events/finish", null);
        Assert.True(answer.StatusCode == HttpStatusCode.Accepted, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Waits for the end of a run and returns its report.</summary>
    public async Task<JsonElement> ReportAsync(string id)
    {
        await WaitAsync(id, run => run.GetProperty("hasEnded").GetBoolean());
        return await Http.GetFromJsonAsync<JsonElement>($"/runs/{id}/report");
    }

    /// <summary>Ends the worker's process behind the emulator's back.</summary>
    public void KillWorkerOf(string id) => WorkerOf(id).Kill();

    /// <summary>The worker's process.</summary>
    public System.Diagnostics.Process WorkerOf(string id)
    {
        var vms = Path.Combine(Settings.StateDirectory, "emulator", "cloud.jsonl");
        var pid = File.ReadLines(vms).Select(line => JsonNode.Parse(line)!)
            .Where(line => (string?)line["key"] is { } key
                && key.StartsWith($"projects/rehearsal-{id}/", StringComparison.Ordinal))
            .Select(line => (int?)line["node"]?["workerPid"] ?? 0).Last(each => each != 0);
        return System.Diagnostics.Process.GetProcessById(pid);
    }

    private string Scenario(string text)
    {
        var path = Path.Combine(Folder, $"scenario-{Guid.NewGuid():N}.json");
        var scenario = JsonNode.Parse(text)!.AsObject();
        scenario["createSeconds"] ??= 0.05;
        scenario["deleteSeconds"] ??= 0.05;
        File.WriteAllText(path, scenario.ToJsonString());
        return path;
    }

    private async Task StopAsync()
    {
        Http.Dispose();
        if (_application is not null)
        {
            await _application.StopAsync();
            await _application.DisposeAsync();
            _application = null;
        }
    }
}
