using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Cli.Tests.Watching;

/// <summary>A watched run, and a service that is upgraded, busy or behind a proxy meanwhile.</summary>
public sealed class WatcherTests
{
    private const string Busy = """{"code": "ENGINE_UNAVAILABLE", "detail": "The backend does not answer."}""";
    private static readonly RunView Running = new()
    {
        Id = new RunId("watched"),
        Name = "Watched",
        Status = RunStatus.Running,
        Stage = RunStageName.Train,
        Detail = "training",
    };

    private static readonly RunView Ended = Running with
    {
        Status = RunStatus.Succeeded,
        Stage = RunStageName.Report,
        HasEnded = true,
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Watch_ServiceAwayInTheMiddle_GoesOnAndSaysSoOnce()
    {
        await using var service = await Fake.StartAsync(
            Says(Running), Answers(503, Busy), Cuts, Answers(502, "<html>Bad Gateway</html>"), Answers(429, "slower"),
            Says(Running), Answers(504, ""), Says(Ended));
        service.Reports.Enqueue(Answers(503, Busy));
        service.Reports.Enqueue(Answers(200, """{"runId": "watched"}"""));

        var (code, output, lines) = await WatchAsync(service, Cancellation);

        Assert.Equal(ExitCodes.Done, code);
        Assert.Equal("""{"runId": "watched"}""", output);
        Assert.Equal(3, lines.Split("does not answer (").Length - 1);
        Assert.Contains("does not answer (The backend does not answer.); asking again for 5 minutes.", lines,
            StringComparison.Ordinal);
        Assert.Empty(service.Runs);
    }

    [Theory]
    [InlineData(503, Busy, "The backend does not answer.")]
    [InlineData(404, """{"detail": "There is no run 'watched'."}""", "There is no run 'watched'.")]
    [InlineData(500, "<html>", "The service answered 500: <html>")]
    public async Task Watch_FirstAnswerIsAFault_EndsWithItsWords(int status, string body, string message)
    {
        await using var service = await Fake.StartAsync(Answers(status, body), Says(Ended));

        var fault = await Assert.ThrowsAnyAsync<CommandException>(() => WatchAsync(service, Cancellation));

        Assert.Equal((message, ExitCodes.Failed), (fault.Message, fault.ExitCode));
    }

    [Theory]
    [InlineData(404, """{"detail": "There is no run 'watched'."}""", "There is no run 'watched'.")]
    [InlineData(500, """{"code": "INTERNAL"}""", """The service answered 500: {"code": "INTERNAL"}""")]
    public async Task Watch_LaterAnswerIsNoPassingFault_EndsWithItsWords(int status, string body, string message)
    {
        await using var service = await Fake.StartAsync(Says(Running), Answers(status, body), Says(Ended));

        var fault = await Assert.ThrowsAnyAsync<CommandException>(() => WatchAsync(service, Cancellation));

        Assert.Equal(message, fault.Message);
    }

    [Fact]
    public async Task Watch_InterruptedWhileTheServiceIsAway_Detaches()
    {
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        await using var service = await Fake.StartAsync(Says(Running), async context =>
        {
            await interrupt.CancelAsync();
            await Answers(503, Busy)(context);
        });

        var (code, _, _) = await WatchAsync(service, interrupt.Token);

        Assert.Equal(ExitCodes.Detached, code);
    }

    private static async Task<(int Code, string Output, string Lines)> WatchAsync(
        Fake service, CancellationToken cancellation)
    {
        using var output = new StringWriter();
        using var lines = new StringWriter();
        await using var link = await ServiceLink.OpenAsync(service.Address, "nowhere", null, null, Cancellation);
        var code = await Watcher.WatchAsync(
            link, "watched", new PlainDisplay(lines), json: true, output, cancellation);
        return (code, output.ToString(), lines.ToString());
    }

    private static RequestDelegate Says(RunView run) =>
        context => context.Response.WriteAsJsonAsync(run, RunLedger.Json);

    private static RequestDelegate Answers(int status, string body) => context =>
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(body);
    };

    private static Task Cuts(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    /// <summary>A service that gives the answers of a list, one after the other.</summary>
    private sealed class Fake : IAsyncDisposable
    {
        private readonly WebApplication _application;

        private Fake(WebApplication application) => _application = application;

        public Uri Address => new(_application.Urls.Single());

        public ConcurrentQueue<RequestDelegate> Runs { get; } = new();

        public ConcurrentQueue<RequestDelegate> Reports { get; } = new();

        public static async Task<Fake> StartAsync(params RequestDelegate[] runs)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            var application = builder.Build();
            application.Urls.Add("http://127.0.0.1:0");
            var fake = new Fake(application);
            application.MapGet("/runs/watched", context => Next(fake.Runs, context));
            application.MapGet("/runs/watched/events", context => Answers(200, "[]")(context));
            application.MapGet("/runs/watched/report", context => Next(fake.Reports, context));
            foreach (var run in runs)
            {
                fake.Runs.Enqueue(run);
            }

            await application.StartAsync(Cancellation);
            return fake;
        }

        public ValueTask DisposeAsync() => _application.DisposeAsync();

        private static Task Next(ConcurrentQueue<RequestDelegate> answers, HttpContext context) =>
            answers.TryDequeue(out var answer) ? answer(context) : Answers(500, "more questions than answers")(context);
    }
}
