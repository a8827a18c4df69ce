using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>A run as server-sent events: each line once and in order, also over a break.</summary>
public sealed class EventStreamTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public async Task Stream_OfARunUnderWay_HasEveryLineOnceAndEnds()
    {
        var id = await service.StartAsync(service.Request(steps: 3));
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() != "pending");

        var items = await ReadAsync(id, null);

        Assert.Equal("end", items[^1].EventType);
        var lines = items.Where(item => item.EventType == "event").ToList();
        Assert.Equal(Enumerable.Range(1, lines.Count).Select(each => $"{each}"), lines.Select(item => item.EventId));
        Assert.Contains(lines, item => Kind(item) == "end");
        var last = Json(items.Last(item => item.EventType == "run"));
        Assert.True(last.GetProperty("hasEnded").GetBoolean());
        Assert.Equal("succeeded", last.GetProperty("status").GetString());

        // A client that comes back has what it missed, and nothing twice.
        var rest = await ReadAsync(id, "4");
        Assert.Equal(
            lines.Skip(4).Select(item => item.Data),
            rest.Where(item => item.EventType == "event").Select(item => item.Data));
        Assert.Equal("end", (await ReadAsync(id, $"{lines.Count + 1000}"))[^1].EventType);
    }

    [Theory]
    [InlineData("abc")]
    [InlineData("-1")]
    [InlineData("99999999999")]
    public async Task Stream_AfterRubbish_NamesTheHeader(string last)
    {
        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        await service.ReportAsync(id);

        using var answer = await SendAsync(id, last);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(
            "Last-Event-ID", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_OfAnUnknownRun_Is404()
    {
        using var answer = await SendAsync("run-nobody", null);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    /// <summary>A run that is purged beside its stream has no end any more that the engine could tell.</summary>
    [Fact]
    public async Task Stream_OfARunThatWasPurged_Ends()
    {
        var stream = service.Services.GetRequiredService<EventStream>();
        var items = new List<string>();

        await foreach (var item in stream.ReadAsync(
            new Orchestrations.RunId("purged"), 0, TestContext.Current.CancellationToken))
        {
            items.Add(item.EventType);
        }

        Assert.Equal(["end"], items);
    }

    /// <summary>A stop of the service does not wait for its streams, whose clients would never go.</summary>
    [Fact]
    public async Task Stream_ServiceThatStops_Ends()
    {
        await using var own = new RunningService();
        await own.InitializeAsync();
        var id = await own.StartAsync(own.Request(steps: 100_000));
        await own.WaitAsync(id, run => run.GetProperty("stage").GetString() == "train");
        using var message = Message(id, null);
        using var answer = await own.Http.SendAsync(
            message, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);

        await own.RestartAsync(_ => { });

        using var cancel = await own.Http.PostAsync(
            $"/runs/{id}/cancel", null, TestContext.Current.CancellationToken);
        Assert.True(cancel.IsSuccessStatusCode);
        await own.ReportAsync(id);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("x")]
    [InlineData("-5")]
    [InlineData("1e3")]
    public async Task Metrics_WrongNumberOfPoints_NamesTheParameter(string points)
    {
        using var answer = await service.Http.GetAsync(
            $"/runs/any/metrics?points={points}", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private async Task<List<SseItem<string>>> ReadAsync(string id, string? last)
    {
        using var answer = await SendAsync(id, last);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await using var body = await answer.Content.ReadAsStreamAsync(limit.Token);
        var items = new List<SseItem<string>>();
        await foreach (var item in SseParser.Create(body).EnumerateAsync(limit.Token))
        {
            items.Add(item);
        }

        return items;
    }

    private async Task<HttpResponseMessage> SendAsync(string id, string? last)
    {
        using var message = Message(id, last);
        return await service.Http.SendAsync(
            message, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    private static HttpRequestMessage Message(string id, string? last)
    {
        var message = new HttpRequestMessage(HttpMethod.Get, $"/runs/{id}/events");
        message.Headers.Accept.ParseAdd("text/event-stream");
        if (last is not null)
        {
            message.Headers.TryAddWithoutValidation("Last-Event-ID", last);
        }

        return message;
    }

    private static JsonElement Json(SseItem<string> item) => JsonSerializer.Deserialize<JsonElement>(item.Data);

    private static string Kind(SseItem<string> item) => Json(item).GetProperty("kind").GetString()!;
}
