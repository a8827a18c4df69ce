using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Logs;

/// <summary>The log of a run over HTTP: lines of service and worker with their attempt, filtered and
/// streamed.</summary>
public sealed class LogEndpointTests(RunningService service) : IClassFixture<RunningService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Logs_OfARun_HaveLinesOfServiceAndWorkerWithTheirAttempt()
    {
        var id = await service.StartAsync(service.Request(steps: 3));
        var streamed = await FollowAsync(id, null);

        Assert.Equal("end", streamed[^1].EventType);
        var lines = streamed.Where(item => item.EventType == "line").ToList();
        Assert.Distinct(lines.Select(item => item.EventId));
        Assert.Equal(
            lines.Select(item => long.Parse(item.EventId!)).Order(), lines.Select(item => long.Parse(item.EventId!)));

        var all = await ReadAsync(id, "?tail=2000");
        Assert.Equal(lines.Select(item => item.EventId), all.Select(line => $"{line.GetProperty("sequence")}"));
        var begins = Assert.Single(all, line => Text(line).Contains("train@", StringComparison.Ordinal)
            && Text(line).EndsWith(": begins", StringComparison.Ordinal));
        Assert.Equal("worker", begins.GetProperty("source").GetString());
        Assert.Equal(1, begins.GetProperty("attempt").GetInt32());
        Assert.Contains(all, line => line.GetProperty("source").GetString() == "service"
            && Text(line).Contains("attempt 1", StringComparison.Ordinal)
            && line.GetProperty("node").GetString() == begins.GetProperty("node").GetString());

        var node = begins.GetProperty("node").GetString();
        var some = await ReadAsync(id, $"?source=worker&node={node}&tail=2");
        Assert.Equal(2, some.Count);
        Assert.All(some, line => Assert.Equal("worker", line.GetProperty("source").GetString()));
        Assert.Empty(await ReadAsync(id, "?level=critical"));
        Assert.Empty(await ReadAsync(id, "?since=2999-01-01"));
        Assert.Empty(await ReadAsync(id, "?tail=0"));

        // A client that comes back has the rest, and nothing twice.
        var rest = await FollowAsync(id, lines[2].EventId);
        Assert.Equal(
            lines.Skip(3).Select(item => item.Data),
            rest.Where(item => item.EventType == "line").Select(item => item.Data));
    }

    [Theory]
    [InlineData("?source=vm", "source")]
    [InlineData("?level=loud", "level")]
    [InlineData("?tail=-1", "tail")]
    [InlineData("?tail=2001", "tail")]
    [InlineData("?tail=many", "tail")]
    [InlineData("?since=yesterday", "since")]
    [InlineData("?follow=perhaps", "follow")]
    [InlineData("?sorce=worker", "sorce")]
    public async Task Logs_WithAWrongParameter_NameIt(string query, string field)
    {
        using var answer = await service.Http.GetAsync($"/runs/any/logs{query}", Cancellation);

        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(field, problem.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Theory]
    [InlineData("/runs/nobody/logs")]
    [InlineData("/runs/nobody/logs?follow=true")]
    [InlineData("/runs/..%2f/logs")]
    public async Task Logs_OfAnUnknownRun_Are404(string path)
    {
        using var answer = await service.Http.GetAsync(path, Cancellation);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private static string Text(JsonElement line) => line.GetProperty("text").GetString()!;

    private async Task<List<JsonElement>> ReadAsync(string id, string query) =>
        (await service.Http.GetFromJsonAsync<List<JsonElement>>($"/runs/{id}/logs{query}", Cancellation))!;

    private async Task<List<SseItem<string>>> FollowAsync(string id, string? last)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, $"/runs/{id}/logs?tail=2000&follow=true");
        if (last is not null)
        {
            message.Headers.TryAddWithoutValidation("Last-Event-ID", last);
        }

        using var answer = await service.Http.SendAsync(
            message, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        await using var body = await answer.Content.ReadAsStreamAsync(Cancellation);
        var items = new List<SseItem<string>>();
        await foreach (var item in SseParser.Create(body).EnumerateAsync(Cancellation))
        {
            items.Add(item);
        }

        return items;
    }
}
