using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Sdk;

/// <summary>Task hubs by the headers that the packages for the Durable Task Scheduler send.</summary>
public sealed class HubTests(SharedSidecar sidecar) : OfficialTest(sidecar)
{
    [Fact]
    public async Task TwoHubs_WithTheSameIdsAndNames_ShareNothing()
    {
        string other = $"{Hub}-other";
        DurableTaskClient elsewhere = CreateClient(hub: other);
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<string>("where", _ => Task.FromResult("here")));
        await WorkAsync(tasks => tasks.AddOrchestratorFunc<string>("where", _ => Task.FromResult("there")), hub: other);

        await StartAsync("where", null, new StartOrchestrationOptions("same"));
        await elsewhere.ScheduleNewOrchestrationInstanceAsync(
            "where", null, new StartOrchestrationOptions("same"), Soon);
        OrchestrationMetadata here = await EndAsync("same");
        OrchestrationMetadata there = await elsewhere.WaitForInstanceCompletionAsync("same", true, Soon);
        PurgeResult purged = await elsewhere.PurgeInstanceAsync("same", Soon);

        Assert.Equal(("here", "there"), (here.ReadOutputAs<string>(), there.ReadOutputAs<string>()));
        Assert.Equal(1, purged.PurgedInstanceCount);
        Assert.NotNull(await Client.GetInstanceAsync("same", Soon));
        Assert.Empty(await elsewhere.GetAllInstancesAsync().ToListAsync(Soon));
    }
}
