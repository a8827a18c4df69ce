using DurableTask.Core.History;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Sdk;

/// <summary>Failures and what is done again after them.</summary>
public sealed class FailureTests(SharedSidecar sidecar) : OfficialTest(sidecar)
{
    [Fact]
    public async Task Failure_OfAnActivityOfAChild_KeepsItsInnerFailures()
    {
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc("parent", context => context.CallSubOrchestratorAsync("child"))
            .AddOrchestratorFunc("child", context => context.CallActivityAsync("fails"))
            .AddActivityFunc("fails", _ => Fail()));

        OrchestrationMetadata state = await RunAsync("parent");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, state.RuntimeStatus);
        TaskFailureDetails outer = state.FailureDetails!;
        Assert.Equal(typeof(TaskFailedException).FullName, outer.ErrorType);
        Assert.Contains("'child'", outer.ErrorMessage, StringComparison.Ordinal);
        TaskFailureDetails middle = outer.InnerFailure!;
        Assert.Contains("'fails'", middle.ErrorMessage, StringComparison.Ordinal);
        TaskFailureDetails thrown = middle.InnerFailure!;
        Assert.Equal((typeof(ArgumentException).FullName, "outer"), (thrown.ErrorType, thrown.ErrorMessage));
        Assert.Contains(nameof(Fail), thrown.StackTrace, StringComparison.Ordinal);
        Assert.True(thrown.InnerFailure!.IsCausedBy<TimeoutException>());
        Assert.Equal("inner", thrown.InnerFailure.ErrorMessage);
    }

    [Fact]
    public async Task UnknownNames_FailWithTheirErrorTypes()
    {
        await WorkAsync(tasks => tasks.AddOrchestratorFunc("calls", context => context.CallActivityAsync("missing")));

        OrchestrationMetadata orchestrator = await RunAsync("absent");
        OrchestrationMetadata activity = await RunAsync("calls");

        Assert.Equal("OrchestratorTaskNotFound", orchestrator.FailureDetails!.ErrorType);
        Assert.Equal("ActivityTaskNotFound", activity.FailureDetails!.InnerFailure!.ErrorType);
    }

    [Theory]
    [InlineData(3, OrchestrationRuntimeStatus.Completed)]
    [InlineData(2, OrchestrationRuntimeStatus.Failed)]
    public async Task RetryPolicy_OfAnActivity_EndsAfterItsAttempts(int attempts, OrchestrationRuntimeStatus expected)
    {
        int calls = 0;
        var policy = new RetryPolicy(attempts, TimeSpan.FromMilliseconds(20), 2);
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc<int>("retries", context =>
                context.CallActivityAsync<int>("third works", options: TaskOptions.FromRetryPolicy(policy)))
            .AddActivityFunc("third works", _ => Interlocked.Increment(ref calls) is var call && call >= 3
                ? call : throw new InvalidOperationException("not yet")));

        OrchestrationMetadata state = await RunAsync("retries");

        Assert.Equal(expected, state.RuntimeStatus);
        Assert.Equal(attempts, calls);
    }

    [Fact]
    public async Task RetryHandler_OfAChild_DecidesByTheFailure()
    {
        int calls = 0;
        var seen = new List<string>();
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc("retries", context => context.CallSubOrchestratorAsync(
                "child", options: TaskOptions.FromRetryHandler(retry =>
                {
                    seen.Add($"{retry.LastAttemptNumber} {retry.LastFailure.InnerFailure!.ErrorMessage}");
                    return retry.LastFailure.InnerFailure.ErrorMessage != "3";
                })))
            .AddOrchestratorFunc("child", context => context.CallActivityAsync("fails"))
            .AddActivityFunc("fails", _ => throw new InvalidOperationException($"{Interlocked.Increment(ref calls)}")));

        OrchestrationMetadata state = await RunAsync("retries");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, state.RuntimeStatus);
        Assert.Equal(3, calls);
        Assert.Equal(["1 1", "2 2", "3 3"], seen.Distinct());
    }

    [Fact]
    public async Task RetryPolicy_ThatDoesNotHandleTheFailure_EndsAtOnce()
    {
        int calls = 0;
        var policy = new RetryPolicy(5, TimeSpan.FromMilliseconds(10))
        {
            HandleFailure = failure => !failure.IsCausedBy<ArgumentException>(),
        };
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc("retries", context =>
                context.CallActivityAsync("fails", options: TaskOptions.FromRetryPolicy(policy)))
            .AddActivityFunc("fails", _ =>
            {
                calls++;
                Fail();
            }));

        OrchestrationMetadata state = await RunAsync("retries");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, state.RuntimeStatus);
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task ChangedOrchestrator_FailsAsNotDeterministic()
    {
        bool changed = false;
        await WorkAsync(tasks => tasks
            .AddOrchestratorFunc("changes", async context =>
            {
                await context.CallActivityAsync(Volatile.Read(ref changed) ? "other" : "one");
                await context.WaitForExternalEvent<int>("go");
            })
            .AddActivityFunc("one", _ => { })
            .AddActivityFunc("other", _ => { }));
        string id = await StartAsync("changes");
        await UntilPastAsync<TaskCompletedEvent>(id);
        Volatile.Write(ref changed, true);

        await Client.RaiseEventAsync(id, "go", 1, Soon);
        OrchestrationMetadata state = await EndAsync(id);

        Assert.Equal(OrchestrationRuntimeStatus.Failed, state.RuntimeStatus);
        Assert.Contains("NonDeterministic", state.FailureDetails!.ErrorType, StringComparison.Ordinal);
    }

    private static void Fail() => throw new ArgumentException("outer", new TimeoutException("inner"));
}
