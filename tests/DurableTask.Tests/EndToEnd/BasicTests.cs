using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.EndToEnd;

public sealed class BasicTests
{
    private static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token;

    [Fact]
    public async Task Sequence_FiveActivities_ReturnsResultOfLast()
    {
        await using SidecarHost sidecar = await SidecarHost.StartAsync();
        DurableTaskClient client = await sidecar.WithWorkerAsync(tasks =>
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
        });

        string id = await client.ScheduleNewOrchestrationInstanceAsync("sum", 10, Soon);
        OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.Equal(OrchestrationRuntimeStatus.Completed, result.RuntimeStatus);
        Assert.Equal(15, result.ReadOutputAs<int>());
        Assert.Equal(10, result.ReadInputAs<int>());
    }
}
