using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;
using Workflows.TestKit.Models;

namespace Workflows.Service.Tests.Messages;

/// <summary>The service's program, killed with events that no broker has.</summary>
public sealed class KilledServiceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("workflows-test-");
    private readonly ReservedPort _ports = ReservedPort.Take(count: 4);
    private readonly ReservedPort _broker = ReservedPort.Take();
    private readonly HttpClient _http;

    public KilledServiceTests() => _http = new() { BaseAddress = new Uri($"http://127.0.0.1:{_ports.Number}") };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _http.Dispose();
        WorkerProcesses.End(_folder.Path);
        _broker.Dispose();
        _ports.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Kill_WhileTheBrokerIsAway_LosesNoEventAndKeepsTheirOrder()
    {
        TinyModel.Write(_folder["model"]);
        TinyModel.WriteCorpus(_folder["pairs.tsv"]);
        var request = TinyModel.Request(
            _folder["model"], _folder["pairs.tsv"], _folder.Write("scenario.json", """{"apiDisabled": true}"""),
            steps: 6, checkpointEvery: 2);
        request["id"] = "killed";
        using (var service = Start())
        {
            await UntilAsync("/healthz", answer => answer.IsSuccessStatusCode);
            using var accepted = await _http.PostAsJsonAsync("/runs", request, Cancellation);
            Assert.True(accepted.IsSuccessStatusCode, await accepted.Content.ReadAsStringAsync(Cancellation));
            await UntilAsync("/runs/killed/report", answer => answer.IsSuccessStatusCode);
            service.Kill(entireProcessTree: true);
            await service.WaitForExitAsync(Cancellation);
        }

        await using var broker = await FakePubSub.StartAsync(_broker.Number);
        using var next = Start();
        try
        {
            await UntilAsync("/healthz", answer => answer.IsSuccessStatusCode);
            var ids = new List<string>();
            async Task NextAsync() => ids.Add((await broker.LetterAsync()).Attributes["ce-id"]);
            while (!ids.Contains("killed"))
            {
                await NextAsync();
            }

            // The end is announced beside the lifecycle, which may still be under way.
            var facts = await _http.GetFromJsonAsync<JsonElement>("/runs/killed/events", Cancellation);
            var expected = facts.EnumerateArray().Where(fact => fact.GetProperty("kind").GetString() == "stage")
                .Select(fact => $"killed/stage/{fact.GetProperty("key").GetString()}").ToList();
            while (expected.Except(ids).Any())
            {
                await NextAsync();
            }

            Assert.True(expected.Count > 1, $"{facts}");
            Assert.Equal(
                expected, ids.Where(id => id.StartsWith("killed/stage/", StringComparison.Ordinal)).Distinct());
        }
        finally
        {
            next.Kill(entireProcessTree: true);
            await next.WaitForExitAsync(Cancellation);
        }
    }

    private Process Start() => Process.Start("dotnet",
    [
        ServiceProgram.Path, "--urls", $"{_http.BaseAddress}", $"--Workflows:StateDirectory={_folder["state"]}",
        "--Workflows:PubSub:EventsTopic=projects/p/topics/events",
        $"--Workflows:PubSub:EmulatorHost=127.0.0.1:{_broker.Number}", "--Workflows:SweepMinutes=0",
        "--Logging:LogLevel:Default=None",
    ]);

    private Task UntilAsync(string path, Func<HttpResponseMessage, bool> condition) => Eventually.TrueAsync(async () =>
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
            return condition(answer);
        }
        catch (HttpRequestException)
        {
            return false;
        }
    });
}
