using System.Collections.Concurrent;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace Workflows.DurableTask.Tests.EndToEnd;

public sealed class ActivityTests : EndToEndTest
{
    [Fact]
    public async Task Sequence_FiveActivities_ReturnsResultOfLast()
    {
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<int, int>("sum", async (context, start) =>
                {
                    int sum = start;
                    for (int step = 0; step < 5; step++)
                    {
                        sum = await context.CallActivityAsync<int>("add", sum);
                    }

                    return sum;
                });
                tasks.AddActivityFunc<int, int>("add", (_, value) => value + 1);
            },
            "sum",
            10);

        Assert.Equal(OrchestrationRuntimeStatus.Completed, result.RuntimeStatus);
        Assert.Equal(15, result.ReadOutputAs<int>());
        Assert.Equal(10, result.ReadInputAs<int>());
    }

    [Fact]
    public async Task FanOut_FiveHundredActivities_KeepsOrderOfResults()
    {
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<int, int[]>("fan", (context, count) => Task.WhenAll(
                    Enumerable.Range(0, count).Select(item => context.CallActivityAsync<int>("square", item))));
                tasks.AddActivityFunc<int, int>("square", (_, value) => value * value);
            },
            "fan",
            500);

        Assert.Equal(Enumerable.Range(0, 500).Select(item => item * item), result.ReadOutputAs<int[]>()!);
    }

    [Fact]
    public async Task Input_ArraysAndNull_ArriveAsGiven()
    {
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<string>("inputs", async context =>
                    await context.CallActivityAsync<string>("join", new[] { 1, 2 })
                    + await context.CallActivityAsync<string>("nothing"));
                tasks.AddActivityFunc<int[], string>("join", (_, values) => string.Join('+', values));
                tasks.AddActivityFunc<string?, string>("nothing", (_, value) => value is null ? "none" : "some");
            },
            "inputs");

        Assert.Equal("1+2none", result.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Retry_PolicyWithTwoFailures_SucceedsOnThirdAttempt()
    {
        int attempts = 0;
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<int>("retry", context => context.CallActivityAsync<int>(
                    "flaky",
                    TaskOptions.FromRetryPolicy(new RetryPolicy(5, TimeSpan.FromMilliseconds(20), 1.5))));
                tasks.AddActivityFunc<int>("flaky", (TaskActivityContext _) => Interlocked.Increment(ref attempts) < 3
                    ? throw new InvalidOperationException("not yet")
                    : attempts);
            },
            "retry");

        Assert.Equal(3, result.ReadOutputAs<int>());
        Assert.Equal(3, attempts);
    }

    [Fact]
    public async Task Retry_PolicyIsUsedUp_FailsWithLastFailure()
    {
        int attempts = 0;
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<int>("retry", context => context.CallActivityAsync<int>(
                    "broken", TaskOptions.FromRetryPolicy(new RetryPolicy(2, TimeSpan.FromMilliseconds(10)))));
                tasks.AddActivityFunc<int>("broken", (TaskActivityContext _) =>
                    Broken(Interlocked.Increment(ref attempts)));
            },
            "retry");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, result.RuntimeStatus);
        Assert.Equal(2, attempts);
        Assert.Equal("attempt 2", result.FailureDetails!.InnerFailure!.ErrorMessage);
    }

    [Fact]
    public async Task Retry_HandleFailureRefuses_DoesNotRetry()
    {
        int attempts = 0;
        var policy = new RetryPolicy(5, TimeSpan.FromMilliseconds(10))
        {
            HandleFailure = failure => !failure.IsCausedBy<InvalidOperationException>(),
        };
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<int>(
                    "retry", context => context.CallActivityAsync<int>("broken", TaskOptions.FromRetryPolicy(policy)));
                tasks.AddActivityFunc<int>("broken", (TaskActivityContext _) =>
                    Broken(Interlocked.Increment(ref attempts)));
            },
            "retry");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, result.RuntimeStatus);
        Assert.Equal(1, attempts);
    }

    [Fact]
    public async Task Retry_HandlerDecides_SeesAttemptsAndFailures()
    {
        var seen = new ConcurrentQueue<(int Attempt, string Message)>();
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<int>("retry", context => context.CallActivityAsync<int>(
                    "broken",
                    TaskOptions.FromRetryHandler(retry =>
                    {
                        if (!context.IsReplaying)
                        {
                            seen.Enqueue((retry.LastAttemptNumber, retry.LastFailure.ErrorMessage));
                        }

                        return retry.LastAttemptNumber < 3;
                    })));
                int attempts = 0;
                tasks.AddActivityFunc<int>("broken", (TaskActivityContext _) =>
                    Broken(Interlocked.Increment(ref attempts)));
            },
            "retry");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, result.RuntimeStatus);
        Assert.Equal([(1, "attempt 1"), (2, "attempt 2"), (3, "attempt 3")], seen);
    }

    [Fact]
    public async Task Failure_ThroughActivity_RecordsTheWholeChain()
    {
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc("fails", context => context.CallActivityAsync("inner"));
                tasks.AddActivityFunc("inner", (TaskActivityContext _) =>
                {
                    throw new InvalidOperationException("outer text", new ArgumentException("inner text"));
#pragma warning disable CS0162 // Chooses the overload.
                    return Task.CompletedTask;
#pragma warning restore CS0162
                });
            },
            "fails");

        TaskFailureDetails failure = result.FailureDetails!;
        Assert.Equal("Microsoft.DurableTask.TaskFailedException", failure.ErrorType);
        Assert.Equal("Task 'inner' (#0) failed with an unhandled exception: outer text", failure.ErrorMessage);
        Assert.True(failure.InnerFailure!.IsCausedBy<InvalidOperationException>());
        Assert.Contains("ActivityTests", failure.InnerFailure.StackTrace, StringComparison.Ordinal);
        Assert.True(failure.InnerFailure.InnerFailure!.IsCausedBy<ArgumentException>());
    }

    [Fact]
    public async Task Orchestration_CatchesFailure_CanGoOn()
    {
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<string>("catches", async context =>
                {
                    try
                    {
                        return await context.CallActivityAsync<string>("broken");
                    }
                    catch (TaskFailedException error)
                    {
                        return $"{error.TaskName}:{error.FailureDetails.ErrorMessage}";
                    }
                });
                tasks.AddActivityFunc<int>("broken", (TaskActivityContext _) => Broken(7));
            },
            "catches");

        Assert.Equal("broken:attempt 7", result.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Names_UnknownToTheWorker_FailWithoutRetry()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks => tasks.AddOrchestratorFunc<int>(
            "calls", context => context.CallActivityAsync<int>(
                "missing", TaskOptions.FromRetryPolicy(new RetryPolicy(5, TimeSpan.FromMinutes(5))))));

        OrchestrationMetadata orchestrator = await RunAsync(client, "nobody");
        OrchestrationMetadata activity = await RunAsync(client, "calls");

        Assert.Equal("OrchestratorTaskNotFound", orchestrator.FailureDetails!.ErrorType);
        Assert.Equal("ActivityTaskNotFound", activity.FailureDetails!.InnerFailure!.ErrorType);
    }

    [Fact]
    public async Task Replay_CodeChanged_FailsWithMismatch()
    {
        int runs = 0;
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<int>("changed", async context =>
                {
                    string name = Interlocked.Increment(ref runs) == 1 ? "one" : "two";
                    await context.CallActivityAsync(name);
                    return await context.CallActivityAsync<int>("one");
                });
                tasks.AddActivityFunc<int>("one", (TaskActivityContext _) => 1);
                tasks.AddActivityFunc<int>("two", (TaskActivityContext _) => 2);
            },
            "changed");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, result.RuntimeStatus);
        Assert.Contains("Non-deterministic", result.FailureDetails!.ErrorMessage, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("'one'", result.FailureDetails.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Context_GuidTimeAndIds_ReplayToTheSameValues()
    {
        var seen = new ConcurrentBag<string>();
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<bool>("guids", async context =>
                {
                    string first = $"{context.NewGuid()} {context.NewGuid()} {context.CurrentUtcDateTime:O}";
                    seen.Add(first);
                    await context.CallActivityAsync("nothing");
                    await context.CallActivityAsync("nothing");
                    return context.NewGuid() != context.NewGuid();
                });
                tasks.AddActivityFunc("nothing", (TaskActivityContext _) => { });
            },
            "guids");

        Assert.True(result.ReadOutputAs<bool>());
        Assert.Equal(3, seen.Count);
        Assert.Single(seen.Distinct());
    }

    private static int Broken(int attempt) => throw new InvalidOperationException($"attempt {attempt}");
}
