using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace Workflows.DurableTask.Tests.EndToEnd;

public sealed class ChildTests : EndToEndTest
{
    [Fact]
    public async Task Child_Succeeds_GivesItsResultAndKnowsItsParent()
    {
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<bool>("parent", async context =>
                    await context.CallSubOrchestratorAsync<string>("child", 3) == context.InstanceId);
                tasks.AddOrchestratorFunc<int, string>("child", async (context, _) =>
                {
                    await context.CreateTimer(TimeSpan.FromMilliseconds(10), CancellationToken.None);
                    return context.Parent!.InstanceId;
                });
            },
            "parent");

        Assert.True(result.ReadOutputAs<bool>());
    }

    [Fact]
    public async Task Child_Fails_FailsTheParentOneLevelDeeper()
    {
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc("parent", context => context.CallSubOrchestratorAsync("child"));
                tasks.AddOrchestratorFunc("child", context => context.CallActivityAsync("broken"));
                tasks.AddActivityFunc<int>("broken", (TaskActivityContext _) => Broken());
            },
            "parent");

        Assert.Equal(OrchestrationRuntimeStatus.Failed, result.RuntimeStatus);
        Assert.Contains("'child'", result.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
        Assert.Contains("'broken'", result.FailureDetails.InnerFailure!.ErrorMessage, StringComparison.Ordinal);
        Assert.True(result.FailureDetails.InnerFailure.InnerFailure!.IsCausedBy<InvalidOperationException>());
    }

    [Fact]
    public async Task Child_RetriedWithPolicy_RunsUnderNewIds()
    {
        int runs = 0;
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<int>("parent", context => context.CallSubOrchestratorAsync<int>(
                    "child", TaskOptions.FromRetryPolicy(new RetryPolicy(3, TimeSpan.FromMilliseconds(10)))));
                tasks.AddOrchestratorFunc<int>("child", context => context.CallActivityAsync<int>("flaky"));
                tasks.AddActivityFunc<int>(
                    "flaky", (TaskActivityContext _) => Interlocked.Increment(ref runs) < 3 ? Broken() : runs);
            },
            "parent");

        Assert.Equal(3, result.ReadOutputAs<int>());
    }

    [Fact]
    public async Task Child_IdOfAnUnfinishedOrchestration_FailsTheCall()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks =>
        {
            tasks.AddOrchestratorFunc<string>("parent", async context =>
            {
                try
                {
                    await context.CallSubOrchestratorAsync(
                        "waits", new TaskOptions().WithInstanceId("taken"));
                    return "started";
                }
                catch (TaskFailedException error)
                {
                    return error.FailureDetails.ErrorType;
                }
            });
            tasks.AddOrchestratorFunc<int>("waits", context => context.WaitForExternalEvent<int>("never"));
        });
        await client.ScheduleNewOrchestrationInstanceAsync("waits", new StartOrchestrationOptions("taken"), Soon);

        OrchestrationMetadata result = await RunAsync(client, "parent");

        Assert.EndsWith("OrchestrationAlreadyExistsException", result.ReadOutputAs<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Child_SameIdInEveryGeneration_RunsEachTime()
    {
        OrchestrationMetadata result = await RunAsync(
            tasks =>
            {
                tasks.AddOrchestratorFunc<int, int>("parent", async (context, generation) =>
                {
                    int value = await context.CallSubOrchestratorAsync<int>(
                        "child", generation, new TaskOptions().WithInstanceId("fixed-child"));
                    if (value < 4)
                    {
                        context.ContinueAsNew(value);
                    }

                    return value;
                });
                tasks.AddOrchestratorFunc<int, int>("child", (_, value) => Task.FromResult(value + 1));
            },
            "parent",
            0);

        Assert.Equal(4, result.ReadOutputAs<int>());
    }

    [Fact]
    public async Task Terminate_Recursive_EndsTheChildren()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(tasks =>
        {
            tasks.AddOrchestratorFunc("parent", context => context.CallSubOrchestratorAsync(
                "child", new TaskOptions().WithInstanceId($"{context.InstanceId}-child")));
            tasks.AddOrchestratorFunc("child", context => context.CallSubOrchestratorAsync(
                "leaf", new TaskOptions().WithInstanceId($"{context.InstanceId}-leaf")));
            tasks.AddOrchestratorFunc<int>("leaf", context => context.WaitForExternalEvent<int>("never"));
        });
        string id = await client.ScheduleNewOrchestrationInstanceAsync("parent", Soon);
        string leaf = $"{id}-child-leaf";
        await WaitForAsync(client, leaf, state => state.IsRunning);

        await client.TerminateInstanceAsync(id, new TerminateInstanceOptions("enough", Recursive: true), Soon);
        OrchestrationMetadata top = await client.WaitForInstanceCompletionAsync(id, true, Soon);
        OrchestrationMetadata bottom = await client.WaitForInstanceCompletionAsync(leaf, true, Soon);

        Assert.Equal(OrchestrationRuntimeStatus.Terminated, top.RuntimeStatus);
        Assert.Equal("enough", top.ReadOutputAs<string>());
        Assert.Equal(OrchestrationRuntimeStatus.Terminated, bottom.RuntimeStatus);
        PurgeResult purged = await client.PurgeInstanceAsync(id, new PurgeInstanceOptions(Recursive: true), Soon);
        Assert.Equal(3, purged.PurgedInstanceCount);
        Assert.Null(await client.GetInstanceAsync(leaf, Soon));
    }

    private static int Broken() => throw new InvalidOperationException("broken");
}
