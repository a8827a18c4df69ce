using System.Collections.Concurrent;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Abstractions;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Converters;
using Microsoft.DurableTask.Entities;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Workflows.DurableTask.Tests.Entities;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>What a worker takes from its options and services.</summary>
public sealed class WorkerOptionsTests : EndToEndTest
{
    [Fact]
    public async Task OrchestrationFilter_ByTag_LeavesInstancesToOtherWorkers()
    {
        foreach (string color in (string[])["red", "blue"])
        {
            await Sidecar.AddWorkerAsync(
                tasks => tasks.AddOrchestratorFunc<string>("where", _ => Task.FromResult(color)),
                worker => worker.UseOrchestrationFilter(new ColorFilter(color)));
        }

        DurableTaskClient client = Sidecar.CreateClient();
        for (int run = 0; run < 2; run++)
        {
            string color = run % 2 == 0 ? "red" : "blue";
            string id = await client.ScheduleNewOrchestrationInstanceAsync(
                "where",
                null,
                new StartOrchestrationOptions { Tags = new Dictionary<string, string> { ["color"] = color } },
                Soon);

            OrchestrationMetadata state = await client.WaitForInstanceCompletionAsync(id, true, Soon);
            Assert.Equal(color, state.ReadOutputAs<string>());
        }
    }

    [Fact]
    public async Task WorkItemFilters_FromTheRegistry_BringOnlyWhatIsRegistered()
    {
        await Sidecar.AddWorkerAsync(
            tasks => tasks.AddActivityFunc<int, string>("where", (_, _) => "one").AddEntity<Account>(),
            worker => worker.UseWorkItemFilters());
        await Sidecar.AddWorkerAsync(
            tasks => tasks.AddEntity<Account>("other").AddOrchestratorFunc<string>("test", async context =>
                await context.CallActivityAsync<string>("where", 1)
                + await context.Entities.CallEntityAsync<int>(new EntityInstanceId(nameof(Account), "a"), "add", 1)
                + await context.Entities.CallEntityAsync<int>(new EntityInstanceId("other", "a"), "add", 2)),
            worker => worker.UseWorkItemFilters().Configure(options => options.EnableEntitySupport = true));

        Assert.Equal("one12", (await RunAsync(Sidecar.CreateClient(), "test")).ReadOutputAs<string>());
    }

    [Theory]
    [InlineData("1.2", "1.10", -1)]
    [InlineData("a", "B", -1)]
    [InlineData(" ", "1", -1)]
    [InlineData("1", null, 1)]
    [InlineData("V1", "v1", 0)]
    public void Versions_AreComparedAsNumbersWhereTheyAre(string left, string? right, int expected) =>
        Assert.Equal(expected, Math.Sign(TaskOrchestrationVersioningUtils.CompareVersions(left, right!)));

    [Fact]
    public async Task DataConverter_AmongTheServices_IsUsed()
    {
        var converter = new JsonDataConverter(
            new() { PropertyNamingPolicy = System.Text.Json.JsonNamingPolicy.CamelCase });
        await Sidecar.AddWorkerAsync(
            tasks => tasks.AddOrchestratorFunc<Point>("test", _ => Task.FromResult(new Point(1))),
            worker => worker.Services.AddSingleton<DataConverter>(converter));

        OrchestrationMetadata state = await RunAsync(Sidecar.CreateClient(), "test");

        Assert.Equal("""{"xValue":1}""", state.SerializedOutput);
    }

    [Fact]
    public async Task ExceptionProperties_OfAProvider_ReachTheCaller()
    {
        await Sidecar.AddWorkerAsync(
            tasks => tasks
                .AddActivityFunc<int, int>("fail", (_, value) => Fail("no"))
                .AddOrchestratorFunc<string>("test", async context =>
                {
                    TaskFailedException error = await Assert.ThrowsAsync<TaskFailedException>(
                        () => context.CallActivityAsync<int>("fail", 1));
                    return $"{error.FailureDetails.Properties!["code"]}";
                }),
            worker => worker.Services.AddSingleton<IExceptionPropertiesProvider>(new CodeProvider()));

        Assert.Equal("7", (await RunAsync(Sidecar.CreateClient(), "test")).ReadOutputAs<string>());
    }

    [Fact]
    public async Task ReplaySafeLogger_OverSeveralEpisodes_WritesEachLineOnce()
    {
        var logs = new LineProvider();
        await Sidecar.AddWorkerAsync(
            tasks => tasks
                .AddActivityFunc<int, int>("echo", (_, value) => value)
                .AddOrchestratorFunc<int>("test", async context =>
                {
                    ILogger logger = context.CreateReplaySafeLogger("test");
                    for (int step = 0; step < 3; step++)
                    {
#pragma warning disable CA1848, CA2254 // A test's own line.
                        logger.LogInformation($"step {step}");
#pragma warning restore CA1848, CA2254
                        await context.CallActivityAsync<int>("echo", step);
                    }

                    return 1;
                }),
            worker => worker.Services.AddSingleton<ILoggerProvider>(logs));

        await RunAsync(Sidecar.CreateClient(), "test");

        Assert.Equal(["step 0", "step 1", "step 2"], logs.Lines);
    }

    private static int Fail(string message) => throw new InvalidOperationException(message);

    private sealed record Point(int XValue);

    private sealed class ColorFilter(string color) : IOrchestrationFilter
    {
        public ValueTask<bool> IsOrchestrationValidAsync(
            OrchestrationFilterParameters info, CancellationToken cancellationToken = default) =>
            new(info.Name == "where" && info.Tags!["color"] == color);
    }

    private sealed class CodeProvider : IExceptionPropertiesProvider
    {
        public IDictionary<string, object?> GetExceptionProperties(Exception exception) =>
            new Dictionary<string, object?> { ["code"] = 7 };
    }

    /// <summary>Keeps what is logged under the category "test".</summary>
    private sealed class LineProvider : ILoggerProvider
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => new Writer(categoryName == "test" ? Lines : new());

        public void Dispose()
        {
            // Nothing is held.
        }

        private sealed class Writer(ConcurrentQueue<string> lines) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(
                LogLevel logLevel, EventId eventId, TState state, Exception? exception,
                Func<TState, Exception?, string> formatter) => lines.Enqueue(formatter(state, exception));
        }
    }
}
