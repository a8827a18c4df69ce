using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Cloud.PubSub.V1;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Service.Database;
using Workflows.Service.Tests.Database;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.Service.Tests.Messages;

/// <summary>Two programs of the service on one scheduler, one database and one cloud, each with a broker of its own for
/// the same topic, so that the test sees which of them has published.</summary>
public sealed class TwoServicesEventsTests(SharedPostgres postgres) : IClassFixture<SharedPostgres>, IAsyncLifetime
{
    private const int Runs = 3;

    /// <summary>In the middle of a run: each has four events until its approval.</summary>
    private const int Answered = 5;

    /// <summary>Facts that are events, of those that these runs have.</summary>
    private static readonly string[] Kinds = ["stage", "approval-asked", "approval-decided"];

    private readonly TemporaryFolder _folder = new("workflows-events-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 12);
    private readonly List<Process> _programs = [];
    private string _database = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private int Scheduler => _ports.Number + 11;

    private int Emulator => _ports.Number + 8;

    public async ValueTask InitializeAsync() =>
        _database = await (await postgres.StartOrSkipAsync()).NewDatabaseAsync();

    public ValueTask DisposeAsync()
    {
        _programs.ForEach(Kill);
        _programs.ForEach(program => program.Dispose());
        WorkerProcesses.End(_folder.Path);
        _folder.Dispose();
        _ports.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Kill_OfOneServiceBetweenAnEventAndItsCursor_LosesNoEventAndRepeatsThatOneAlone()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        _folder.Write("scenario.json", """{"apiDisabled": true}""");
        Start("Workflows.DurableTask.Sidecar", "--urls", Address(Scheduler), "--data", _folder["engine"]);
        Start(
            "Workflows.GoogleCloud.TpuEmulator", "--grpc-port", $"{Emulator}", "--rest-port", $"{Emulator + 1}",
            "--storage-port", $"{Emulator + 2}", "--state", _folder["cloud"]);
        await using var dying = await FakePubSub.StartAsync();
        await using var living = await FakePubSub.StartAsync();
        dying.Answers = Answered;
        using var first = new HttpClient { BaseAddress = new Uri(Address(_ports.Number)) };
        using var second = new HttpClient { BaseAddress = new Uri(Address(_ports.Number + 4)) };

        // Alone at first: all events until the approvals are its own.
        var killed = StartService(0, dying);
        await UntilAsync(first, "/readyz");
        var ids = Enumerable.Range(1, Runs).Select(number => $"events-{number}").ToList();
        foreach (var id in ids)
        {
            using var accepted = await first.PostAsJsonAsync("/runs", Request(id), Cancellation);
            Assert.True(accepted.IsSuccessStatusCode, await accepted.Content.ReadAsStringAsync(Cancellation));
        }

        var twice = await dying.Unanswered.Task.WaitAsync(TimeSpan.FromMinutes(3), Cancellation);
        foreach (var id in ids)
        {
            await UntilAsync(
                first, $"/runs/{id}", run => run.GetProperty("approval").ValueKind == JsonValueKind.Object);
        }

        // The other one looks for what is not published while the first one holds a run, and has it after the kill.
        StartService(1, living);
        await UntilAsync(second, "/readyz");
        using var state = StoreChoice.Open(_database, NullLogger.Instance);
        await Eventually.TrueAsync(() => Beats(state) == 2);
        Kill(killed);
        foreach (var id in ids)
        {
            using var approved = await second.PostAsync($"/runs/{id}/events/approve", null, Cancellation);
            Assert.True(approved.IsSuccessStatusCode, await approved.Content.ReadAsStringAsync(Cancellation));
        }

        var letters = new List<PubsubMessage>();
        for (var each = 0; each <= Answered; each++)
        {
            letters.Add(await dying.LetterAsync());
        }

        while (!ids.All(id => letters.Any(letter => IdOf(letter) == id)))
        {
            letters.Add(await living.LetterAsync());
        }

        foreach (var id in ids)
        {
            var facts = await second.GetFromJsonAsync<JsonElement>($"/runs/{id}/events", Cancellation);
            var expected = facts.EnumerateArray()
                .Where(fact => Kinds.Contains(fact.GetProperty("kind").GetString()))
                .Select(fact => $"{id}/{fact.GetProperty("kind").GetString()}/{fact.GetProperty("key").GetString()}")
                .Append(id).ToList();
            Assert.True(expected.Count >= 9, $"{facts}");

            // Each event in the order of the ledger, and the end behind all that it ends.
            Assert.Equal(
                expected, letters.Where(letter => letter.OrderingKey == $"runs/{id}").Select(IdOf).Distinct());
        }

        // The same event twice, to its time: the one that the broker had and the killed service did not know of.
        var repeated = Assert.Single(letters.GroupBy(IdOf), same => same.Count() > 1);
        Assert.Equal(2, repeated.Count());
        Assert.Equal(IdOf(twice), repeated.Key);
        Assert.Single(repeated.Select(letter => letter.Attributes["ce-time"]).Distinct());
        Assert.Single(repeated.Select(letter => letter.Data).Distinct());

        // The end of the killed one is noticed, whatever is written.
        await Eventually.TrueAsync(() => Beats(state) == 1);
    }

    private static int Beats(DatabaseState state) => state.Read(OtherServices.Document) is { } beats
        ? JsonSerializer.Deserialize<Dictionary<string, long>>(beats)!.Count : 0;

    private static string IdOf(PubsubMessage letter) => letter.Attributes["ce-id"];

    private static string Address(int port) => $"http://127.0.0.1:{port}";

    private static void Kill(Process program)
    {
        if (!program.HasExited)
        {
            program.Kill();
            program.WaitForExit();
        }
    }

    private static Task UntilAsync(HttpClient service, string path, Func<JsonElement, bool>? condition = null) =>
        Eventually.TrueAsync(async () =>
        {
            try
            {
                using var answer = await service.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
                return answer.IsSuccessStatusCode && (condition is null
                    || condition(await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation)));
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });

    private JsonObject Request(string id)
    {
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], _folder["scenario.json"], steps: 4, checkpointEvery: 2);
        request["id"] = id;
        request["approval"] = new JsonObject { ["withinHours"] = 1 };
        return request;
    }

    private Process StartService(int number, FakePubSub broker)
    {
        var (own, other) = (_ports.Number + (4 * number), _ports.Number + (4 * (1 - number)));
        return Start(
            "Workflows.Service", "--urls", Address(own), $"--Workflows:StateDirectory={_folder[$"state{number}"]}",
            $"--Workflows:Database={_database}", $"--Workflows:EmulatorAddress={Address(Emulator)}",
            $"--Workflows:OtherGateways={Address(other + 1)}", "--Workflows:SweepMinutes=0",
            "--Workflows:DurableTaskConnectionString="
            + $"Endpoint={Address(Scheduler)};TaskHub=default;Authentication=None",
            "--Workflows:PubSub:EventsTopic=projects/p/topics/events",
            $"--Workflows:PubSub:EmulatorHost={broker.Host}");
    }

    private Process Start(string project, params string[] arguments)
    {
        var program = Process.Start(
            "dotnet", [ServiceProgram.PathOf(project), .. arguments, "--Logging:LogLevel:Default=None"]);
        _programs.Add(program);
        return program;
    }
}
