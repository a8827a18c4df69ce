using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.EndToEnd.Tests;

/// <summary>
/// Two services on one scheduler, one database and one cloud: the sidecar speaks the scheduler's protocol, PostgreSQL
/// has the state, and the emulator has TPUs and bucket.
/// </summary>
[Collection("crashes")]
public sealed class TwoServicesTests : IDisposable
{
    // Half a minute of training on a fast machine: it must not be over before the database is back.
    private const int Steps = 2400;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);
    private readonly TemporaryFolder _folder = new("workflows-two-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 12);
    private readonly List<ProgramRun> _programs = [];

    private int Scheduler => _ports.Number + 11;

    private int Emulator => _ports.Number + 8;

    public void Dispose()
    {
        _programs.ForEach(program => program.Dispose());
        WorkerProcesses.End(_folder["cloud"]);
        _folder.Dispose();
        _ports.Dispose();
    }

    [Fact]
    public async Task Run_WhoseServiceIsKilledInTraining_EndsThroughTheOther()
    {
        await using var postgres = await PostgresServer.StartOrSkipAsync();
        using var first = new HttpClient { BaseAddress = new Uri(Address(_ports.Number)) };
        using var second = new HttpClient { BaseAddress = new Uri(Address(_ports.Number + 4)) };
        var clients = new[] { first, second };
        var services = await StartAllAsync(await postgres.NewDatabaseAsync(), first, second);

        using (var started = await first.PostAsJsonAsync("/runs", Request()))
        {
            Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync());
        }

        // Either service shows the training, whichever of them has the worker's stream.
        foreach (var client in clients)
        {
            await ServiceWaits.UntilAsync(
                client, "two", run => run.GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress
                    && progress.GetProperty("step").GetInt32() >= 20, Said);
        }

        Assert.Equal(await IdsAsync(first), await IdsAsync(second));
        var events = (await EventsAsync(first)).Count;
        Assert.Equal(await EventsAsync(first, events), await EventsAsync(second, events));

        // The database restarts in the middle of the training, as for an upgrade.
        await postgres.StopAsync();
        using (var ready = await first.GetAsync("/readyz"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            Assert.Contains(
                """{"name":"database","ready":false}""", await ready.Content.ReadAsStringAsync(),
                StringComparison.Ordinal);
        }

        await postgres.StartAsync();
        var working = Array.FindIndex(
            services, service => service.Output.Contains("connected for run two", StringComparison.Ordinal));
        Assert.True(working >= 0, $"No service has the worker.\n{services[0].Output}\n{services[1].Output}");
        services[working].Kill();
        var (left, log) = (clients[1 - working], services[1 - working]);

        await ServiceWaits.UntilAsync(left, "two", ServiceWaits.HasEnded, Said);
        var report = await left.GetFromJsonAsync<JsonElement>("/runs/two/report");

        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}\n{log.Output}");
        Assert.Equal(Steps, report.GetProperty("training").GetProperty("steps").GetInt32());
        Assert.NotEqual(JsonValueKind.Null, report.GetProperty("verdict").ValueKind);
        Assert.True(report.GetProperty("cost").GetProperty("actual").GetDouble() > 0, $"{report}");

        // The worker went over to the other service: the node was not lost.
        Assert.Contains("connected for run two", log.Output, StringComparison.Ordinal);
        Assert.Empty(report.GetProperty("recoveries").EnumerateArray());
        Assert.Single(report.GetProperty("attempts").EnumerateArray());
        Assert.NotEmpty(report.GetProperty("teardown").EnumerateArray());
        Assert.All(
            report.GetProperty("teardown").EnumerateArray(),
            row => Assert.True(row.GetProperty("confirmedNotFound").GetBoolean(), $"{row}"));
        using var cloud = new HttpClient { BaseAddress = new Uri(Address(Emulator + 1)) };
        Assert.Equal("[]", await cloud.GetStringAsync("/emulator/projects"));
        var again = (await EventsAsync(left)).Select(each => $"{each["kind"]} {each["key"]}").ToList();
        Assert.Equal(again.Distinct(), again);
    }

    /// <summary>A person and the worker are at different services, and two people at different ones, too.</summary>
    [Fact]
    public async Task EventsOfPeople_SentToEitherService_AreCarriedOutOnce()
    {
        await using var postgres = await PostgresServer.StartOrSkipAsync();
        using var first = new HttpClient { BaseAddress = new Uri(Address(_ports.Number)) };
        using var second = new HttpClient { BaseAddress = new Uri(Address(_ports.Number + 4)) };
        var clients = new[] { first, second };
        var services = await StartAllAsync(await postgres.NewDatabaseAsync(), first, second);
        foreach (var id in new[] { "race", "two" })
        {
            var request = Request();
            request["id"] = id;
            request["training"]!["steps"] = id == "two" ? 100_000 : 4;
            request["allowOverBudget"] = true;
            request["approval"] = new JsonObject { ["withinHours"] = 1 };
            using var started = await first.PostAsJsonAsync("/runs", request);
            Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync());
            await ServiceWaits.UntilAsync(
                second, id, run => run.GetProperty("approval").ValueKind == JsonValueKind.Object, Said);
        }

        var answers = await Task.WhenAll(SendAsync(first, "race", "approve"), SendAsync(second, "race", "reject"));
        Assert.Equal([HttpStatusCode.Accepted, HttpStatusCode.Conflict], answers.Order());
        await ServiceWaits.UntilAsync(first, "race", ServiceWaits.HasEnded, Said);
        var race = await second.GetFromJsonAsync<JsonElement>("/runs/race/report");
        Assert.Equal(
            answers[0] == HttpStatusCode.Accepted ? "approved succeeded" : "rejected failed",
            $"{race.GetProperty("people")[1].GetProperty("event")} {race.GetProperty("status")}");

        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(second, "two", "approve"));
        Assert.Equal(HttpStatusCode.Conflict, await SendAsync(first, "two", "reject"));
        await ServiceWaits.UntilAsync(
            first, "two", run => run.GetProperty("progress") is { ValueKind: JsonValueKind.Object } progress
                && progress.GetProperty("step").GetInt32() >= 3, Said);
        var working = Array.FindIndex(
            services, service => service.Output.Contains("connected for run two", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(clients[1 - working], "two", "finish"));

        await ServiceWaits.UntilAsync(second, "two", ServiceWaits.HasEnded, Said);
        var report = await second.GetFromJsonAsync<JsonElement>("/runs/two/report");
        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");
        Assert.True(report.GetProperty("training").GetProperty("finishedEarly").GetBoolean(), $"{report}");
        Assert.Single(report.GetProperty("attempts").EnumerateArray());
    }

    private static async Task<HttpStatusCode> SendAsync(HttpClient client, string id, string name)
    {
        using var answer = await client.PostAsync($"/runs/{id}/events/{name}", null);
        return answer.StatusCode;
    }

    private static string Address(int port) => $"http://127.0.0.1:{port}";

    private static async Task<List<string>> IdsAsync(HttpClient client) =>
        [.. (await client.GetFromJsonAsync<JsonArray>("/runs"))!.Select(run => (string)run!["id"]!)];

    private static async Task<List<JsonNode>> EventsAsync(HttpClient client) =>
        [.. (await client.GetFromJsonAsync<JsonArray>("/runs/two/events"))!.Select(each => each!)];

    private static async Task<IEnumerable<string>> EventsAsync(HttpClient client, int most) =>
        (await EventsAsync(client)).Take(most).Select(each => each.ToJsonString());

    /// <summary>Starts scheduler, cloud and two services.</summary>
    private async Task<ProgramRun[]> StartAllAsync(string database, HttpClient first, HttpClient second)
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("scenario.json", """{"createSeconds": 0.3, "deleteSeconds": 0.3}""");
        Start("Workflows.DurableTask.Sidecar", "--urls", Address(Scheduler), "--data", _folder["engine"]);
        Start(
            "Workflows.GoogleCloud.TpuEmulator", "--grpc-port", $"{Emulator}", "--rest-port", $"{Emulator + 1}",
            "--storage-port", $"{Emulator + 2}", "--state", _folder["cloud"], "--worker",
            $"dotnet {Path.Combine(AppContext.BaseDirectory, "Workflows.TpuWorker.Host.dll")}");
        var services = new[] { StartService(0, database), StartService(1, database) };
        await UpAsync(services[0], first);
        await UpAsync(services[1], second);
        return services;
    }

    private ProgramRun Start(string program, params string[] arguments)
    {
        var run = ProgramRun.Start(program, arguments);
        _programs.Add(run);
        return run;
    }

    private ProgramRun StartService(int number, string database)
    {
        var (own, other) = (_ports.Number + (4 * number), _ports.Number + (4 * (1 - number)));
        return Start(
            "Workflows.Service", "--urls", Address(own), $"--Workflows:StateDirectory={_folder[$"state{number}"]}",
            $"--Workflows:Database={database}", $"--Workflows:EmulatorAddress={Address(Emulator)}",
            $"--Workflows:OtherGateways={Address(other + 1)}",
            "--Workflows:DurableTaskConnectionString="
            + $"Endpoint={Address(Scheduler)};TaskHub=default;Authentication=None");
    }

    private string Said() => string.Join('\n', _programs.Select(program => program.Output + program.Error));

    private JsonObject Request()
    {
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], _folder["scenario.json"], Steps, checkpointEvery: 200);
        request["id"] = "two";
        return request;
    }

    private static async Task UpAsync(ProgramRun service, HttpClient client)
    {
        await service.SaysAsync("Application started", Limit);
        using var answer = await client.GetAsync("/readyz");
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Contains("database", text, StringComparison.Ordinal);
    }
}
