using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Grpc.Net.Client;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Tests.Crash;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>What a person sees of a running engine, with the tools that everybody has.</summary>
public sealed class StatusTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("status-").FullName;
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromMinutes(3));
    private readonly int _port = Ports.Free();
    private SidecarProcess _sidecar = null!;
    private GrpcChannel _channel = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _sidecar = new SidecarProcess(_folder, Ports.Free());
        await _sidecar.StartAsync(_deadline.Token, null, "--status-urls", $"http://127.0.0.1:{_port}");
        await _sidecar.WaitForPortAsync(_port, _deadline.Token);
        _channel = GrpcChannel.ForAddress(_sidecar.Address);
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _channel.Dispose();
        await _sidecar.DisposeAsync();
        _deadline.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Instances_EachKindOfWait_IsNamedWithItsTime()
    {
        var engine = new TaskHubSidecarService.TaskHubSidecarServiceClient(_channel);
        using (var worker = engine.GetWorkItems(new(), cancellationToken: _deadline.Token))
        {
            await engine.StartInstanceAsync(new() { InstanceId = "busy", Name = "test" });
            await worker.ResponseStream.MoveNext(_deadline.Token);
            await engine.CompleteOrchestratorTaskAsync(new()
            {
                InstanceId = "busy",
                CompletionToken = worker.ResponseStream.Current.CompletionToken,
                Actions =
                {
                    new OrchestratorAction { Id = 0, ScheduleTask = new() { Name = "work" } },
                    new OrchestratorAction
                    {
                        Id = 1,
                        CreateTimer = new() { FireAt = new() { Seconds = 4_000_000_000 } },
                    },
                },
            });
            await worker.ResponseStream.MoveNext(_deadline.Token);
            JsonNode running = await GetAsync("/instances/busy");
            Assert.Equal("running", (string?)Wait(running, "activity")["state"]);
            Assert.Equal(1, (int?)Wait(running, "activity")["attempts"]);
        }

        // Its worker is gone and nobody else takes it.
        JsonArray held;
        do
        {
            held = (await GetAsync("/instances?state=held")).AsArray();
        }
        while (held.Count == 0);

        JsonNode activity = Wait(held[0]!, "activity");
        Assert.Equal("work", (string?)activity["name"]);
        Assert.NotNull((string?)activity["since"]);
        Assert.Equal("2096-10-02T07:06:40+00:00", (string?)Wait(held[0]!, "timer")["due"]);
        JsonArray queues = (await GetAsync("/queues")).AsArray();
        Assert.Equal("held", (string?)Assert.Single(queues)!["state"]);
        Assert.Empty((await GetAsync("/instances?stuck=01:00:00")).AsArray());
    }

    [Fact]
    public async Task Healthz_OfARunningEngine_IsOk() =>
        Assert.Equal("ok", (string?)(await GetAsync("/healthz"))["status"]);

    [Theory]
    [InlineData("/instances/unknown", HttpStatusCode.NotFound)]
    [InlineData("/instances?stuck=long", HttpStatusCode.BadRequest)]
    [InlineData("/instances?stuck=9999999.00:00:00", HttpStatusCode.BadRequest)]
    [InlineData("/instances?stuck=-00:05:00", HttpStatusCode.BadRequest)]
    public async Task Get_WhatCannotBeAnswered_SaysWhy(string path, HttpStatusCode expected)
    {
        using HttpResponseMessage response = await _http.GetAsync(new Uri(path, UriKind.Relative), _deadline.Token);

        Assert.Equal(expected, response.StatusCode);
        Assert.NotNull((string?)(await response.Content.ReadFromJsonAsync<JsonNode>(_deadline.Token))!["error"]);
        Assert.Equal("ok", (string?)(await GetAsync("/healthz"))["status"]);
    }

    private async Task<JsonNode> GetAsync(string path) =>
        (await _http.GetFromJsonAsync<JsonNode>(new Uri(path, UriKind.Relative), _deadline.Token))!;

    private static JsonNode Wait(JsonNode report, string kind) => Assert.Single(
        report["waitsFor"]!.AsArray(), wait => (string?)wait!["kind"] == kind)!;
}
