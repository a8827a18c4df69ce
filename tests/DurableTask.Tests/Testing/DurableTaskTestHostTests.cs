using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Entities;
using Microsoft.DurableTask.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Workflows.DurableTask.Tests.Entities;

namespace Workflows.DurableTask.Tests.Testing;

/// <summary>The host that users write their own tests with.</summary>
public sealed class DurableTaskTestHostTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StartAsync_WithServicesAndEntities_RunsAnOrchestration()
    {
        var id = new EntityInstanceId(nameof(Account), "a");
        await using DurableTaskTestHost host = await DurableTaskTestHost.StartAsync(
            tasks =>
            {
                tasks.AddEntity<Account>();
                tasks.AddActivity<Greet>();
                tasks.AddOrchestratorFunc<string>("test", async context =>
                {
                    int value = await context.Entities.CallEntityAsync<int>(id, "add", 2);
                    return await context.CallActivityAsync<string>(nameof(Greet), value);
                });
            },
            new() { ConfigureServices = services => services.AddSingleton(new Greeting("hi")) },
            Cancellation);

        string instance = await host.Client.ScheduleNewOrchestrationInstanceAsync("test", Cancellation);
        OrchestrationMetadata state = await host.Client.WaitForInstanceCompletionAsync(instance, true, Cancellation);

        Assert.Equal("hi 2", state.ReadOutputAs<string>());
        Assert.Equal("hi", host.Services.GetRequiredService<Greeting>().Text);
    }

    [Fact]
    public async Task AddInMemoryDurableTask_InAHost_StartsAndStopsWithIt()
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddLogging();
        builder.Services.AddInMemoryDurableTask(
            tasks => tasks.AddOrchestratorFunc<int, int>("echo", (_, value) => Task.FromResult(value)));
        using IHost host = builder.Build();
        await host.StartAsync(Cancellation);
        DurableTaskClient client = host.Services.GetRequiredService<DurableTaskClient>();

        string instance = await client.ScheduleNewOrchestrationInstanceAsync("echo", 3, Cancellation);
        OrchestrationMetadata state = await client.WaitForInstanceCompletionAsync(instance, true, Cancellation);
        await host.StopAsync(Cancellation);

        Assert.Equal(3, state.ReadOutputAs<int>());
    }

    public sealed record Greeting(string Text);

    public sealed class Greet(Greeting greeting) : TaskActivity<int, string>
    {
        public override Task<string> RunAsync(TaskActivityContext context, int input) =>
            Task.FromResult($"{greeting.Text} {input}");
    }
}
