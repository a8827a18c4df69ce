using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Workflows.Cli.Commands;
using Workflows.Service.Logs;

namespace Workflows.Cli.Tests;

/// <summary>workflows logs -f: each line once, also over a lost connection, and an end with the run.</summary>
public sealed class LogsCommandTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Follow_ConnectionThatIsLost_GoesOnAfterTheLastLine()
    {
        var asked = new ConcurrentQueue<string>();
        var hasTwo = new TaskCompletionSource();
        var answers = new ConcurrentQueue<Func<HttpContext, Task>>(
        [
            async context =>
            {
                await WriteAsync(context, "event: line\nid: 1\ndata: one\n\nevent: line\nid: 2\ndata: two\n\n");
                await hasTwo.Task.WaitAsync(Cancellation);
                context.Abort();
            },
            async context =>
            {
                context.Response.StatusCode = 503;
                await context.Response.WriteAsync("{\"detail\": \"The backend does not answer.\"}", Cancellation);
            },

            // Ends without "end": a proxy that closes what is open for long.
            context => WriteAsync(context, "event: ping\ndata: {}\n\nevent: line\nid: 3\ndata: three\n\n"),
            context => WriteAsync(context, "event: line\nid: 4\ndata: four\n\nevent: end\ndata: {}\n\n"),
        ]);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var service = builder.Build();
        service.Urls.Add("http://127.0.0.1:0");
        service.MapGet("/runs/r/logs", context =>
        {
            asked.Enqueue($"{context.Request.QueryString} {context.Request.Headers["Last-Event-ID"]}");
            return answers.TryDequeue(out var answer) ? answer(context) : Task.CompletedTask;
        });
        await service.StartAsync(Cancellation);
        await using var link = await ServiceLink.OpenAsync(
            new Uri(service.Urls.Single()), "nowhere", null, null, Cancellation);

        var (lines, notices) = (new List<string>(), new List<string>());
        await link.FollowLogsAsync(
            "r", "?tail=9",
            line =>
            {
                lines.Add(line);
                if (line == "two")
                {
                    hasTwo.SetResult();
                }
            }, notices.Add, Cancellation);

        Assert.Equal(["one", "two", "three", "four"], lines);
        Assert.Equal(["?tail=9 ", "?tail=9 2", "?tail=9 2", "?tail=9 3"], asked);
        Assert.Equal(2, notices.Count);
    }

    [Fact]
    public async Task Follow_ServiceThatNeverAnswered_EndsAtOnce()
    {
        await using var link = await ServiceLink.OpenAsync(
            new Uri("http://127.0.0.1:1"), "nowhere", null, null, Cancellation);

        await Assert.ThrowsAsync<HttpRequestException>(
            () => link.FollowLogsAsync("r", "", _ => { }, _ => { }, Cancellation));
    }

    [Fact]
    public void TextOf_HostileLine_MovesNoCursorAndBeginsNoOtherLine()
    {
        var text = LogsCommand.TextOf(new LogView(
            1, DateTimeOffset.UnixEpoch, LogSource.Worker, LogSeverity.Error, "n-1", 1, null, null,
            "bad\u001b[2J\r\n1970-01-01 00:00:00Z service      all is well\u202e"));

        Assert.Equal(
            "1970-01-01 00:00:00Z n-1          error: bad\\u001b[2J\n    1970-01-01 00:00:00Z service      all is well"
                + "\\u202e",
            text);
    }

    private static async Task WriteAsync(HttpContext context, string text)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.WriteAsync(text, Cancellation);
        await context.Response.Body.FlushAsync(Cancellation);
    }
}
